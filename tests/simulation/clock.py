"""The machines' clocks: each may be wrong by hours or days, in either direction, and time passes only step by step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
STEP = timedelta(minutes=7)
GLANCE = timedelta(milliseconds=1)


class Clock:
    """Clock of the machine that is at work."""

    def __init__(self) -> None:
        self._true = START
        self._wrong: dict[str, timedelta] = defaultdict(timedelta)
        self._machine = ""

    def tick(self) -> None:
        """Begin a step."""
        self._true += STEP

    def jump(self, machine: str, hours: int) -> None:
        """Set the clock of *machine* wrong."""
        self._wrong[machine] += timedelta(hours=hours)

    def set_right(self) -> None:
        """Set all clocks right again."""
        self._wrong.clear()

    @contextmanager
    def of(self, machine: str) -> Iterator[None]:
        """Put *machine* to work."""
        before, self._machine = self._machine, machine
        try:
            yield
        finally:
            self._machine = before

    def now(self) -> datetime:
        """Return the time there; each call returns a later one, unless the clock was set back."""
        self._true += GLANCE
        return self._true + self._wrong[self._machine]
