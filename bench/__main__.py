"""`python -m bench`: generate, prepare, measure, and print the tables. Exits 1 if a count differs from its demand."""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

from bench import expect, machine, table
from bench.arena import Arena
from bench.database import DATABASES, opened
from bench.measure import RunFailedError
from bench.repository import GitFailedError
from bench.scenario import FLOOR, SCENARIOS, Row, counted, prepare, timed
from testing.database import Database
from testing.postgres import UnavailableError


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as asked; return 0, or 1 if a demand is not met, or 2 if it could not be measured."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that folder and databases go then, too
    if options.quick:
        options.sizes, options.databases, options.repeat = [100], ["sqlite"], 1
    rows: list[Row] = []
    try:
        with tempfile.TemporaryDirectory(prefix="statehub-bench-") as folder, ExitStack() as stack:
            databases = [stack.enter_context(opened(name, Path(folder) / name)) for name in options.databases]
            head = machine.head([database.version for database in databases], seed=options.seed, repeat=options.repeat)
            print(*(f"{name}: {value}" for name, value in head.items()), "", sep="\n", flush=True)
            rows.extend(_measure(Path(folder), databases, options))
    except (RunFailedError, GitFailedError, UnavailableError) as problem:
        print(*table.costs(rows), "", sep="\n", flush=True)  # what was measured before
        print(f"bench: {problem}", file=sys.stderr)
        return 2
    if options.json:
        options.json.write_text(json.dumps({"head": head, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")
    return _show(rows, options.sizes)


def _measure(folder: Path, databases: Sequence[Database], options: argparse.Namespace) -> Iterator[Row]:
    for size in options.sizes:
        for database in databases:
            arena = Arena(folder / "arena", database, seed=options.seed, size=size)
            yield from _rows(arena, folder, options.repeat)
            arena.remove()


def _rows(arena: Arena, scratch: Path, repeat: int) -> Iterator[Row]:
    """Yield the floor's row, then the scenarios' rows in the order of the table."""
    what = f"{arena.database.name}, {arena.size:,} workplans"
    print(f"{what}: preparing …", file=sys.stderr, flush=True)
    findings = prepare(arena)
    print(f"{what}: counting …", file=sys.stderr, flush=True)
    counts = [counted(arena, scenario, findings[scenario.name], scratch) for scenario in SCENARIOS]
    print(f"{what}: timing …", file=sys.stderr, flush=True)
    costs = timed(arena, repeat)
    yield Row(arena.database.name, arena.size, FLOOR, costs[FLOOR])
    yield from (replace(row, cost=costs[row.measure]) for row in counts)


def _show(rows: Sequence[Row], sizes: Sequence[int]) -> int:
    print(*table.costs(rows), "", sep="\n")
    if set(expect.GROWTH) <= set(sizes):
        print(*table.growth(rows, *expect.GROWTH), "", sep="\n")
    print(NOTES)
    verdicts = expect.verdicts(rows)
    print(*(f"- {'met' if verdict.met else 'NOT MET'}: {verdict.text}" for verdict in verdicts), sep="\n")
    return int(any(verdict.demand and not verdict.met for verdict in verdicts))


NOTES = """\
Wall and CPU time (user + system, children included) are the best of the runs, the median is of wall time; the ratios to
the floor compare best with best. Peak is the largest resident size of the process. Queries take a statement that was
cut into full batches as one; statements are all that were sent, transaction control apart. One percent ahead means one
percent of the tasks, evenly spread: one task in every fifth workplan. The floor is one process: a bare management
command that opens the database, `git status`, and reading and hashing every file.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--sizes", type=_numbers, default=[100, 1000, 5000], help="workplans, default 100,1000,5000")
    parser.add_argument("--databases", type=_names, default=list(DATABASES), help="default sqlite,postgresql")
    parser.add_argument("--repeat", type=int, default=3, help="timed runs of each measure, default 3")
    parser.add_argument("--seed", type=int, default=26, help="of the generated repositories, default 26")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples and counts as JSON, too")
    parser.add_argument("--quick", action="store_true", help="100 workplans, SQLite, one run of each")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(DATABASES):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
    return names


if __name__ == "__main__":
    sys.exit(main())
