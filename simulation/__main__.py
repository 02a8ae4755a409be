"""`python -m simulation`: play worlds until so many steps are done, or play a script again. Exits 1 where a promise breaks."""

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

STEPS_A_WORLD = 40
WORLDS_AT_ONCE = 25
SCRIPTS = Path("var/simulation")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was asked for; 0, or 1 where a promise was broken."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that the folder goes then, too
    with _place() as place:
        from simulation.world import Folder

        folder = Folder(place)
        if options.replay:
            return _replay(folder, options.replay)
        return _simulate(folder, options.steps, options.seed, options.seconds)


def _simulate(folder: object, steps: int, seed: int, seconds: float) -> int:
    """Play worlds until *steps* are done, or *seconds* are over."""
    from hypothesis import HealthCheck, Phase, settings
    from hypothesis import seed as seeded
    from hypothesis.stateful import run_state_machine_as_test

    from simulation.rules import Simulation

    Simulation.folder = folder  # type: ignore[assignment]
    print(f"seed {seed}", flush=True)
    started, batch = time.monotonic(), 0
    while Simulation.done < steps and time.monotonic() - started < seconds:
        left = (steps - Simulation.done) // STEPS_A_WORLD + 1
        machine = seeded(seed + batch)(type("Simulation", (Simulation,), {}))
        machine.done, machine.settled = Simulation.done, Simulation.settled
        broken: BaseException | None = None
        try:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=min(left, WORLDS_AT_ONCE),
                    stateful_step_count=STEPS_A_WORLD,
                    deadline=None,
                    database=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                    print_blob=False,
                ),
            )
        except BaseException as error:
            if machine.broken is None or isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            broken = error
        Simulation.done, Simulation.settled = machine.done, machine.settled
        _count(Simulation.done, Simulation.settled, time.monotonic() - started)
        if broken is not None and machine.broken is not None:
            _tell(folder, machine.broken, seed + batch, broken)
            return 1
        batch += 1
    print("every promise held")
    return 0


def _count(steps: int, worlds: int, seconds: float) -> None:
    print(f"{steps:>9,} steps {steps / seconds:>7.1f} a second {worlds:>7,} worlds {seconds:>7.0f} s", flush=True)


def _tell(folder: object, lines: list[str], seed: int, error: BaseException) -> None:
    """Show the shortest script that breaks the promise, and keep it as a file."""
    from simulation.replay import shortened

    print(f"\nbroken with seed {seed}: {error}\n\nShortening its {len(lines)} steps ...", flush=True)
    script = shortened(folder, lines)  # type: ignore[arg-type]
    SCRIPTS.mkdir(parents=True, exist_ok=True)
    file = SCRIPTS / f"seed-{seed}.txt"
    file.write_text("".join(f"{line}\n" for line in (f"# seed {seed}: {' '.join(str(error).split())}", *script)))
    print("\n".join(("", *script, "")))
    print(f"Again: {sys.executable} -m simulation --replay {file}")


def _replay(folder: object, file: Path) -> int:
    from simulation.replay import play

    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    error = play(folder, lines)  # type: ignore[arg-type]
    if error is None:
        print(f"{len(lines)} steps, every promise held")
        return 0
    traceback.print_exception(error, file=sys.stdout)
    return 1


@contextmanager
def _place() -> Iterator[Path]:
    """An empty folder, in memory where that is possible, and an environment that nothing of the user's is in."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    parent = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="statehub-simulation-", dir=parent) as folder:
        from simulation.environment import pin

        pin(Path(folder, "home"))
        import django

        django.setup()
        place = Path(folder, "worlds")
        place.mkdir()
        yield place


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--steps", type=int, default=2_000, help="so many, default 2000")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no longer than this")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"), help="default by chance")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="play the steps in this file instead")
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
