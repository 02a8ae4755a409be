"""The expected values of the runs, and whether the measured rows keep them. Counts are demands; times information."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.scenario import CHECK, FILE_AHEAD, HUB_AHEAD, IMPORT, SCENARIOS, Row
from bench.table import MEGABYTE, floor_of

MOST_QUERIES = 30
MOST_GIT = 12
MOST_PEAK = 200  # MB, at the size it is expected for
PEAK_SIZE = 5000
RATIOS = (  # run, database or any, workplans, times the floor
    (CHECK, "sqlite", 1000, 2),
    (CHECK, "sqlite", 5000, 3),
    (IMPORT, None, 1000, 5),
    (HUB_AHEAD, None, 1000, 3),
    (FILE_AHEAD, None, 1000, 3),
)
GROWTH = (1000, 5000)


@dataclass(frozen=True)
class Verdict:
    """One expectation in words with what was measured; a demand that is not met fails the benchmark."""

    text: str
    met: bool
    demand: bool = False


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """Return every expectation that these rows can answer, demands first."""
    counted = [row for row in rows if row.count]
    return [*_most(counted), *_same(counted), *_ratios(rows), *_growth(rows), *_peaks(counted)]


def _most(rows: Sequence[Row]) -> Iterable[Verdict]:
    queries = max(row.count.queries for row in rows if row.count)
    git = max(len(row.git) for row in rows)
    yield Verdict(f"at most {MOST_QUERIES} queries in any run (measured {queries})", queries <= MOST_QUERIES, True)
    yield Verdict(f"at most {MOST_GIT} git processes in any run (measured {git})", git <= MOST_GIT, True)


def _same(rows: Sequence[Row]) -> Iterable[Verdict]:
    for database in dict.fromkeys(row.database for row in rows):
        for name in (scenario.name for scenario in SCENARIOS):
            mine = [row for row in rows if (row.database, row.measure) == (database, name)]
            if len(mine) > 1:
                counts = {row.size: f"{row.count.queries} + {len(row.git)}" for row in mine if row.count}
                said = ", ".join(f"{size:,}: {both}" for size, both in counts.items())
                text = f"{name}, {database}: the same queries + git processes at every size (measured {said})"
                yield Verdict(text, len(set(counts.values())) == 1, True)


def _ratios(rows: Sequence[Row]) -> Iterable[Verdict]:
    for name, database, size, times in RATIOS:
        for row in rows:
            if row.measure == name and row.size == size and database in (None, row.database):
                floor = floor_of(rows, row).cost
                ratio, cpu = row.cost.wall / floor.wall, row.cost.cpu / floor.cpu
                said = f"within {times} times the floor at {size:,} (measured {ratio:.1f}, of CPU {cpu:.1f})"
                yield Verdict(f"{name}, {row.database}: {said}", ratio <= times)


def _growth(rows: Sequence[Row]) -> Iterable[Verdict]:
    small, big = GROWTH
    walls = {(row.database, row.measure, row.size): row.cost.wall for row in rows if row.count}
    for (database, name, size), wall in walls.items():
        if size == small and (database, name, big) in walls:
            ratio = walls[database, name, big] / wall
            said = f"{small:,} → {big:,} workplans takes at most {big / small:.0f} times as long (measured {ratio:.1f})"
            yield Verdict(f"{name}, {database}: {said}", ratio <= big / small)


def _peaks(rows: Iterable[Row]) -> Iterable[Verdict]:
    for row in rows:
        if row.size == PEAK_SIZE:
            peak = row.cost.peak / MEGABYTE
            text = f"{row.measure}, {row.database}: peak under {MOST_PEAK} MB at {row.size:,} (measured {peak:.0f})"
            yield Verdict(text, peak < MOST_PEAK)
