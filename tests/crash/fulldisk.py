"""A disk that is really full: the repositories are on a small tmpfs with room for N more pages.

It needs the right to mount. Every number of free pages is tried, from none to as many as the undisturbed run takes.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.crash.scenarios import Scenario
from tests.crash.series import NEVER, Undisturbed, between_faults, differences
from tests.crash.stage import Stage

PAGE = 4096
ROOMY = 64 * 1024 * 1024


class MountError(Exception):
    """This machine lets us mount nothing; the text is mount's own words."""


@dataclass(frozen=True)
class Full:
    """One run with *pages* free, whether the disk's end was felt, and the faults."""

    pages: int
    felt: bool
    faults: tuple[str, ...]


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a tmpfs at *folder*. Raises MountError."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={ROOMY}", "statehub-crash", str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)


def crowded(stage: Stage, scenario: Scenario, whole: Undisturbed, pages: int) -> Full:
    """Run from the start with *pages* free; then make room, rerun, and compare."""
    stage.restore()
    filler = stage.place / "filler"
    _fill(filler, pages)
    ran = stage.run(scenario.command(stage))
    filler.unlink()
    faults = list(between_faults(stage, whole))
    if ran.exit not in (0, 1, 2) or any(word in ran.said for word in NEVER):
        faults.append(f"the run ended with {ran.exit}: {ran.said.strip()}")
    again = stage.run(scenario.command(stage))
    if again.exit:
        faults.append(f"the rerun ended with {again.exit}: {again.said.strip()}")
    found = stage.snapshot()
    found["clone"]["half objects"] = found["origin"]["half objects"] = []  # git's own, if it found no room
    words = ("No space left", "Out of diskspace", "which has room for")
    felt = ran.exit == 2 or any(word in ran.said for word in words)
    return Full(pages, felt, (*faults, *differences(whole.end, found)))


def _fill(filler: Path, pages: int) -> None:
    """Take all room but *pages*."""
    with filler.open("wb", buffering=0) as file:
        with suppress(OSError):
            while True:
                file.write(bytes(PAGE * 64))
        with suppress(OSError):
            while True:
                file.write(bytes(PAGE))
        file.truncate(max(0, os.fstat(file.fileno()).st_size // PAGE - pages) * PAGE)


def _mount(*arguments: str) -> None:
    try:
        ended = subprocess.run(["mount", *arguments], check=False, capture_output=True, text=True)
    except OSError as error:
        raise MountError(str(error)) from error
    if ended.returncode:
        raise MountError(ended.stderr.strip())
