"""The benchmark's tables and verdicts, from rows with known numbers."""

from bench import expect, table
from bench.measure import Cost, Sample
from bench.scenario import CHECK, FLOOR, SCENARIOS, Row
from bench.statements import Count


def row(measure: str, *walls: float, size: int = 1000, queries: int = 8) -> Row:
    cost = Cost(tuple(Sample(wall=wall, cpu=wall / 2, peak=70_000_000) for wall in walls))
    return Row("sqlite", size, measure, cost, None if measure == FLOOR else Count(queries, queries + 2, 1), ("status",))


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
    assert len(missed) == 4
    assert missed[0].text == (
        "first import, sqlite: the same queries + git processes at every size (measured 100: 8 + 1, 1,000: 9 + 1)"
    )


def test_verdicts_too_many_queries_fail() -> None:
    missed = [v.text for v in expect.verdicts(rows(100, 0.5, queries=31)) if v.demand and not v.met]
    assert missed == ["at most 30 queries in any run (measured 31)"]
