"""A small report to render, and its parts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from consistency.core.finding import Action, Finding
from consistency.reports.outcome import CheckoutOutcome, Report

MakeReport = Callable[..., Report]
PATH = "workplans/x.md"


@pytest.fixture
def ahead() -> Finding:
    """A C-13 that was written back."""
    message = "DB task 'Sender' is ahead of file (db=done, file=todo) — skipped to prevent regression"
    finding = Finding(
        "C-13", message, file=PATH, line=12, workplan="W", task="W-T01", db_status="done", file_status="todo"
    )
    return finding._replace(action=Action.WRITTEN_BACK)


@pytest.fixture
def broken() -> Finding:
    """A C-05, which a run only reports."""
    return Finding(
        "C-05",
        "unknown status 'dnoe' — did you mean 'done'?",
        file=PATH,
        line=7,
        workplan="W",
        discriminator="1:status",
    )


@pytest.fixture
def checkout() -> CheckoutOutcome:
    """A checkout that agrees with the hub."""
    return CheckoutOutcome(
        "net", "/srv/net", "r1", "ok", converged=True, freshness="fresh", head="3f9c2ab4d1e0", ahead=0, behind=0
    )


@pytest.fixture
def report_of() -> MakeReport:
    """Make a report of checkouts; `mode` and `dry_run` by name."""

    def make(*repos: CheckoutOutcome, mode: str = "fix", dry_run: bool = False) -> Report:
        started = datetime(2026, 11, 22, 16, 35, 1, 250000, tzinfo=UTC)
        return Report(mode, "node-a", started, started.replace(second=3, microsecond=0), repos, dry_run)

    return make


@pytest.fixture
def mixed(ahead: Finding, broken: Finding, checkout: CheckoutOutcome, report_of: MakeReport) -> Report:
    """A fix of six checkouts: two that agree, one with drift, one behind, one gone, one without upstream."""
    gone = Finding("C-08", "workstream 'W-3' has no workplan", workplan="W-3")
    behind = Finding("C-14", "Repo 'old' is behind remote — pull before fixing to avoid clobbering remote progress")
    behind = behind._replace(action=Action.SKIPPED)
    missing = Finding("C-01", "no such folder: /srv/gone")
    return report_of(
        checkout,
        checkout._replace(slug="web", path="/srv/web", freshness="unknown", ahead=2),
        checkout._replace(
            slug="busy", converged=False, writeback_commit="77aa12345678", findings=(ahead, broken, gone)
        ),
        CheckoutOutcome(
            "old", "/srv/old", "r2", "skipped", converged=False, freshness="behind", behind=3, findings=(behind,)
        ),
        CheckoutOutcome(
            "gone", "/srv/gone", None, "error", converged=False, findings=(missing,), error=missing.message
        ),
        checkout._replace(slug="last", freshness="no_upstream"),
    )
