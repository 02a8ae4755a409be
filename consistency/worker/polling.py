"""Decides the consequences of a poll of a checkout. Pure: no database, no git, no clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from consistency.core.comparison.reachability import HOOK_GRACE, double

MAX_WAIT_SECONDS = 3600.0
"""Longest time between two polls of a remote that does not answer."""

FULL_RUN_EVERY = timedelta(hours=1)
"""The longest time between two runs of a checkout, whether or not there is news."""

JITTER = 0.1
"""The part of the time until the next poll by which it varies, so that remotes are not asked all at once."""

MIN_TICK_SECONDS, MAX_TICK_SECONDS, TICKS_PER_POLL = 1, 10, 30
"""Limits of the time between two looks for checkouts that are due, and the number of looks in the time of a poll."""


class Row(NamedTuple):
    """The columns of a checkout and its repo that a poll needs; `ran_at` is the start of the checkout's last run."""

    managed: bool
    tip: str
    poll_failures: int
    unannounced_at: datetime | None
    rung_at: datetime | None
    hook_heard_at: datetime | None
    ran_at: datetime | None


class Decision(NamedTuple):
    """The consequences of a poll.

    *run* queues the checkout, as *urgent* or after all others. *is_news* says that the remote has a commit that the hub
    does not know of, *unannounced* that no webhook announced it. *wait* is the time until the next poll, in seconds.
    """

    run: bool
    urgent: bool
    is_news: bool
    unannounced: bool
    failures: int
    wait: float


def decide(began: datetime, before: Row, now: datetime, after: Row, tip: str | None, interval: float) -> Decision:
    """Decide about a checkout that was *before* when its poll began, and is *after* now that its remote has answered.

    *tip* is the commit of the repo's branch at the remote, '' if the branch is gone, None if the remote did not answer.
    *interval* is the usual time between two polls, in seconds.
    """
    is_due = after.ran_at is None or now - after.ran_at >= FULL_RUN_EVERY
    if not after.managed:  # A person's clone: it may have changes that its remote does not have.
        return Decision(True, False, False, False, 0, interval)
    if tip is None:
        failures = after.poll_failures + 1
        # The first one may be the clone's fault, which a run cures. The rest only takes the time of a worker.
        return Decision(is_due or failures == 1, False, False, False, failures, wait_after(failures, interval))
    # If the tip has changed since then, a run was faster, and the remote's answer may be older than that run.
    is_news = tip != after.tip and after.tip == before.tip
    unannounced = (
        is_news
        and after.rung_at is None
        and after.unannounced_at is None
        and after.hook_heard_at is not None
        and after.hook_heard_at < began
    )
    is_late = _is_to_be_reported(after, now)
    wait = HOOK_GRACE.total_seconds() + 1 if unannounced else interval
    return Decision(is_due or is_news or is_late, is_news or is_late, is_news, unannounced, 0, min(wait, interval))


def _is_to_be_reported(row: Row, now: datetime) -> bool:
    """Return whether a run must report C-29: none has begun since a webhook's delivery was overdue."""
    if row.unannounced_at is None:
        return False
    overdue = row.unannounced_at + HOOK_GRACE
    return overdue <= now and (row.ran_at is None or row.ran_at < overdue)


def wait_after(failures: int, interval: float) -> float:
    """Return the seconds until the next poll after a number of *failures* in a row: twice the time after each."""
    return double(interval, failures, MAX_WAIT_SECONDS)


def vary(seconds: float, random: float) -> float:
    """Return *seconds*, a tenth more or less; *random* is from 0 to 1."""
    return seconds * (1 + JITTER * (2 * random - 1))


def tick_seconds(interval: float) -> int:
    """Return the time between two looks for checkouts that are due, if each is polled every *interval* seconds."""
    return round(max(MIN_TICK_SECONDS, min(interval / TICKS_PER_POLL, MAX_TICK_SECONDS)))
