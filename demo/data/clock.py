"""The played clock: within `playing`, Django's time is the story's."""

from __future__ import annotations

import datetime as time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NoReturn
from unittest import mock

TICK = timedelta(milliseconds=170)
"""What passes between two looks at the clock, so that runs take time and nothing happens at once."""


class Clock:
    """Stands at a moment of the story; every look moves it on a little."""

    def __init__(self, now: datetime) -> None:
        """Begin at *now*, with a time zone."""
        self._now = now

    def look(self) -> datetime:
        """The time in the story."""
        self._now += TICK
        return self._now

    def set(self, now: datetime) -> None:
        """Move on to *now*; the clock never goes back."""
        self._now = max(self._now, now)


@contextmanager
def playing(clock: Clock) -> Iterator[None]:
    """Let everything that asks `django.utils.timezone` for the time ask *clock*.

    A clock may be replaced here because nothing else is: a quarter of work has to lie ninety days apart, and the
    product, rightly, offers no way to tell it another time than now. What is replaced is the name `datetime` within
    Django's module, for the models' defaults hold the function `timezone.now` itself and would not see another one.
    """
    with mock.patch("django.utils.timezone.datetime", _told_by(clock)):
        yield


def _told_by(clock: Clock) -> type[datetime]:
    class Told(datetime):
        """A `datetime` whose `now` is the story's."""

        @classmethod
        def now(cls, tz: time.tzinfo | None = None) -> datetime:  # type: ignore[override]  # plain ones are what is kept
            return clock.look().astimezone(tz or UTC)

        @classmethod
        def utcnow(cls) -> NoReturn:
            raise NotImplementedError("aware times only")

    return Told
