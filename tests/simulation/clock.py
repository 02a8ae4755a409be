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
    """What time it is on the machine that is at work."""

    def __init__(self) -> None:
        self._true = START
        self._wrong: dict[str, timedelta] = defaultdict(timedelta)
        self._machine = ""

    def tick(self) -> None:
        """A step begins."""
        self._true += STEP

    def jump(self, machine: str, hours: int) -> None:
        """Somebody sets the clock of *machine*."""
        self._wrong[machine] += timedelta(hours=hours)

    def set_right(self) -> None:
        """All clocks are right again."""
        self._wrong.clear()

    @contextmanager
    def of(self, machine: str) -> Iterator[None]:
        """*machine* is at work."""
        before, self._machine = self._machine, machine
        try:
            yield
        finally:
            self._machine = before

    def now(self) -> datetime:
        """Return the time there; no two looks at it are the same, as long as nobody sets it."""
        self._true += GLANCE
        return self._true + self._wrong[self._machine]
