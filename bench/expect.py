"""The expected values of the runs, and whether the measured rows keep them. Counts are demands; times information."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.scenario import CHECK, FILE_AHEAD, HUB_AHEAD, IMPORT, SCENARIOS, TASK_AHEAD, Comparison, Row
from bench.sweep import LOCAL, SLOW
from bench.table import MEGABYTE, floor_of

MOST_QUERIES = 30
MOST_GIT = 12
MOST_PEAK = 200  # MB, at the size it is expected for
MOST_PEAK_OF_IMPORT = 150
PEAK_SIZE = 5000
PEAK_GROWTH = 1.1  # of a sweep, if it has three times as many checkouts
RATIOS = (  # run, database or any, workplans, times the floor
    (CHECK, "sqlite", 1000, 2),
    (CHECK, "sqlite", 5000, 3),
    (IMPORT, None, 1000, 5),
    (HUB_AHEAD, None, 1000, 3),
    (FILE_AHEAD, None, 1000, 3),
)
GROWTH = (1000, 5000)
COMPARED = {  # run: times the rival, or `git fetch`, at a number of workplans, or of checkouts; on SQLite
    IMPORT: {100: 1.3, 1000: 1.4, 5000: 1.4},
    CHECK: {100: 1.15, 1000: 1.0, 5000: 0.7},
    FILE_AHEAD: {100: 1.2, 1000: 1.2, 5000: 1.2},
    HUB_AHEAD: {100: 1.2, 1000: 1.2, 5000: 1.2},
    TASK_AHEAD: {100: 1.15, 1000: 1.0, 5000: 0.75},
    LOCAL: {300: 2.5},
    SLOW: {300: 1.2},
}


@dataclass(frozen=True)
class Verdict:
    """One expectation in words with what was measured; a demand that is not met fails the benchmark."""

    text: str
    met: bool
    demand: bool = False


def verdicts(rows: Sequence[Row], rival: Sequence[Comparison] = (), sweeps: Sequence[Comparison] = ()) -> list[Verdict]:
    """Return every expectation that these rows can answer, demands first."""
    counted = [row for row in rows if row.count]
    demands = [*_most(counted), *_same(counted)]
    times = [*_ratios(rows), *_growth(rows), *_compared(rival, "the rival"), *_compared(sweeps, "git fetch")]
    return [*demands, *times, *_peaks(counted), *_constant_peak(sweeps)]


def _most(rows: Sequence[Row]) -> Iterable[Verdict]:
    if not rows:
        return
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


def _compared(rows: Iterable[Comparison], other: str) -> Iterable[Verdict]:
    for row in rows:
        times = COMPARED[row.measure].get(row.size)
        if times and row.database == "sqlite":
            _, ratio, _ = row.pairs.wall_ratios
            measured = f"measured {ratio:.2f}, of CPU {row.pairs.cpu_ratio:.2f}"
            said = f"within {times} times {other} at {row.size:,} ({measured})"
            yield Verdict(f"{row.measure}, {row.database}: {said}", ratio <= times)


def _peaks(rows: Iterable[Row]) -> Iterable[Verdict]:
    for row in rows:
        if row.size == PEAK_SIZE:
            peak, most = row.cost.peak / MEGABYTE, MOST_PEAK_OF_IMPORT if row.measure == IMPORT else MOST_PEAK
            text = f"{row.measure}, {row.database}: peak under {most} MB at {row.size:,} (measured {peak:.0f})"
            yield Verdict(text, peak < most)


def _constant_peak(sweeps: Sequence[Comparison]) -> Iterable[Verdict]:
    peaks: dict[tuple[str, str], dict[int, int]] = {}
    for row in sweeps:
        peaks.setdefault((row.database, row.measure), {})[row.size] = row.pairs.ours.peak
    for (database, name), by_size in peaks.items():
        small, big = min(by_size), max(by_size)
        growth = by_size[big] / by_size[small]
        said = f"peak grows at most {PEAK_GROWTH} times from {small:,} to {big:,} checkouts (measured {growth:.2f})"
        yield Verdict(f"{name}, {database}: {said}", growth <= PEAK_GROWTH)
