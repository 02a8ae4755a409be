"""Counts real git processes: a `git` first in PATH that logs its arguments and then becomes the real git."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# Only the tool's own processes count, not those that git starts in turn: the marker is inherited. One printf makes one
# write, so that parallel processes do not mix. Fields end with \037, processes with \036: arguments may have line ends.
SHIM = r"""#!/bin/sh
if [ -z "$STATEHUB_TEST_INSIDE_GIT" ]; then
    printf '%s\036' "$(printf '%s\037' "$@")" >>{log}
fi
export STATEHUB_TEST_INSIDE_GIT=1
exec {git} "$@"
"""


@dataclass(frozen=True)
class GitProcesses:
    """The git processes that were started with `path` as their PATH, since the beginning or since `clear`."""

    log: Path
    path: str

    @classmethod
    def logged_in(cls, folder: Path) -> GitProcesses:
        """Write the shim into *folder*, which is created if missing."""
        real = shutil.which("git")
        assert real, "git is not in PATH"
        log, shim = folder / "log", folder / "bin" / "git"
        shim.parent.mkdir(parents=True, exist_ok=True)
        shim.write_text(SHIM.format(log=shlex.quote(str(log)), git=shlex.quote(real)))
        shim.chmod(0o755)
        return cls(log, f"{shim.parent}{os.pathsep}{os.environ['PATH']}")

    @property
    def calls(self) -> list[list[str]]:
        """Return the arguments of each process, in the order of their starts."""
        text = self.log.read_text(encoding="utf-8", errors="surrogateescape") if self.log.exists() else ""
        return [call.removesuffix("\037").split("\037") for call in text.split("\036")[:-1]]

    def __len__(self) -> int:
        return len(self.calls)

    def __iter__(self) -> Iterator[list[str]]:
        return iter(self.calls)

    def clear(self) -> None:
        """Forget all processes so far."""
        self.log.unlink(missing_ok=True)


@pytest.fixture
def git_processes(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> GitProcesses:
    """Log every git process of this test, including those of test helpers: `clear()` before the part that counts."""
    processes = GitProcesses.logged_in(tmp_path_factory.mktemp("gitlog"))
    monkeypatch.setenv("PATH", processes.path)
    return processes
