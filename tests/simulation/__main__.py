"""`python -m tests.simulation`: play worlds until N steps are done, or one script again. Exits 1 if one breaks."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from testing import environment

if TYPE_CHECKING:  # Django must not load before the environment is set.
    from tests.simulation.folder import Folder
    from tests.simulation.rules import Played

ROUNDS_A_WORLD = 25
WORLDS_AT_ONCE = 25
GITCONFIG = """\
[merge]
    renames = false
[advice]
    mergeConflict = false
"""
SCRIPTS = Path("var/simulation")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do as asked; return 0, or 1 if a promise was broken."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that the folder goes then, too
    with _place() as place:
        from tests.simulation.folder import Folder

        folder = Folder(place)
        if options.replay:
            return _replay(folder, options.replay)
        return _simulate(folder, options.steps, options.seed, options.seconds)


def _simulate(folder: Folder, steps: int, seed: int, seconds: float) -> int:
    """Play worlds until *steps* are done, or *seconds* are over."""
    from tests.simulation.rules import play_worlds

    print(f"seed {seed}", flush=True)
    started, done, worlds = time.monotonic(), 0, 0
    while done < steps and time.monotonic() - started < seconds:
        played = play_worlds(folder, seed, min(WORLDS_AT_ONCE, (steps - done) // ROUNDS_A_WORLD + 1), ROUNDS_A_WORLD)
        done, worlds = done + played.steps, worlds + played.settled
        passed = time.monotonic() - started
        print(f"{done:>9,} steps {done / passed:>7.1f} a second {worlds:>7,} worlds {passed:>7.0f} s", flush=True)
        if played.trouble is not None:
            _tell(folder, played, seed)
            return 1
        seed += 1
    print("every promise held")
    return 0


def _tell(folder: Folder, played: Played, seed: int) -> None:
    """Show the shortest script that breaks the promise, and keep it as a file."""
    from tests.simulation.replay import shortened

    print(f"\nbroken with seed {seed}: {played.trouble}\n\nShortening its {len(played.broken)} steps ...", flush=True)
    script = shortened(folder, played.broken)
    SCRIPTS.mkdir(parents=True, exist_ok=True)
    file = SCRIPTS / f"seed-{seed}.txt"
    words = " ".join(str(played.trouble).split())
    file.write_text("".join(f"{line}\n" for line in (f"# seed {seed}: {words}", *script)))
    print("\n".join(("", *script, "")))
    print(f"Again: {sys.executable} -m tests.simulation --replay {file}")


def _replay(folder: Folder, file: Path) -> int:
    from tests.simulation.replay import play

    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    error = play(folder, lines)
    if error is None:
        print(f"{len(lines)} steps, every promise held")
        return 0
    traceback.print_exception(error, file=sys.stdout)
    return 1


@contextmanager
def _place() -> Iterator[Path]:
    """Yield an empty folder, in memory if possible, and an environment without anything of the user's."""
    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="statehub-simulation-", dir=parent) as folder:
        environment.pin(Path(folder), host="simulation", settings="statehub.settings_base", gitconfig=GITCONFIG)
        import django

        django.setup()
        place = Path(folder, "worlds")
        place.mkdir()
        yield place


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--steps", type=int, default=2_000, help="number of steps, default 2000")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no longer than this")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"), help="default by chance")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="play the steps in this file instead")
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
