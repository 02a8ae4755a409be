"""The gates: the reasons for which a fix writes nothing at all to a checkout (design, "Pull gate")."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from consistency.core import codes
from consistency.core.codes import Kind, Severity, codes_of
from consistency.core.finding import Finding


class Freshness(StrEnum):
    """How the checkout relates to its upstream, as far as that is known."""

    FRESH = "fresh"
    BEHIND = "behind"
    DIVERGED = "diverged"
    UNKNOWN = "unknown"
    NO_UPSTREAM = "no_upstream"
    GONE = "gone"


FETCHED = "ok"
NO_UPSTREAM = "no upstream"
NOT_ASKED = "not asked"
EMPTY = "empty"
GONE = "gone"
"""How a fetch can end, if it did not fail with a message of git: EMPTY is a remote without any commit, GONE one that
lacks the repo's branch."""

_ANSWERS = frozenset({FETCHED, NO_UPSTREAM, NOT_ASKED, EMPTY, GONE})

GATES = codes_of(Kind.GATE)
"""The codes of findings that hold a whole checkout back; C-14 only if it names no file."""


class Sighting(NamedTuple):
    """The upstream's commit *tip*, as a run on *host* saw it in its fetch at the time *at*."""

    tip: str
    host: str
    at: datetime


def is_failure(outcome: str) -> bool:
    """Return whether a fetch with this *outcome* asked the remote and got no answer; '' means no fetch."""
    return outcome not in _ANSWERS and outcome != ""


def freshness(fetched: bool, *, lacks: bool, ahead: bool) -> Freshness:
    """Judge a checkout that has an upstream. *fetched* says that the upstream is known as it is now.

    *lacks* says that the checkout lacks commits of it, *ahead* that the upstream lacks some of the checkout's. A
    checkout that is only not known to be behind is never `fresh`.
    """
    if lacks:
        return Freshness.DIVERGED if ahead else Freshness.BEHIND
    return Freshness.FRESH if fetched else Freshness.UNKNOWN


def check_behind(slug: str, state: Freshness, seen: Sighting | None) -> list[Finding]:
    """Return C-14 if the upstream has commits that the checkout lacks; *seen* if only another run's fetch saw them."""
    if state not in (Freshness.BEHIND, Freshness.DIVERGED):
        return []
    message = f"Repo '{slug}' is behind remote — pull before fixing to avoid clobbering remote progress"
    if seen is not None:
        message += f" (it lacks {seen.tip[:7]}, as seen by {seen.host} at {seen.at:%Y-%m-%d %H:%M:%SZ})"
    return [Finding(codes.BEHIND, message)]


def check_branch(slug: str, branch: str | None, wanted: str, on_branch: bool | None) -> list[Finding]:
    """Return C-18 unless the checkout, on *branch* (None if detached), is known to be on the repo's branch *wanted*."""
    if on_branch:
        return []
    if branch is not None:
        what = f"is on branch '{branch}', not on '{wanted}'"
    elif on_branch is None:
        what = f"has a detached HEAD, and it is not known whether that is the tip of '{wanted}'"
    else:
        what = f"has a detached HEAD that is not the tip of '{wanted}'"
    return [Finding(codes.WRONG_BRANCH, f"Repo '{slug}' {what} — nothing is written (--any-branch lifts this)")]


def check_in_progress(slug: str, operation: str) -> list[Finding]:
    """Return C-21 while git is in the middle of *operation* (`a merge`), '' for nothing."""
    message = f"Repo '{slug}': {operation} is in progress — nothing is written; finish or abort it"
    return [Finding(codes.GIT_IN_PROGRESS, message)] if operation else []


def check_branch_exists(slug: str, branch: str, remote: str, default: str, *, managed: bool = False) -> list[Finding]:
    """Return C-22 for a *branch* that origin, the clone's *remote*, no longer has; *default* is its default branch.

    *managed* says that it is one of the hub's own clones.
    """
    message = f"Repo '{slug}': branch '{branch}' is gone from {remote} — nothing is written"
    if default:
        advice = f"git switch {default}, then register_repo PATH"
        if managed:
            advice = f"register_repo --remote URL --branch {default}"
        message += f"; its default branch is '{default}': {advice} follows it"
    return [Finding(codes.WRONG_ORIGIN, message)]


def check_clone(slug: str, reason: str) -> list[Finding]:
    """Return C-22 for a clone that does not come from the repo's origin, for this *reason*."""
    message = (
        f"Repo '{slug}': this clone does not come from the repo's origin: {reason} — nothing is written "
        "(if the repository has moved: git remote set-url, then register_repo PATH)"
    )
    return [Finding(codes.WRONG_ORIGIN, message)]


def check_repository(slug: str) -> list[Finding]:
    """Return C-22 for a clone that does not have the repo's history: another repository has taken its place."""
    message = (
        f"Repo '{slug}': another repository is here now, the histories have nothing in common — nothing is written "
        "(retire_checkout PATH, then register_repo PATH registers the other one)"
    )
    return [Finding(codes.WRONG_ORIGIN, message)]


def check_missing_workplans(slug: str, remembered: int, there: int) -> list[Finding]:
    """Return C-19 if none or less than half of the workplans that the ledger remembers are *there*."""
    if there * 2 >= remembered:
        return []
    shown = f"shows {f'only {there}' if there else 'none'} of the {remembered} workplans of its last fix"
    if remembered == 1:
        shown = "no longer has the one workplan that the last fix saw"
    message = (
        f"Repo '{slug}' {shown} — nothing is written "
        "(wrong branch, sparse checkout, unmounted disk? --allow-missing if really removed)"
    )
    return [Finding(codes.WORKPLANS_MISSING, message)]


def as_info(findings: Collection[Finding]) -> list[Finding]:
    """Return the same *findings* for a check: for information, because it writes nothing anyway."""
    return [finding._replace(other_severity=Severity.INFO) for finding in findings]


def is_gate(finding: Finding) -> bool:
    """Return whether *finding* says that the whole checkout is held back."""
    return finding.code in GATES and finding.file is None
