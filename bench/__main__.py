"""`python -m bench`: generate, prepare, measure, and print the tables. Exits 1 if a count differs from its demand."""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from bench import expect, machine, table
from bench.arena import Arena
from bench.database import DATABASES, opened
from bench.measure import RunFailedError
from bench.repository import GitFailedError
from bench.scenario import FLOOR, RIVAL, SCENARIOS, Comparison, Row, compared, counted, prepare, see_rival, timed
from bench.sweep import Sweep
from testing.database import Database
from testing.postgres import UnavailableError

TABLES = ("runs", "rival", "sweeps")


@dataclass(frozen=True)
class Measured:
    """The rows of the tables so far."""

    runs: list[Row] = field(default_factory=list)
    rival: list[Comparison] = field(default_factory=list)
    sweeps: list[Comparison] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as asked; return 0, or 1 if a demand is not met, or 2 if it could not be measured."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that folder and databases go then, too
    if options.quick:
        options.sizes, options.databases, options.repeat, options.sweep = [100], ["sqlite"], 1, 12
    measured = Measured()
    try:
        with tempfile.TemporaryDirectory(prefix="statehub-bench-") as folder, ExitStack() as stack:
            databases = [stack.enter_context(opened(name, Path(folder) / name)) for name in options.databases]
            head = machine.head([database.version for database in databases], seed=options.seed, repeat=options.repeat)
            print(*(f"{name}: {value}" for name, value in head.items()), "", sep="\n", flush=True)
            _measure(measured, Path(folder), databases, options)
    except (RunFailedError, GitFailedError, UnavailableError) as problem:
        _show_tables(measured)  # what was measured before
        print(f"bench: {problem}", file=sys.stderr)
        return 2
    if options.json:
        options.json.write_text(json.dumps({"head": head, **asdict(measured)}, indent=1) + "\n")
    return _show(measured)


def _measure(measured: Measured, folder: Path, databases: Sequence[Database], options: argparse.Namespace) -> None:
    for size in options.sizes:
        for database in databases:
            if "runs" in options.tables:
                arena = Arena(folder / "arena", database, seed=options.seed, size=size)
                _measure_runs(measured, arena, folder, options.repeat)
                arena.remove()
            if "rival" in options.tables:
                arena = Arena(folder / "arena", database, seed=options.seed, size=size, plain=True)
                _measure_rival(measured, arena, folder, options.repeat)
                arena.remove()
    for database in databases if "sweeps" in options.tables else ():
        sweep = Sweep(folder / "sweep", database, seed=options.seed)
        _measure_sweeps(measured, sweep, options.sweep, options.repeat)
        sweep.remove()


def _measure_runs(measured: Measured, arena: Arena, scratch: Path, repeat: int) -> None:
    """Add the floor's row, then the scenarios' rows in the order of the table."""
    what = f"{arena.database.name}, {arena.size:,} workplans"
    _say(f"{what}: preparing …")
    expected = prepare(arena)
    _say(f"{what}: counting …")
    counts = [counted(arena, scenario, expected[scenario.name], scratch) for scenario in SCENARIOS]
    _say(f"{what}: timing …")
    costs = timed(arena, repeat)
    measured.runs.append(Row(arena.database.name, arena.size, FLOOR, costs[FLOOR]))
    measured.runs.extend(replace(row, cost=costs[row.measure]) for row in counts)


def _measure_rival(measured: Measured, arena: Arena, scratch: Path, repeat: int) -> None:
    """Add the scenarios' rows, after both programs have shown that they do the work."""
    what = f"{arena.database.name}, {arena.size:,} plain workplans"
    _say(f"{what}: preparing …")
    ours, rivals = prepare(arena), prepare(arena, RIVAL)
    _say(f"{what}: checking the work of both …")
    for scenario in SCENARIOS:
        counted(arena, scenario, ours[scenario.name], scratch)
        see_rival(arena, scenario, rivals[scenario.name])
    _say(f"{what}: timing both in turn …")
    measured.rival.extend(compared(arena, repeat))


def _measure_sweeps(measured: Measured, sweep: Sweep, size: int, repeat: int) -> None:
    """Add the rows of a third of the checkouts, and of all of them."""
    sweep.create()
    for checkouts in (max(1, size // 3), size):
        what = f"{sweep.database.name}, {checkouts:,} checkouts"
        _say(f"{what}: preparing …")
        sweep.grow(checkouts)
        _say(f"{what}: timing sweeps and fetches in turn …")
        measured.sweeps.extend(sweep.compared(repeat))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _show(measured: Measured) -> int:
    _show_tables(measured)
    print(NOTES)
    verdicts = expect.verdicts(measured.runs, measured.rival, measured.sweeps)
    print(*(f"- {'met' if verdict.met else 'NOT MET'}: {verdict.text}" for verdict in verdicts), sep="\n")
    return int(any(verdict.demand and not verdict.met for verdict in verdicts))


def _show_tables(measured: Measured) -> None:
    if measured.runs:
        print(*table.costs(measured.runs), "", sep="\n")
    if set(expect.GROWTH) <= {row.size for row in measured.runs}:
        print(*table.growth(measured.runs, *expect.GROWTH), "", sep="\n")
    if measured.rival:
        print(*table.comparisons(measured.rival, size="workplans", other="rival"), "", sep="\n")
    if measured.sweeps:
        print(*table.comparisons(measured.sweeps, size="checkouts", other="git fetch"), "", sep="\n")


NOTES = """\
Wall and CPU time (user + system, children included) are the best of the runs, the median is of wall time; the ratios to
the floor compare best with best. Peak is the largest resident size of the process. Queries take a statement that was
cut into full batches as one; statements are all that were sent, transaction control apart. One percent ahead means one
percent of the tasks, evenly spread: one task in every fifth workplan. The floor is one process: a bare management
command that opens the database, `git status`, and reading and hashing every file.
Beside the rival, and beside `git fetch`, all figures are medians. The two ran in turn, and a ratio is State Hub's time
by that of the run after it: the lowest, the median and the highest of these pairs.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--tables", type=_names(TABLES), default=list(TABLES), help=f"default {','.join(TABLES)}")
    parser.add_argument("--sizes", type=_numbers, default=[100, 1000, 5000], help="workplans, default 100,1000,5000")
    parser.add_argument("--sweep", type=int, default=60, metavar="N", help="checkouts of a sweep, default 60")
    parser.add_argument(
        "--databases", type=_names(DATABASES), default=list(DATABASES), help="default sqlite,postgresql"
    )
    parser.add_argument("--repeat", type=int, default=3, help="timed runs of each measure, default 3")
    parser.add_argument("--seed", type=int, default=26, help="of the generated repositories, default 26")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples and counts as JSON, too")
    parser.add_argument("--quick", action="store_true", help="100 workplans, 12 checkouts, SQLite, one run of each")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _names(known: Sequence[str]) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        names = text.split(",")
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
        return names

    return read


if __name__ == "__main__":
    sys.exit(main())
