"""The report for programs: JSON, version 1 (design, "JSON report")."""

from __future__ import annotations

from consistency.core.codes import Severity
from consistency.core.finding import Finding
from consistency.reports.json_text import to_json, to_timestamp
from consistency.reports.outcome import CheckoutOutcome, Report

VERSION = 1
"""Of the format; it moves when a field changes its meaning or goes away, not when one is added."""


def render_json(report: Report) -> str:
    """*report* as JSON text for UTF-8, newline at its end. Names and order of the fields are a contract."""
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
    fields: dict[str, object] = {
        "slug": repo.slug,
        "path": repo.path,
        "run_id": repo.run_id,
        "outcome": repo.outcome,
        "converged": repo.converged,
        "freshness": repo.freshness,
        "head": repo.head,
        "ahead": repo.ahead,
        "behind": repo.behind,
        "writeback_commit": repo.writeback_commit,
        "counts": repo.counts,
        "findings": [_finding(finding) for finding in repo.findings],
    }
    return fields if repo.error is None else {**fields, "error": repo.error}


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "message": finding.message,
        "file": finding.file,
        "line": finding.line,
        "workplan": finding.workplan,
        "task": finding.task,
        "db_status": finding.db_status,
        "file_status": finding.file_status,
        "action": finding.action.value,
    }
