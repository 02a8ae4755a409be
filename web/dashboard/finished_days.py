"""Keeps the days of the dashboard's charts that have ended, for all processes: no day is counted again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TypeVar

from web.dashboard.dto import DayOfFindings, DayOfTasks
from web.models import ChartDay

Day = TypeVar("Day", DayOfTasks, DayOfFindings)

CHARTS: dict[type[DayOfTasks] | type[DayOfFindings], str] = {DayOfTasks: "tasks", DayOfFindings: "findings"}
"""The names of the charts in the database, by the kind of their days."""


def load(kind: type[Day], first: date, end: date) -> list[Day]:
    """Return the days that are kept from *first* until before *end*, in order."""
    rows = ChartDay.objects.filter(chart=CHARTS[kind], day__gte=first, day__lt=end).order_by("day")
    return [kind(day, **numbers) for day, numbers in rows.values_list("day", "numbers")]


def save(days: Sequence[DayOfTasks] | Sequence[DayOfFindings], first: date) -> None:
    """Keep *days* of one chart, and forget those before *first*. A day that another process has kept stays as it is."""
    if not days:
        return
    chart = CHARTS[type(days[0])]
    rows = []
    for each in days:
        numbers = each._asdict()
        rows.append(ChartDay(chart=chart, day=numbers.pop("day"), numbers=numbers))
    ChartDay.objects.bulk_create(rows, ignore_conflicts=True)
    ChartDay.objects.filter(chart=chart, day__lt=first).delete()
