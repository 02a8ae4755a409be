"""The periods of a list for its drill-down by date, found by an index instead of reading every row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

from django.db.models import QuerySet, Subquery
from django.utils import timezone

Kind = Literal["year", "month", "day"]

MAX_PERIODS = 31
"""Periods that are looked for one by one; as many as a month has days."""


class Periods:
    """The answers of the queryset *rows* to the drill-down, which asks for the ends and the periods of *column*."""

    def __init__(self, rows: QuerySet[Any], column: str) -> None:
        self._rows, self._column = rows.order_by(), column

    @cached_property
    def _ends(self) -> tuple[datetime, datetime] | None:
        """Return the first and the last time in local time, or None without rows. Each is one end of an index."""
        times = self._rows.values_list(self._column, flat=True)
        first = times.order_by(self._column).first()
        last = times.order_by(f"-{self._column}").first() if first else None
        return (timezone.localtime(first), timezone.localtime(last)) if first and last else None

    def aggregate(self, **_: object) -> dict[str, datetime | None]:
        """Return the first and the last time."""
        first, last = self._ends or (None, None)
        return {"first": first, "last": last}

    def datetimes(self, column: str, kind: Kind) -> list[datetime]:
        """Return the beginnings of the periods that have rows, in order."""
        if self._ends is None:
            return []
        first, last = self._ends
        if last.year - first.year > MAX_PERIODS:  # a clock was wrong
            return list(self._rows.datetimes(column, kind))
        starts = list(_starts(first, last, kind))
        bounds = zip(starts, [*starts[1:], _following(starts[-1], kind)], strict=True)
        firsts = [self._first(column, *each) for each in bounds]
        (row,) = self._rows.model._base_manager.order_by().values_list(*firsts)[:1]
        return [start for start, first in zip(starts, row, strict=True) if first is not None]

    def _first(self, column: str, start: datetime, end: datetime) -> Subquery:
        """Return the first time from *start* to *end*: ordered, so that an index is used, whatever the statistics."""
        rows = self._rows.filter(**{f"{column}__gte": start, f"{column}__lt": end})
        return Subquery(rows.order_by(column).values(column)[:1])


def _starts(first: datetime, last: datetime, kind: Kind) -> Iterator[datetime]:
    """Yield the beginnings of all periods from that of *first* to that of *last*."""
    start = _start(first, kind)
    while start <= last:
        yield start
        start = _following(start, kind)


def _start(time: datetime, kind: Kind) -> datetime:
    month, day = (1 if kind == "year" else time.month), (time.day if kind == "day" else 1)
    return datetime(time.year, month, day, tzinfo=timezone.get_current_timezone())


def _following(start: datetime, kind: Kind) -> datetime:
    """Return the beginning of the next period."""
    longest = {"year": 366, "month": 31, "day": 1}[kind]
    return _start(start + timedelta(days=longest), kind)
