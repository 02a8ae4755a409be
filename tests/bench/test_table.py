"""The benchmark's tables and verdicts, from rows with known numbers."""

from dataclasses import replace

from bench import expect, table
from bench.measure import Cost, Pairs, Sample
from bench.scenario import CHECK, FLOOR, IMPORT, SCENARIOS, Comparison, Row
from bench.statements import Count
from bench.sweep import LOCAL, SLOW


def row(measure: str, *walls: float, size: int = 1000, queries: int = 8) -> Row:
    cost = Cost(tuple(Sample(wall=wall, cpu=wall / 2, peak=70_000_000) for wall in walls))
    return Row("sqlite", size, measure, cost, None if measure == FLOOR else Count(queries, queries + 2, 1), ("status",))


def comparison(measure: str, *walls: tuple[float, float], size: int = 1000, peak: int = 70) -> Comparison:
    pairs = [(Sample(ours, ours / 2, peak * 10**6), Sample(other, other, 40_000_000)) for ours, other in walls]
    return Comparison("sqlite", size, measure, Pairs.of(pairs))


def rows(size: int, wall: float, queries: int = 8) -> list[Row]:
    return [row(FLOOR, 0.5, size=size), *(row(s.name, wall, size=size, queries=queries) for s in SCENARIOS)]


def unmet(measured: list[Row]) -> list[str]:
    return [verdict.text for verdict in expect.verdicts(measured) if not verdict.met]


def test_costs_sets_every_run_beside_its_floor() -> None:
    lines = table.costs([row(FLOOR, 0.5, 0.7), row(CHECK, 1.2, 1.0, 1.5)])
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]
    assert cells == [
        ["sqlite", "floor", "1,000", "0.50", "0.60", "0.25", "1.0", "1.0", "70", "-", "-", "-"],
        ["sqlite", CHECK, "1,000", "1.00", "1.20", "0.50", "2.0", "2.0", "70", "8", "10", "1"],
    ]


def test_growth_is_the_ratio_of_the_best() -> None:
    lines = table.growth([*rows(1000, 0.5), *rows(5000, 1.5)], 1000, 5000)
    assert [cell.strip() for cell in lines[3].split("|")[3:-1]] == ["0.50", "1.50", "3.0", "3.0", "5.0"]


def test_verdicts_all_met() -> None:
    assert unmet([*rows(1000, 0.9), *rows(5000, 1.4)]) == []


def test_verdicts_slow_run_is_information() -> None:
    verdicts = expect.verdicts(rows(1000, 1.8))
    assert [(v.text, v.demand) for v in verdicts if not v.met] == [
        ("check, nothing to do, sqlite: within 2 times the floor at 1,000 (measured 3.6, of CPU 3.6)", False),
        ("fix, 1 % hub ahead, sqlite: within 3 times the floor at 1,000 (measured 3.6, of CPU 3.6)", False),
        ("fix, 1 % file ahead, sqlite: within 3 times the floor at 1,000 (measured 3.6, of CPU 3.6)", False),
    ]


def test_verdicts_other_counts_at_another_size_fail() -> None:
    verdicts = expect.verdicts([*rows(100, 0.5, queries=8), *rows(1000, 0.5, queries=9)])
    missed = [v for v in verdicts if v.demand and not v.met]
    assert len(missed) == 5
    assert missed[0].text == (
        "first import, sqlite: the same queries + git processes at every size (measured 100: 8 + 1, 1,000: 9 + 1)"
    )


def test_verdicts_too_many_queries_fail() -> None:
    missed = [v.text for v in expect.verdicts(rows(100, 0.5, queries=31)) if v.demand and not v.met]
    assert missed == ["at most 30 queries in any run (measured 31)"]


def test_comparisons_sets_medians_and_ratios_side_by_side() -> None:
    lines = table.comparisons([comparison(CHECK, (1.0, 1.0), (3.0, 2.0), (2.0, 1.0))], size="workplans", other="rival")
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in (lines[0], *lines[2:])]
    assert cells == [
        ["database", "run", "workplans", "State Hub s", "rival s", "lowest", "ratio", "highest", "CPU s", "CPU ratio",
         "peak MB", "rival MB"],
        ["sqlite", CHECK, "1,000", "2.00", "1.00", "1.00", "1.50", "2.00", "1.00", "0.75", "70", "40"],
    ]  # fmt: skip


def test_verdicts_slower_than_the_rival_is_information() -> None:
    rival = [comparison(CHECK, (1.0, 1.0)), comparison(IMPORT, (1.5, 1.0)), comparison(IMPORT, (9.0, 1.0), size=7)]
    assert [(v.text, v.met, v.demand) for v in expect.verdicts([], rival)] == [
        ("check, nothing to do, sqlite: within 1.0 times the rival at 1,000 (measured 1.00, of CPU 0.50)", True, False),
        ("first import, sqlite: within 1.4 times the rival at 1,000 (measured 1.50, of CPU 0.75)", False, False),
    ]


def test_verdicts_of_sweeps_are_times_and_a_constant_peak() -> None:
    sweeps = [
        comparison(LOCAL, (1.0, 1.0), size=100, peak=50),
        comparison(SLOW, (1.0, 1.0), size=100, peak=50),
        comparison(LOCAL, (3.0, 1.0), size=300, peak=54),
        comparison(SLOW, (1.1, 1.0), size=300, peak=60),
    ]
    assert [(v.text, v.met) for v in expect.verdicts([], [], sweeps)] == [
        ("sweep, local remotes, sqlite: within 2.5 times git fetch at 300 (measured 3.00, of CPU 1.50)", False),
        (f"{SLOW}, sqlite: within 1.2 times git fetch at 300 (measured 1.10, of CPU 0.55)", True),
        ("sweep, local remotes, sqlite: peak grows at most 1.1 times from 100 to 300 checkouts (measured 1.08)", True),
        (f"{SLOW}, sqlite: peak grows at most 1.1 times from 100 to 300 checkouts (measured 1.20)", False),
    ]


def test_verdicts_import_has_a_peak_of_its_own() -> None:
    measured = [row for row in rows(5000, 1.0) if row.measure in (FLOOR, IMPORT, CHECK)]
    heavy = [replace(each, cost=Cost((replace(each.cost.samples[0], peak=170_000_000),))) for each in measured]
    assert [text for text in unmet(heavy) if "peak" in text] == [
        "first import, sqlite: peak under 150 MB at 5,000 (measured 170)"
    ]
