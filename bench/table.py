"""The tables of the benchmark."""

from collections.abc import Iterable, Sequence

from bench.scenario import FLOOR, SCENARIOS, Comparison, Row
from testing.table import markdown

MEGABYTE = 10**6


def costs(rows: Sequence[Row]) -> list[str]:
    """List the cost of every run, and its ratio to the floor of the same size and database."""
    header = ("database", "run", "workplans", "wall s", "median", "CPU s", "/ floor", "CPU / floor", "peak MB")
    return markdown((*header, "queries", "statements", "git"), (_cost(row, floor_of(rows, row)) for row in rows), 2)


def comparisons(rows: Sequence[Comparison], *, size: str, other: str) -> list[str]:
    """List State Hub beside the `other` program; `size` is the unit of the sizes."""
    header = ("database", "run", size, "State Hub s", f"{other} s", "lowest", "ratio", "highest", "CPU s", "CPU ratio")
    return markdown((*header, "peak MB", f"{other} MB"), map(_comparison, rows), 2)


def growth(rows: Sequence[Row], small: int, big: int) -> list[str]:
    """List the growth of wall and CPU time from one size to another; linear is the ratio of the sizes."""
    header = ("database", "run", f"{small:,}: wall s", f"{big:,}: wall s", "growth", "CPU growth", "linear")
    by_key = {(row.database, row.measure, row.size): row for row in rows}
    body = []
    for database in dict.fromkeys(row.database for row in rows):
        for name in (FLOOR, *(scenario.name for scenario in SCENARIOS)):
            a, b = by_key[database, name, small].cost, by_key[database, name, big].cost
            wall, cpu = f"{b.wall / a.wall:.1f}", f"{b.cpu / a.cpu:.1f}"
            body.append((database, name, f"{a.wall:.2f}", f"{b.wall:.2f}", wall, cpu, f"{big / small:.1f}"))
    return markdown(header, body, 2)


def floor_of(rows: Iterable[Row], row: Row) -> Row:
    """Return the floor that belongs to this row."""
    key = (row.database, row.size, FLOOR)
    return next(other for other in rows if (other.database, other.size, other.measure) == key)


def _cost(row: Row, floor: Row) -> tuple[str, ...]:
    cost = row.cost
    counts = (str(row.count.queries), str(row.count.statements), str(len(row.git))) if row.count else ("-",) * 3
    return (
        row.database,
        row.measure,
        f"{row.size:,}",
        f"{cost.wall:.2f}",
        f"{cost.wall_median:.2f}",
        f"{cost.cpu:.2f}",
        f"{cost.wall / floor.cost.wall:.1f}",
        f"{cost.cpu / floor.cost.cpu:.1f}",
        f"{cost.peak / MEGABYTE:.0f}",
        *counts,
    )


def _comparison(row: Comparison) -> tuple[str, ...]:
    ours, other = row.pairs.ours, row.pairs.other
    return (
        row.database,
        row.measure,
        f"{row.size:,}",
        f"{ours.wall_median:.2f}",
        f"{other.wall_median:.2f}",
        *(f"{ratio:.2f}" for ratio in row.pairs.wall_ratios),
        f"{ours.cpu_median:.2f}",
        f"{row.pairs.cpu_ratio:.2f}",
        f"{ours.peak / MEGABYTE:.0f}",
        f"{other.peak / MEGABYTE:.0f}",
    )
