"""Counts real git processes: a `git` first in PATH that notes its arguments and goes on as the real one."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# Only processes of the tool itself count, not those that git starts in turn: the marker is inherited. One printf makes
# one write, so that processes at the same time do not mix. Fields end with \037, processes with \036: arguments may
# hold line ends.
SHIM = r"""#!/bin/sh
if [ -z "$STATEHUB_TEST_INSIDE_GIT" ]; then
    printf '%s\036' "$(printf '%s\037' "$@")" >>{log}
fi
export STATEHUB_TEST_INSIDE_GIT=1
exec {git} "$@"
"""


@dataclass(frozen=True)
class GitProcesses:
    """The git processes since the test began, or since `clear`."""

    log: Path

    @property
    def calls(self) -> list[list[str]]:
        """The arguments of each, in the order of their starts."""
        text = self.log.read_text(encoding="utf-8", errors="surrogateescape") if self.log.exists() else ""
        return [call.removesuffix("\037").split("\037") for call in text.split("\036")[:-1]]

    def __len__(self) -> int:
        return len(self.calls)

    def __iter__(self) -> Iterator[list[str]]:
        return iter(self.calls)

    def clear(self) -> None:
        """Forget what was noted so far."""
        self.log.unlink(missing_ok=True)


@pytest.fixture
def git_processes(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> GitProcesses:
    """Notes every git process of this test, the tests' own helpers' too: `clear()` it before what is counted."""
    real = shutil.which("git")
    assert real, "git is not in PATH"
    folder = tmp_path_factory.mktemp("gitlog")
    processes = GitProcesses(folder / "log")
    shim = folder / "bin" / "git"
    shim.parent.mkdir()
    shim.write_text(SHIM.format(log=shlex.quote(str(processes.log)), git=shlex.quote(real)))
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(shim.parent), prepend=":")
    return processes
