"""Whether a fix would write from a checkout, in one word, by what its newest run saw (design, "Pull gate"). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from web.dashboard.dto import CheckoutStatus, LastRun


@dataclass(frozen=True, slots=True)
class Readiness:
    """One word, its tone, and why."""

    word: str
    tone: str
    why: str


YES = Readiness("yes", "good", "the checkout is up to date with its upstream, or has no upstream")
PROBABLY = Readiness(
    "likely", "info", "the last fetch failed or was skipped; as far as is known the checkout is up to date"
)
PARTLY = Readiness("partly", "warn", "the hub would be written, but not every file: detached, uncommitted, or refused")
BLOCKED = Readiness(
    "held", "warn",
    "a gate holds it back: behind its upstream, not on the repo's branch, a merge is under way, or workplans are gone",
)  # fmt: skip
NO = Readiness("no", "bad", "the newest run failed there")
UNKNOWN = Readiness("unknown", "muted", "no finished run, or too long ago to tell")
VERDICTS = (YES, PROBABLY, PARTLY, BLOCKED, NO, UNKNOWN)


def verdict(place: CheckoutStatus, now: datetime, patience: timedelta) -> Readiness:
    """What a fix would do at *place*; what is older than *patience* says nothing."""
    run = place.run
    if run is None:
        return UNKNOWN
    if run.outcome == "error":
        return NO
    if run.outcome == "skipped" or run.freshness in ("behind", "diverged", "gone") or place.gates:
        return BLOCKED
    if now - run.finished > patience:
        return UNKNOWN
    if run.detached or place.obstacles:
        return PARTLY
    return {"fresh": YES, "no_upstream": YES, "unknown": PROBABLY}.get(run.freshness, UNKNOWN)


def ago(then: datetime, now: datetime) -> str:
    """How long ago *then* was, in the largest unit that fits: `5 minutes ago`."""
    seconds = (now - then).total_seconds()
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number:,} {unit}{'' if number == 1 else 's'} ago"
    return "just now"


def what_it_did(run: LastRun) -> str:
    """What the newest run of a checkout did there, to stand before how long ago: `fixed`, `check failed`."""
    mode = "dry run" if run.dry_run else run.mode
    if run.outcome == "error":
        return f"{mode} failed"
    if run.outcome == "skipped":
        return f"{mode} held back"
    return {"fix": "fixed", "check": "checked"}.get(mode, mode)
