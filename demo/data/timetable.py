"""The timetable: a list of events in the story's time, within the working hours of people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

_FIRST, _LAST = 8, 18
"""Hours (UTC) between which people work."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens; *label* names it for whoever watches."""

    at: datetime
    label: str
    happen: Callable[[], None]


@dataclass(slots=True)
class Timetable:
    """Everything that happens in *days* days up to *end*; what would come later is left out."""

    end: datetime
    days: int
    _events: list[Event] = field(default_factory=list)

    @property
    def start(self) -> datetime:
        """When the story begins."""
        return self.end - timedelta(days=self.days)

    @property
    def curtain(self) -> datetime:
        """From here on only the last day's own events come."""
        return self.end - timedelta(hours=28)

    def working(self, day: float) -> datetime:
        """Return the working hour as far into the story as *day*; earlier times stay earlier."""
        if not 0 <= day < self.days:
            return self.end
        workdays = self._workdays()
        which, part = divmod(day / self.days * len(workdays), 1)
        midnight = datetime.combine(workdays[int(which)], time(0), self.end.tzinfo)
        return midnight + timedelta(seconds=int((_FIRST + (_LAST - _FIRST) * part) * 3600))

    def _workdays(self) -> list[date]:
        """Return the days from Monday to Friday between start and curtain."""
        days = (self.start.date() + timedelta(days=number) for number in range(1, self.days))
        return [day for day in days if day.weekday() < 5 and day < self.curtain.date()]

    def add(self, at: datetime, label: str, happen: Callable[[], None]) -> None:
        """Let something happen *at* that time, unless that is after the curtain or before the start."""
        if self.start < at < self.curtain:
            self._events.append(Event(at, label, happen))

    def add_last(self, before_end: timedelta, label: str, happen: Callable[[], None]) -> None:
        """Let something happen so long before the end, on the last day."""
        self._events.append(Event(self.end - before_end, label, happen))

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[Event]:
        """Yield the events by time; those of one moment in the order in which they were added."""
        return iter(sorted(self._events, key=lambda event: event.at))
