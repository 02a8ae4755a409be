"""Whether a fix would write from a checkout, judged by its newest run (design, "Pull gate"). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from statehub.text import plural
from web.dashboard.checkouts import BLOCKING_FRESHNESS
from web.dashboard.dto import GridCheckout

if TYPE_CHECKING:
    from consistency.models import Run


@dataclass(frozen=True, slots=True)
class Readiness:
    """A label for a checkout, its tone, and what it means."""

    label: str
    tone: str
    meaning: str


YES = Readiness("yes", "good", "the checkout is up to date with its upstream, or has no upstream")
PROBABLY = Readiness(
    "likely", "info", "the last fetch failed or was skipped; as far as is known the checkout is up to date"
)
PARTLY = Readiness("partly", "warn", "the hub would be written, but not every file: detached, uncommitted, or refused")
BLOCKED = Readiness(
    "held",
    "warn",
    "a gate holds it back: behind its upstream, not on the repo's branch, a merge in progress, or missing workplans",
)
NO = Readiness("no", "bad", "the newest run failed there")
UNKNOWN = Readiness("unknown", "muted", "no finished run, or the newest one is too old")
ALL = (YES, PROBABLY, PARTLY, BLOCKED, NO, UNKNOWN)


def assess(checkout: GridCheckout, now: datetime, overdue_after: timedelta) -> Readiness:
    """Return the readiness of *checkout*; a run that is older than *overdue_after* does not prove that it is ready."""
    run = checkout.run
    if run is None or run.finished_at is None:
        return UNKNOWN
    if run.outcome == "error":
        return NO
    if run.outcome == "skipped" or run.freshness in BLOCKING_FRESHNESS or checkout.gates:
        return BLOCKED
    if now - run.finished_at > overdue_after:
        return UNKNOWN
    is_detached = run.head and not run.branch
    if is_detached or checkout.obstacles:
        return PARTLY
    return {"fresh": YES, "no_upstream": YES, "unknown": PROBABLY}.get(run.freshness, UNKNOWN)


def format_age(then: datetime, now: datetime) -> str:
    """Return how long ago *then* was, in the largest unit that fits: `5 minutes ago`."""
    seconds = (now - then).total_seconds()
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number:,} {plural(number, unit)} ago"
    return "just now"


def describe_run(run: Run) -> str:
    """Return what *run* did, to be followed by its age: `fixed`, `check failed`."""
    mode = "dry run" if run.dry_run else run.mode
    if run.outcome == "error":
        return f"{mode} failed"
    if run.outcome == "skipped":
        return f"{mode} held back"
    return {"fix": "fixed", "check": "checked"}.get(mode, mode)
