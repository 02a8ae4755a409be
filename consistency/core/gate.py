"""The gates: what keeps a fix from writing anything at all to a checkout (design, "Pull gate")."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from consistency.core.codes import Severity
from consistency.core.finding import Finding


class Freshness(StrEnum):
    """What is known of the checkout against its upstream."""

    FRESH = "fresh"
    BEHIND = "behind"
    DIVERGED = "diverged"
    UNKNOWN = "unknown"
    NO_UPSTREAM = "no_upstream"


FETCHED = "ok"
NO_UPSTREAM = "no upstream"
NOT_ASKED = "not asked"
"""How a fetch can end, besides git's words why it failed."""

GATES = ("C-14", "C-18", "C-19")
"""The codes of findings that hold a whole checkout back; C-14 is one of them where it names no file."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """The upstream's commit *tip*, as a run on *host* saw it in its fetch at the time *at*."""

    tip: str
    host: str
    at: datetime


def freshness(fetch: str, upstream: bool, compared: bool, ahead: int, behind: int) -> Freshness:
    """*fetch* is how it ended; *compared* says that the upstream's branch is there, *ahead* and *behind* how far.

    Not behind for want of knowledge is never `fresh`.
    """
    if behind:
        return Freshness.DIVERGED if ahead else Freshness.BEHIND
    if not upstream or fetch == NO_UPSTREAM or (fetch == FETCHED and not compared):
        return Freshness.NO_UPSTREAM
    return Freshness.FRESH if fetch == FETCHED else Freshness.UNKNOWN


def behind(slug: str, state: Freshness, seen: Sighting | None) -> list[Finding]:
    """C-14 where the upstream has commits that the checkout lacks; *seen* where only another run's fetch tells."""
    if state not in (Freshness.BEHIND, Freshness.DIVERGED):
        return []
    message = f"Repo '{slug}' is behind remote — pull before fixing to avoid clobbering remote progress"
    if seen is not None:
        message += f" (it lacks {seen.tip[:7]}, as seen by {seen.host} at {seen.at:%Y-%m-%d %H:%M:%SZ})"
    return [Finding.of("C-14", message)]


def off_branch(slug: str, branch: str | None, wanted: str) -> list[Finding]:
    """C-18 where the checkout is on another branch than the repo's. A detached HEAD is on none."""
    if not wanted or branch is None or branch == wanted:
        return []
    message = f"Repo '{slug}' is on branch '{branch}', not on '{wanted}' — nothing is written (--any-branch lifts this)"
    return [Finding.of("C-18", message)]


def suddenly_empty(slug: str, remembered: int, there: int) -> list[Finding]:
    """C-19 where none or less than half of the workplans that the ledger remembers are *there*."""
    if there * 2 >= remembered:
        return []
    shown = f"only {there} of the {remembered} workplans" if there else f"none of the {remembered} workplans"
    if remembered == 1:
        shown = "no more the one workplan"
    message = (
        f"Repo '{slug}' shows {shown} of its last fix — nothing is written "
        "(wrong branch, sparse checkout, unmounted disk? --allow-missing if really removed)"
    )
    return [Finding.of("C-19", message)]


def for_a_check(findings: Collection[Finding]) -> list[Finding]:
    """The same *findings* in a check, which writes nothing anyway: for information."""
    return [replace(finding, severity=Severity.INFO) for finding in findings]


def is_gate(finding: Finding) -> bool:
    """Whether *finding* says that the whole checkout is held back: no drift between files and hub."""
    return finding.code in GATES and finding.file is None
