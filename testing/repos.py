"""Real git repositories in temporary folders: a bare origin and its clones."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from testing.environment import USER_EMAIL, USER_NAME


@dataclass(frozen=True)
class Repository:
    """A repository on disk. `git` runs any command in it."""

    path: Path

    def git(self, *args: str, input: str | None = None, env: Mapping[str, str] | None = None) -> str:
        """Run git here; return its stdout without the last line end. Raises AssertionError with git's message."""
        run = subprocess.run(
            ["git", *args], cwd=self.path, env=_environment() | dict(env or {}),
            input=input, capture_output=True, text=True, encoding="utf-8", errors="surrogateescape", check=False,
        )  # fmt: skip
        if run.returncode:
            raise AssertionError(f"git {' '.join(args)} failed with {run.returncode}: {run.stderr or run.stdout}")
        return run.stdout.removesuffix("\n")

    @property
    def git_folder(self) -> Path:
        """The folder of git's own files; of a linked work tree, the file that names it."""
        inside = self.path / ".git"
        return inside if inside.exists() else self.path

    @property
    def head(self) -> str:
        """The full name of the commit at HEAD; read from the files if they are simple, which costs no process."""
        with suppress(OSError, UnicodeDecodeError):
            head = (self.git_folder / "HEAD").read_text().strip().removeprefix("ref: ")
            commit = (self.git_folder / head).read_text().strip() if head.startswith("refs/") else head
            if re.fullmatch("[0-9a-f]{40,64}", commit):
                return commit
        return self.git("rev-parse", "HEAD")


@dataclass(frozen=True)
class Clone(Repository):
    """A clone with a work tree."""

    def write(self, path: str, content: str | bytes) -> Path:
        """Write a file and missing folders above it; text is encoded as UTF-8, line ends are not changed."""
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def read(self, path: str) -> bytes:
        """Return the bytes of a file."""
        return (self.path / path).read_bytes()

    def commit(self, message: str = "Change", *, date: str | None = None) -> str:
        """Commit all changes and new files; return the commit. *date* is both dates, in any format of git."""
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date} if date else {}
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}", env=dates)
        return self.head

    def push(self, *args: str) -> None:
        """Push HEAD to the branch of the same name at origin, and make that its upstream."""
        self.git("push", "--quiet", "--set-upstream", *args, "origin", "HEAD")

    def pull(self) -> None:
        """Fast-forward to the origin's branch."""
        self.git("pull", "--quiet", "--ff-only")

    def status(self) -> list[str]:
        """Return the lines of `git status --porcelain`; none in a clean work tree."""
        return self.git("status", "--porcelain", "--untracked-files=all").splitlines()

    def log(self, format: str = "%s") -> list[str]:
        """Return one line for each commit of HEAD, newest first."""
        return self.git("log", f"--format={format}").splitlines()


@dataclass(frozen=True)
class Origin(Repository):
    """A bare repository that clones push to."""

    def clone(self, name: str = "clone", *args: str) -> Clone:
        """Make a clone in a folder of that *name* beside the origin; *args* are options of `git clone`."""
        self.git("clone", "--quiet", *args, str(self.path), str(self.path.with_name(name)))
        return Clone(self.path.with_name(name))


def make_origin(path: Path) -> Origin:
    """Create a bare repository at *path* whose branch `main` has one commit, with a README.md."""
    template, tree = _template(os.environ["HOME"])
    shutil.copytree(template, path)
    # The path is in the message, so that no two origins begin with the same commit, however fast they are made.
    commit = _write_commit(path, tree, f"Start\n\n{path}")
    (path / "refs/heads/main").write_text(f"{commit}\n")
    return Origin(path)


def _write_commit(repository: Path, tree: str, message: str) -> str:
    """Write the object of a first commit, as `git commit-tree` does, without a process; return its name."""
    who = f"{USER_NAME} <{USER_EMAIL}> {int(time.time())} +0000"
    text = f"tree {tree}\nauthor {who}\ncommitter {who}\n\n{message}\n".encode()
    data = b"commit %d\0%b" % (len(text), text)
    name = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    file = repository / "objects" / name[:2] / name[2:]
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(zlib.compress(data, 1))
    file.chmod(0o444)
    return name


def read_refusal(folder: Path) -> str:
    """Return the lines that git refuses to work in *folder* with; they name the mount point above it, if any."""
    run = subprocess.run(
        ["git", "rev-parse"], cwd=folder, env=_environment(), capture_output=True, text=True, check=False
    )
    return " · ".join(run.stderr.splitlines())


@cache
def _template(home: str) -> tuple[Path, str]:
    """Create a bare repository to be copied, and the tree of its first commit; it goes with the tests' *home*."""
    origin = Origin(Path(tempfile.mkdtemp(prefix="origin-", dir=home)))
    origin.git("init", "--quiet", "--bare", "--initial-branch=main")
    blob = origin.git("hash-object", "-w", "--stdin", input="# A repo\n")
    return origin.path, origin.git("mktree", input=f"100644 blob {blob}\tREADME.md\n")


@pytest.fixture
def new_origin(tmp_path: Path) -> Callable[[str], Origin]:
    """Make another origin, in a folder of that name; its clones are beside it."""
    return lambda name: make_origin(tmp_path / name / "origin.git")


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    """Create a bare repository whose branch `main` has one commit. `origin.clone("there")` makes another clone."""
    return make_origin(tmp_path / "origin.git")


@pytest.fixture
def clone(origin: Origin) -> Clone:
    """Create a clone of `origin`, in a folder `clone` beside it."""
    return origin.clone()


def _environment() -> dict[str, str]:
    """Return the environment without the caller's GIT_* variables, and without the system's git settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {"GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
