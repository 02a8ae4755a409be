"""Whether a finding is open, resolved, or open but unverified: its checkout's newest finished run did not see it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from django.db.models import F, QuerySet

from consistency.models import Finding, Run


class FindingState(StrEnum):
    """The states of a finding in the admin."""

    OPEN = "open"
    UNVERIFIED = "unverified"
    RESOLVED = "resolved"


def with_newest_run(findings: QuerySet[Finding]) -> QuerySet[Finding]:
    """Annotate *findings* with `newest_run`: the start of the newest finished run of their checkout."""
    newest = Run.objects.finished().newest_per_checkout("started_at", checkout="checkout")
    return findings.annotate(newest_run=newest)


def in_state(findings: QuerySet[Finding], state: str) -> QuerySet[Finding]:
    """Filter *findings* (from `with_newest_run`) by *state*; `open` includes the unverified."""
    if state == FindingState.RESOLVED:
        return findings.filter(resolved_at__isnull=False)
    findings = findings.filter(resolved_at__isnull=True)
    return findings.filter(last_seen__lt=F("newest_run")) if state == FindingState.UNVERIFIED else findings


def state_of(finding: Finding) -> FindingState:
    """Return the state of *finding* (from `with_newest_run`)."""
    if finding.resolved_at is not None:
        return FindingState.RESOLVED
    # A finding that the newest run saw was last seen after that run started.
    newest: datetime | None = finding.newest_run  # type: ignore[attr-defined]  # annotated
    return FindingState.UNVERIFIED if newest is not None and finding.last_seen < newest else FindingState.OPEN
