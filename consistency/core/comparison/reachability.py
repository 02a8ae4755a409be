"""Judges whether a checkout's remote answers: since when it has not, and how much time its next fetch gets."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from consistency.core.codes import UNANNOUNCED, UNREACHABLE
from consistency.core.finding import Finding

MAX_FETCH_SECONDS = 3600.0
"""No fetch gets more time than this, however often it was cut off; a longer limit of the caller is kept."""

MAX_DOUBLINGS = 12

HOOK_GRACE = timedelta(seconds=60)
"""The time that a webhook's delivery may take after its push."""


class Reachability(NamedTuple):
    """How the last fetches went.

    `since` is when the first of those that failed began, None after one that worked. `timeouts` counts those in a row
    that ran out of time although data was arriving.
    """

    since: datetime | None = None
    timeouts: int = 0

    def after(self, failed: bool, received: int, at: datetime) -> Reachability:
        """Return the state after another fetch, which began at the time *at*.

        *received* are the bytes that still came in when its time was up: a remote that only stalls does not count.
        """
        if not failed:
            return Reachability()
        return Reachability(self.since or at, min(self.timeouts + bool(received), MAX_DOUBLINGS))


def fetch_limit(timeout: float, timeouts: int) -> float:
    """Return the seconds that the next fetch gets: *timeout*, doubled for each of the *timeouts* in a row before it."""
    return double(timeout, timeouts, MAX_FETCH_SECONDS)


def double(seconds: float, times: int, most: float) -> float:
    """Return *seconds*, doubled that many *times*, but at most *most*, unless *seconds* are more already."""
    return max(seconds, min(seconds * 2.0 ** min(times, MAX_DOUBLINGS), most))


def unreachable(outcome: str, since: datetime | None, now: datetime, hours: int) -> list[Finding]:
    """Return C-26 if the fetches have failed for *hours* or longer; *outcome* is git's message about the last one."""
    if since is None or now - since < timedelta(hours=hours):
        return []
    return [Finding(UNREACHABLE, f"remote has not answered since {since:%Y-%m-%d %H:%MZ} (git: {outcome})")]


def unannounced(since: datetime | None, now: datetime) -> list[Finding]:
    """Return C-29 if no webhook has been heard since a poll found a push at the time *since*."""
    if since is None or now - since < HOOK_GRACE:
        return []
    return [Finding(UNANNOUNCED, f"polling found a push at {since:%Y-%m-%d %H:%MZ} that no webhook has announced")]
