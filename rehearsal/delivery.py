"""The git server's part of a webhook: its `post-receive` hooks deliver as Gitea does, by https through the proxy."""

from __future__ import annotations

import hmac
import json
import subprocess
import sys
from pathlib import Path

from rehearsal.stage import ROOT
from rehearsal.visitor import Visitor


def install_hook(repository: Path, port: int, certificate: Path, path: str, secret: str) -> None:
    """Let the bare *repository* deliver each push to the hub's *path*, signed with *secret*."""
    subprocess.run(["git", "config", "core.logAllRefUpdates", "true"], cwd=repository, check=True)
    script = repository / "hooks/post-receive"
    script.parent.mkdir(exist_ok=True)
    words = [sys.executable, "-m", "rehearsal.delivery", str(port), str(certificate), path, secret, str(repository)]
    script.write_text(f"#!/bin/sh\ncd '{ROOT}' && exec {' '.join(words)}\n")
    script.chmod(0o755)


def read_answers(repository: Path) -> list[str]:
    """Return the status of each answer to the deliveries of *repository*."""
    file = repository / "deliveries"
    return file.read_text().split() if file.exists() else []


def count_undelivered(repository: Path) -> int:
    """Return the number of pushes to *repository* whose delivery was not answered yet."""
    pushes = repository / "logs/refs/heads/main"
    return len(pushes.read_text().splitlines() if pushes.exists() else []) - len(read_answers(repository))


def main(port: str, certificate: str, path: str, secret: str, repository: str) -> None:
    """Deliver one push and record the answer's status."""
    body = json.dumps({"ref": "refs/heads/main"})
    signature = hmac.new(secret.encode(), body.encode(), "sha256").hexdigest()
    headers = {"Content-Type": "application/json", "X-Gitea-Event": "push", "X-Gitea-Signature": signature}
    status, _, _ = Visitor(int(port), Path(certificate)).send("POST", path, body, headers)
    with Path(repository, "deliveries").open("a") as answers:
        answers.write(f"{status}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
