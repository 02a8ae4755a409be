"""A stage: repositories, a hub and a server in one folder, set back to the same start before every run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from testing.database import Database, migrate
from testing.environment import HOST
from testing.manage import ROOT
from testing.repos import Clone, Origin
from tests.crash.seam import Plan

MOVING = {"objects", "logs", "index", "FETCH_HEAD", "ORIG_HEAD", "COMMIT_EDITMSG"}
"""In a git folder: parts that differ between two ways to the same end."""

START = "start"
USER = "crash"
"""The user that runs name if they know no other."""


class ServerGoneError(Exception):
    """The process that runs the commands has ended unexpectedly."""


@dataclass(frozen=True)
class Ran:
    """How a run ended: its exit status (negative: the signal), what it said, and its effects (kind, name) in order."""

    exit: int
    stdout: str
    stderr: str
    effects: tuple[tuple[str, str], ...]

    @property
    def said(self) -> str:
        """All that a person can read of it."""
        return self.stdout + self.stderr


class Stage:
    """A stage. Leave it as a context manager: that ends its server.

    `place` holds the repositories: `origin.git`, the clone `a` in which the runs work, and `b`, where others do.
    `env` and `settings` (Django's) are additions for the runs.
    """

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder, self.database = folder, database
        self.place, self._kept, self._out = folder / "place", folder / "kept", folder / "out"
        for path in (self.place, self._out, folder / "tmp"):
            path.mkdir(parents=True, exist_ok=True)
        self.origin = Origin(self.place / "origin.git")
        self.a, self.b = Clone(self.place / "a"), Clone(self.place / "b")
        self.env, self.settings = dict[str, str](), dict[str, Any]()
        database.create()
        migrate(database)
        self._server = self._start()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.communicate()

    def keep(self) -> None:
        """Take the present state as the start."""
        shutil.copytree(self.place, self._kept, symlinks=True)
        self.database.save(START)

    def restore(self) -> None:
        """Restore the start. The contents of `place` go, `place` itself stays: it may be a file system of its own."""
        for path in self.place.iterdir():
            shutil.rmtree(path)
        for path in self._kept.iterdir():
            if path.is_dir():
                shutil.copytree(path, self.place / path.name, symlinks=True)
        self.database.restore(START)

    def run(self, args: Sequence[str], plan: Plan | None = None) -> Ran:
        """Run `manage.py` with *args*, to its end or as *plan* has it, and wait for all it leaves behind."""
        out, err, log = (str(self._out / name) for name in ("out", "err", "log"))
        names = {str(self.place): "", str(self.folder): "~"}
        wanted = plan or Plan()
        exit = self._ask(
            do="command", args=list(args), plan={"what": wanted.what, "at": wanted.at}, names=names,
            out=out, err=err, log=log, env=self.env, settings=self.settings,
        )["exit"]  # fmt: skip
        effects = tuple(tuple(line.split("\t")) for line in Path(log).read_text().splitlines())
        return Ran(exit, Path(out).read_text(), Path(err).read_text(), effects)  # type: ignore[arg-type]  # pairs

    def hub(self) -> dict[str, Any]:
        """Return the hub as `rows.snapshot` reads it."""
        out, err = str(self._out / "rows"), str(self._out / "rows-err")
        if self._ask(do="rows", out=out, err=err)["exit"]:
            raise ServerGoneError(Path(err).read_text())
        return dict(json.loads(Path(out).read_text()))

    def snapshot(self) -> dict[str, Any]:
        """Return the end state: the hub, both repositories, the files, and what must not be left behind."""
        hub = self.hub()
        return {
            **hub["rows"],
            "history": hub["history"],
            "database": self.database.integrity_error(),
            "clone": _repository(self.a),
            "origin": _repository(self.origin),
            "files": files(self.a),
            "temporary": sorted(os.listdir(self.folder / "tmp")),
        }

    def locks(self) -> list[Path]:
        """Return every lock file in a git folder."""
        return sorted(
            path for path in self.place.rglob("*.lock") if ".git" in str(path) and path.name != "statehub.lock"
        )

    def _start(self) -> subprocess.Popen[str]:
        drop = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")  # killed processes cannot save their counts
        env = {name: value for name, value in os.environ.items() if name not in drop}
        env |= {
            "DATABASE_URL": self.database.url,
            "DJANGO_SETTINGS_MODULE": "statehub.settings_base",
            "STATEHUB_HOST": HOST,
            "STATEHUB_USER": USER,
            "STATEHUB_VAR": str(self.folder / "var"),
            "TMPDIR": str(self.folder / "tmp"),
        }
        command = [sys.executable, "-m", "tests.crash.server"]
        return subprocess.Popen(command, cwd=ROOT, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _ask(self, **request: Any) -> dict[str, Any]:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        answer = self._server.stdout.readline()
        if not answer:
            raise ServerGoneError(f"the server ended with {self._server.wait()}")
        return dict(json.loads(answer))


def files(clone: Clone) -> dict[str, tuple[bytes, int]]:
    """Return every file of the work tree: path → bytes and mode."""
    paths = (path for path in clone.path.rglob("*") if ".git" not in path.parts and path.is_file())
    return {str(path.relative_to(clone.path)): (path.read_bytes(), path.stat().st_mode) for path in sorted(paths)}


def _repository(repository: Clone | Origin) -> dict[str, object]:
    git = Path(repository.git("rev-parse", "--absolute-git-dir"))
    listed = (path.relative_to(git) for path in git.rglob("*"))
    bare = isinstance(repository, Origin)
    return {
        "head": repository.head,
        "branch": repository.git("symbolic-ref", "HEAD"),
        "refs": repository.git("for-each-ref"),
        "fsck": repository.git("fsck", "--full", "--strict", "--no-dangling", "--no-progress"),
        "status": ""
        if bare
        else repository.git("--no-optional-locks", "status", "--porcelain=v2", "--untracked-files=all"),
        "index": "" if bare else repository.git("ls-files", "--stage", "-v"),
        "git folder": sorted(str(path) for path in listed if path.parts[0] not in MOVING),
        "half objects": sorted(str(path) for path in git.rglob("tmp_*")),
    }
