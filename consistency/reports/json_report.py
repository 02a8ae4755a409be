"""The report for programs: JSON, version 1 (design, "JSON report")."""

from __future__ import annotations

from consistency.core.codes import Severity
from consistency.reports.json_text import to_json, to_timestamp
from consistency.reports.outcome import CheckoutOutcome, Report

VERSION = 1
"""Of the format; it moves when a field changes its meaning or goes away, not when one is added."""

_CHECKOUT = (
    "slug", "path", "run_id", "outcome", "converged", "freshness", "head", "ahead", "behind", "writeback_commit",
    "counts",
)  # fmt: skip
_FINDING = (
    "code", "severity", "message", "file", "line", "workplan", "task", "db_status", "file_status", "action",
)  # fmt: skip


def render_json(report: Report) -> str:
    """Return *report* as JSON text for UTF-8, newline at its end. Names and order of the fields are a contract."""
    return to_json(
        {
            "version": VERSION,
            "mode": report.mode,
            "host": report.host,
            "started_at": to_timestamp(report.started_at),
            "finished_at": to_timestamp(report.finished_at),
            "repos": [_checkout(repo) for repo in report.repos],
            "summary": {
                "repos": len(report.repos),
                **{name: report.count(Severity(name)) for name in ("FAIL", "WARN", "INFO")},
            },
        }
    )


def _checkout(repo: CheckoutOutcome) -> dict[str, object]:
    fields = {name: getattr(repo, name) for name in _CHECKOUT}
    fields["findings"] = [{name: getattr(finding, name) for name in _FINDING} for finding in repo.findings]
    return fields if repo.error is None else {**fields, "error": repo.error}
