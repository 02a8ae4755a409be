"""`python -m tests.crash`: disturb every scenario at every effect, on both databases. Exits 1 if an end differs."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from testing import environment, postgres
from tests.crash.campaign import Made, MountError, Row, every_effect, every_git, every_page, postgresql, sqlite
from tests.crash.scenarios import SCENARIOS

SERIES: dict[str, Callable[..., Row]] = {"effects": every_effect, "gits": every_git, "disk": every_page}
DATABASES = ("sqlite", "postgresql")
HEAD = ("series", "scenario", "database", "points", "kills", "failures", "equal ends", "unrecorded")
LONGEST = 1_500
"""Characters of a fault that are shown."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Disturb as asked; return 0, or 1 if an end differs, or 2 if it could not be tried."""
    options = _parser().parse_args(arguments)
    if sys.platform != "linux":
        print("crash: needs Linux, where the processes of a killed run can be waited for", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that folders, servers and mounts go then, too
    started = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="statehub-crash-")))
        environment.pin(folder)
        try:
            made: dict[str, Made] = {"sqlite": sqlite}
            if "postgresql" in options.db:
                made["postgresql"] = postgresql(stack.enter_context(postgres.server()))
        except postgres.UnavailableError as problem:
            print(f"crash: {problem}", file=sys.stderr)
            return 2
        work = [
            (
                f"{name}, {scenario}, {database}",
                partial(SERIES[name], folder / f"{name}-{scenario}-{database}", made[database], SCENARIOS[scenario]),
            )
            for name in options.series
            for scenario in options.scenario
            for database in options.db
        ]
        rows = [row for row in stack.enter_context(ThreadPoolExecutor(options.jobs)).map(_told, work) if row]
    return _show(rows, time.monotonic() - started)


def _told(work: tuple[str, Callable[[], Row]]) -> Row | None:
    name, run = work
    started = time.monotonic()
    try:
        row = run()
    except MountError as problem:
        print(f"{name}: NOT TRIED, this machine lets us mount nothing: {problem}", file=sys.stderr, flush=True)
        return None
    seconds = time.monotonic() - started
    print(f"{name}: {seconds:.0f} s, {len(row.faults)} differences", file=sys.stderr, flush=True)
    return row


def _show(rows: Sequence[Row], seconds: float) -> int:
    lines = [HEAD, *((*map(str, _cells(row)),) for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEAD))]
    for line in lines:
        cells = (
            text.ljust(width) if at < 3 else text.rjust(width)
            for at, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        print("  ".join(cells).rstrip())
    print(
        "\npoints: effects of the undisturbed run, moments of its gits, numbers of free pages. unrecorded: the end is"
        "\nthe same, but what the run had fixed is missing from the history: the run ended before that was recorded."
    )
    faults = [fault for row in rows for fault in row.faults]
    for fault in faults:
        print(f"\n{fault[:LONGEST]}")
    print(
        f"\n{sum(row.kills + row.failures for row in rows):,} disturbances in {seconds:.0f} s, "
        f"{len(faults)} differences"
    )
    return int(bool(faults))


def _cells(row: Row) -> tuple[object, ...]:
    return (
        row.series, row.scenario, row.database, row.effects, row.kills, row.failures, row.equal, row.unrecorded or "",
    )  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--scenario", nargs="+", choices=SCENARIOS, default=list(SCENARIOS), help="default: all")
    parser.add_argument("--series", nargs="+", choices=SERIES, default=list(SERIES), help="default: all")
    parser.add_argument("--db", nargs="+", choices=DATABASES, default=list(DATABASES), help="default: both")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="side by side (default: one a core)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
