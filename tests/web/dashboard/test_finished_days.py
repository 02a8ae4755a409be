"""The days of charts that have ended, in the database."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from web.dashboard import finished_days
from web.dashboard.dto import DayOfFindings, DayOfTasks
from web.models import ChartDay

pytestmark = pytest.mark.django_db

FIRST = date(2026, 3, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(4)]
TASKS = [DayOfTasks(day, {"todo": number, "done": 2 * number}) for number, day in enumerate(DAYS)]
FINDINGS = [DayOfFindings(day, number, 7) for number, day in enumerate(DAYS)]


def test_days_of_each_chart_are_loaded_as_they_were_saved() -> None:
    finished_days.save(TASKS[::-1], FIRST)
    finished_days.save(FINDINGS[1:], FIRST)
    assert finished_days.load(DayOfTasks, FIRST, DAYS[3]) == TASKS[:3]
    assert finished_days.load(DayOfTasks, DAYS[2], date.max) == TASKS[2:]
    assert finished_days.load(DayOfFindings, FIRST, date.max) == FINDINGS[1:]


def test_day_that_is_kept_stays_as_it_is() -> None:
    finished_days.save(FINDINGS[:2], FIRST)
    finished_days.save([FINDINGS[1]._replace(opened=99), FINDINGS[2]], FIRST)
    assert finished_days.load(DayOfFindings, FIRST, date.max) == FINDINGS[:3]


def test_days_before_the_first_of_the_chart_are_deleted_with_the_next_new_one() -> None:
    finished_days.save(TASKS[:3], FIRST)
    finished_days.save(FINDINGS[:3], FIRST)
    finished_days.save([], DAYS[2])
    assert ChartDay.objects.count() == 6
    finished_days.save(TASKS[3:], DAYS[2])
    assert finished_days.load(DayOfTasks, FIRST, date.max) == TASKS[2:]
    assert finished_days.load(DayOfFindings, FIRST, date.max) == FINDINGS[:3]
