"""A clone that people work in: they catch up, edit, commit at a time of the story, and push."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from consistency.core.workplan.edit import EditRefusedError, set_statuses
from consistency.git.process import Git, GitError
from demo.data.catalog import Person

# The user's own settings stay out: whatever they are, the same repositories come of it.
_SETTINGS = {
    "user.name": "Demo",
    "user.email": "demo@example.org",
    "commit.gpgSign": "false",
    "core.autocrlf": "false",
    "core.hooksPath": ".git/hooks",
    "core.logAllRefUpdates": "false",
}


class Desk:
    """One clone on one machine."""

    def __init__(self, path: Path) -> None:
        """Take the path of a clone, or of one that will be there."""
        self.path = path
        self._git = Git(str(path))

    @classmethod
    def cloned(cls, origin: Path, path: Path) -> Desk:
        """Return a new clone of *origin*, which may be empty. Raises GitError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        settings = [part for item in _SETTINGS.items() for part in ("--config", "=".join(item))]
        Git(str(path.parent)).run("clone", "--quiet", "--template=", *settings, str(origin), path.name)
        return cls(path)

    def catch_up(self) -> None:
        """Come level with the origin, if it is there: fast forward, else rebase, else take what the origin has."""
        try:
            self._git.run("fetch", "--quiet")
        except GitError:
            return
        try:
            self._git.run("merge", "--quiet", "--ff-only", "origin/main")
        except GitError:
            self._rebase()

    def _rebase(self) -> None:
        try:
            self._git.run("rebase", "--quiet", "--autostash", "origin/main")
        except GitError:
            self._git.run("rebase", "--quit", ok=(0, 128))
            self._git.run("checkout", "--quiet", "--force", "-B", "main", "--track", "origin/main")

    def write(self, path: str, data: bytes) -> None:
        """Put *data* into the file *path*."""
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def read(self, path: str) -> bytes:
        """Return the text of the file *path*."""
        return (self.path / path).read_bytes()

    def replace(self, path: str, old: str, new: str) -> None:
        """Write *new* for the first *old* in the file, if they are there."""
        if (self.path / path).exists():
            self.write(path, self.read(path).replace(old.encode(), new.encode(), 1))

    def move(self, path: str, task: str, status: str) -> None:
        """Change a task's status in the file, as a person would; one that is gone or cannot be read is left alone."""
        try:
            self.write(path, set_statuses(path, self.read(path), {task: status}).data)
        except (FileNotFoundError, EditRefusedError):
            return

    def commit(self, who: Person, at: datetime, message: str) -> bool:
        """Commit all there is, if there is anything."""
        if not self._git.run("status", "--porcelain"):
            return False
        self._git.run("add", "--all")
        date = f"@{int(at.timestamp())} +0000"
        people = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in _signed(who, date)}
        self._git.run("commit", "--quiet", "--no-verify", f"--message={message}", env=people)
        return True

    def push(self) -> bool:
        """Push, unless the origin has what this clone lacks or is not there."""
        try:
            self._git.run("push", "--quiet", "--no-verify")
        except GitError:
            return False
        return True

    def detach(self) -> None:
        """Leave the branch, as people do to look at an old commit."""
        self._git.run("checkout", "--quiet", "--detach")

    def attach(self) -> None:
        """Go back to the branch."""
        self._git.run("checkout", "--quiet", "main")

    def refuse_commits(self, words: str) -> None:
        """Install a hook that refuses every commit message without a ticket."""
        hook = self.path / ".git/hooks/commit-msg"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ngrep -Eq '^[A-Z]+-[0-9]+' \"$1\" || {{ echo '{words}' >&2; exit 1; }}\n")
        os.chmod(hook, 0o755)  # noqa: S103 - git runs only executable hooks

    def accept_commits(self) -> None:
        """Take the hook away."""
        (self.path / ".git/hooks/commit-msg").unlink(missing_ok=True)


def _signed(who: Person, date: str) -> tuple[tuple[str, str], ...]:
    return (("NAME", who.name), ("EMAIL", who.mail), ("DATE", date))
