"""Which tasks one side is ahead by."""

from collections import Counter

from bench.generate import TASKS_PER_WORKPLAN, workplans
from bench.spread import TARGETS, spread


def test_spread_is_one_task_in_each_hundred() -> None:
    assert spread(["done"] * 30 + ["todo"] * 270) == [(30, "in_progress"), (100, "blocked"), (200, "done")]


def test_spread_takes_no_task_that_has_begun() -> None:
    assert spread(["in_progress", "done", "cancelled", "blocked"] * 100) == []


def test_spread_of_one_task_is_the_first_that_has_not_begun() -> None:
    statuses = ["done"] * 3 + ["todo"] * 96 + ["blocked"]
    assert spread(statuses, 1 / len(statuses)) == [(3, "in_progress")]


def test_spread_is_one_percent_of_every_target() -> None:
    statuses = [task.status for plan in workplans(26, range(100)) for task in plan.tasks]
    moves = spread(statuses)
    assert len(moves) == 20
    assert len({place // TASKS_PER_WORKPLAN for place, _ in moves}) == 20
    assert Counter(status for _, status in moves) == dict.fromkeys(TARGETS, 5)
