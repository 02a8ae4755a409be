"""The result of a run: plain values that every report renders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from consistency.core.codes import Severity
from consistency.core.finding import Finding


class CheckoutOutcome(NamedTuple):
    """One checkout's part of a report. `outcome` is ok, skipped or error; `error` is one line for people.

    `ahead` and `behind` count commits against the upstream, None if that is not known. `push` is 'ok', '' if none was
    tried, or why it failed; `fetch` is how the fetch ended (`core.comparison.gates`). `known` are the keys of the
    findings that the checkout's last run had already. `writeback` is that of the repo.
    """

    slug: str
    path: str
    run_id: str | None
    outcome: str
    converged: bool
    freshness: str | None = None
    head: str | None = None
    ahead: int | None = None
    behind: int | None = None
    writeback_commit: str | None = None
    findings: tuple[Finding, ...] = ()
    error: str | None = None
    push: str = ""
    fetch: str = ""
    known: frozenset[tuple[str, ...]] = frozenset()
    writeback: str = ""

    @property
    def left(self) -> Iterator[Finding]:
        """Return the findings that the run did not fix."""
        return (finding for finding in self.findings if not finding.is_fixed)

    @property
    def news(self) -> Iterator[Finding]:
        """Return the findings left at WARN or above that the checkout's last run did not have."""
        alarms = (finding for finding in self.left if finding.severity is not Severity.INFO)
        return (finding for finding in alarms if finding.dedup_key not in self.known)

    @property
    def counts(self) -> dict[str, int]:
        """Count the findings of each code, in the order of the codes."""
        return dict(sorted(Counter(finding.code for finding in self.findings).items()))


class Report(NamedTuple):
    """All that one command found. `mode` is check or fix; times are aware, in UTC."""

    mode: str
    host: str
    started_at: datetime
    finished_at: datetime
    repos: tuple[CheckoutOutcome, ...] = ()
    dry_run: bool = False

    def count(self, severity: Severity) -> int:
        """Count the findings of *severity* over all checkouts."""
        return sum(finding.severity is severity for repo in self.repos for finding in repo.findings)
