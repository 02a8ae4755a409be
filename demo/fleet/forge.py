"""A forge: bare repositories whose hooks protect the branch and announce each push to a webhook, with a signature."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

from testing.repos import Origin, make_origin

BRANCH, PROPOSAL = "main", "statehub/main"
REFUSAL = "main is protected: open a request"

_STATUS = re.compile(r"^id: (\S+)\nstatus: (\w+)$", re.MULTILINE)

# As forges do it: the signature is over the body. Only Python's own modules: it starts quickly.
_DELIVER = """\
import hashlib, hmac, json, sys, urllib.request

webhook = json.load(open(sys.argv[1]))
pushes = [line.split() for line in sys.stdin]
body = json.dumps([{"ref": ref, "before": before, "after": after} for before, after, ref in pushes]).encode()
digest = hmac.new(webhook["secret"].encode(), body, hashlib.sha256).hexdigest()
headers = {"Content-Type": "application/json", "X-Statehub-Signature-256": f"sha256={digest}"}
urllib.request.urlopen(urllib.request.Request(webhook["url"], body, headers), timeout=10).close()
"""

_PROTECT = f"""\
while read -r before after ref; do
    [ "$ref" != refs/heads/{BRANCH} ] || {{ echo '{REFUSAL}' >&2; exit 1; }}
done
"""


class Forge:
    """The bare repositories in a folder."""

    def __init__(self, folder: Path) -> None:
        """Take a folder that is not there yet."""
        folder.mkdir()
        self._folder = folder
        self._program = folder / "deliver.py"
        self._program.write_text(_DELIVER)

    def path(self, repo: str) -> Path:
        """Return the path of the repository, which people and the hub clone from."""
        return self._folder / f"{repo}.git"

    def create(self, repo: str) -> None:
        """Make a repository with a README."""
        make_origin(self.path(repo))

    def add_webhook(self, repo: str, url: str, secret: str) -> None:
        """Announce each push from now on."""
        settings = self.path(repo) / "webhook.json"
        settings.write_text(json.dumps({"url": url, "secret": secret}))
        command = shlex.join([sys.executable, "-I", "-S", str(self._program), str(settings)])
        self._write_hook(repo, "post-receive", f"exec {command}\n")

    def protect(self, repo: str) -> None:
        """Refuse each push to the branch."""
        self._write_hook(repo, "pre-receive", _PROTECT)

    def merge(self, repo: str) -> None:
        """Merge the proposal, as a person does on its page, and announce it."""
        origin = Origin(self.path(repo))
        before = origin.git("rev-parse", BRANCH)
        author = {f"GIT_{role}_{field}": text for role in ("AUTHOR", "COMMITTER") for field, text in _PERSON.items()}
        message = f"Merge branch '{PROPOSAL}'"
        after = origin.git(
            "commit-tree", f"{PROPOSAL}^{{tree}}", "-p", before, "-p", PROPOSAL, "-m", message, env=author
        )
        origin.git("update-ref", f"refs/heads/{BRANCH}", after, before)
        pushed = f"{before} {after} refs/heads/{BRANCH}\n"
        subprocess.run(
            [self.path(repo) / "hooks" / "post-receive"], cwd=self.path(repo), input=pushed, text=True, check=True
        )

    def tip(self, repo: str, branch: str = BRANCH) -> str:
        """Return the commit of a branch; '' if there is no such branch."""
        return Origin(self.path(repo)).git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")

    def statuses(self, repo: str, branch: str = BRANCH) -> dict[str, str]:
        """Return the status of each task in the workplans of a branch, by id; none if there is no such branch."""
        if not self.tip(repo, branch):
            return {}
        origin = Origin(self.path(repo))
        files = origin.git("ls-tree", "-r", "--name-only", branch, "workplans").splitlines()
        return {
            task: status for file in files for task, status in _STATUS.findall(origin.git("show", f"{branch}:{file}"))
        }

    def log(self, repo: str, branch: str = BRANCH) -> list[str]:
        """Return author and subject of each commit, newest first."""
        return Origin(self.path(repo)).git("log", "--format=%an: %s", branch).splitlines()

    def _write_hook(self, repo: str, name: str, text: str) -> None:
        hook = self.path(repo) / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{text}")
        hook.chmod(0o755)


_PERSON = {"NAME": "Grace", "EMAIL": "grace@localhost"}
