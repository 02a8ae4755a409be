"""A forge's hook for pushes to `refs/for/BRANCH`, as Gitea and Forgejo do it: each topic has one open request.

The requests are in the file `requests.json` of the repository: number → topic and whether it is open.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HOOK = """#!/bin/sh
exec {python} {module} "$@"
"""


def install(repository: Path) -> None:
    """Let the bare *repository* take such pushes, and push options."""
    for name, value in {"receive.procReceiveRefs": "refs/for", "receive.advertisePushOptions": "true"}.items():
        subprocess.run(["git", "-C", str(repository), "config", name, value], check=True)
    hook = repository / "hooks" / "proc-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK.format(python=sys.executable, module=Path(__file__).resolve()))
    hook.chmod(0o755)


def requests(repository: Path) -> dict[str, dict[str, object]]:
    """Return the requests of the bare *repository*, by number."""
    file = repository / "requests.json"
    return dict(json.loads(file.read_text())) if file.exists() else {}


def close(repository: Path, number: int) -> None:
    """Close a request, or merge it: the forge keeps its commits."""
    kept = requests(repository)
    kept[str(number)]["open"] = False
    (repository / "requests.json").write_text(json.dumps(kept))


def _git(*command: str) -> str:
    return subprocess.run(["git", *command], check=True, capture_output=True, text=True).stdout.strip()


def _read() -> bytes | None:
    """Read one pkt-line of git (gitprotocol-common); None for a flush."""
    size = int(sys.stdin.buffer.read(4), 16)
    return sys.stdin.buffer.read(size - 4).rstrip(b"\n") if size else None


def _write(*lines: str) -> None:
    for line in lines:
        sys.stdout.buffer.write(f"{len(line.encode()) + 4:04x}{line}".encode())
    sys.stdout.buffer.write(b"0000")
    sys.stdout.buffer.flush()


def _read_all() -> list[str]:
    lines = []
    while (line := _read()) is not None:
        lines.append(line.decode())
    return lines


def _answer(old: str, new: str, ref: str, options: dict[str, str], repository: Path) -> list[str]:
    """Open or update the request of the topic; return the lines about *ref* (githooks, "proc-receive")."""
    if not int(new, 16):
        return [f"ng {ref} Can't delete not exist branch"]
    kept = requests(repository)
    number = next((each for each, about in kept.items() if about["topic"] == options["topic"] and about["open"]), "")
    if number:
        before = _git("rev-parse", f"refs/pull/{number}/head")
        if before == new:
            return [f"ng {ref} new commit is same with old commit"]
        if "force-push" not in options and _git("rev-list", "--max-count=1", before, f"^{new}"):
            return [f"ng {ref} request `force-push` push option"]
    else:
        number = str(len(kept) + 1)
        kept[number] = {"topic": options["topic"], "title": options.get("title", ""), "open": True}
        (repository / "requests.json").write_text(json.dumps(kept))
    _git("update-ref", f"refs/pull/{number}/head", new)
    return [f"ok {ref}", f"option refname refs/pull/{number}/head", f"option new-oid {new}"]


def main() -> None:
    """Answer one push (gitprotocol-common, githooks)."""
    _read_all()
    _write("version=1\0push-options\n")
    commands = [line.split(" ", 2) for line in _read_all()]
    options = dict(line.partition("=")[::2] for line in _read_all())
    repository = Path(os.environ["GIT_DIR"]).resolve()
    _write(*(line for old, new, ref in commands for line in _answer(old, new, ref, options, repository)))


if __name__ == "__main__":
    main()
