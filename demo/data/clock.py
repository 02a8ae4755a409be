"""The clock of the story."""

from __future__ import annotations

from datetime import datetime, timedelta

TICK = timedelta(milliseconds=170)
"""The time between two readings, so that runs take time and no two things happen at once."""


class Clock:
    """Remains at a moment of the story; every reading moves it on a little."""

    def __init__(self, now: datetime) -> None:
        """Begin at *now*, with a time zone."""
        self._now = now

    def now(self) -> datetime:
        """Return the time in the story."""
        self._now += TICK
        return self._now

    def set(self, now: datetime) -> None:
        """Move on to *now*; the clock never goes back."""
        self._now = max(self._now, now)
