"""The report for code scanning: SARIF 2.1.0 (OASIS standard with errata 01), one run for each checkout.

Section numbers in comments are the standard's.
"""

from __future__ import annotations

import json
from hashlib import sha256
from urllib.parse import quote

from consistency.core.codes import CODES, Code, Severity
from consistency.core.finding import Finding
from consistency.reports.json_text import to_json, to_timestamp
from consistency.reports.outcome import CheckoutOutcome, Report
from statehub import __version__

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "SRCROOT"
"""The `uriBaseId` of a checkout's top folder; each run gives it a URI of its own."""

LEVELS: dict[Severity, str] = {Severity.FAIL: "error", Severity.WARN: "warning", Severity.INFO: "note"}
_RUN = ("outcome", "converged", "freshness", "head", "ahead", "behind", "writeback_commit")
_RULE_INDEX: dict[str, int] = {code: index for index, code in enumerate(CODES)}


def render_sarif(report: Report) -> str:
    """Return *report* as a SARIF log, for UTF-8. A result's and a run's `properties` have the JSON report's names."""
    tool: dict[str, object] = {
        "driver": {"name": "State Hub", "version": __version__, "rules": [_rule(code) for code in CODES.values()]},
    }
    runs = [_run(repo, report, tool) for repo in report.repos]
    return to_json({"$schema": SCHEMA, "version": "2.1.0", "runs": runs})


def _rule(code: Code) -> dict[str, object]:
    return {
        "id": code.id,
        "shortDescription": _message(code.title),
        "help": _message(code.remedy),
        "defaultConfiguration": {"level": LEVELS[code.severity]},
    }


def _run(repo: CheckoutOutcome, report: Report, tool: dict[str, object]) -> dict[str, object]:
    return {
        "tool": tool,
        # 3.17.2: a stable category, then what makes this run differ from others of it; consumers merge by the category.
        "automationDetails": {"id": f"state-hub/{repo.slug}/{repo.run_id or ''}"},
        "invocations": [_invocation(repo, report)],
        "originalUriBaseIds": {ROOT: _root(repo)},
        "results": [_result(repo, finding) for finding in repo.findings],
        "properties": {"slug": repo.slug, "mode": report.mode, **_given(repo, *_RUN)},
    }


def _invocation(repo: CheckoutOutcome, report: Report) -> dict[str, object]:
    invocation: dict[str, object] = {
        "executionSuccessful": repo.outcome != "error",
        "startTimeUtc": to_timestamp(report.started_at),
        "endTimeUtc": to_timestamp(report.finished_at),
        "machine": report.host,
    }
    if repo.error is not None:
        invocation["toolExecutionNotifications"] = [{"level": "error", "message": _message(repo.error)}]
    return invocation


def _root(repo: CheckoutOutcome) -> dict[str, object]:
    root: dict[str, object] = {"description": _message(f"The checkout of {repo.slug}.")}
    if repo.path.startswith("/"):
        # 3.14.14: absolute, and with a slash at its end, or the last folder is lost when URIs are joined.
        return {"uri": f"file://{_percent(repo.path.rstrip('/'))}/", **root}
    return root


def _result(repo: CheckoutOutcome, finding: Finding) -> dict[str, object]:
    return {
        "ruleId": finding.code,
        "ruleIndex": _RULE_INDEX[finding.code],
        "level": LEVELS[finding.severity],
        "message": _message(finding.message),
        "locations": [] if finding.file is None else [{"physicalLocation": _place(finding.file, finding.line)}],
        "partialFingerprints": {"stateHubIdentity/v1": _fingerprint(repo, finding)},
        "properties": _given(finding, "workplan", "task", "db_status", "file_status", "action"),
    }


def _place(file: str, line: int | None) -> dict[str, object]:
    place: dict[str, object] = {"artifactLocation": {"uri": _percent(file), "uriBaseId": ROOT}}
    return place if line is None else {**place, "region": {"startLine": line}}


def _percent(path: str) -> str:
    """Return *path* as a URI path. A name that is not UTF-8 becomes its bytes; no colon can pass for a scheme."""
    try:
        name = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # A surrogate that is not an escaped byte.
        name = path.encode("utf-8", "surrogatepass")
    return quote(name, safe="/")


def _message(text: str) -> dict[str, object]:
    """Return a message object with *text*, whatever a title or git put into it."""
    # 3.11.5: a brace is a placeholder's unless doubled. 3.11.6: `[…](` would be a link; there is no escape for it.
    return {"text": text.replace("{", "{{").replace("}", "}}").replace("](", "] (")}


def _fingerprint(repo: CheckoutOutcome, finding: Finding) -> str:
    """Return a hash that is the same in every run and checkout of the repo, wherever the line moves."""
    return sha256(json.dumps([repo.slug, *finding.dedup_key]).encode()).hexdigest()


def _given(value: CheckoutOutcome | Finding, *names: str) -> dict[str, object]:
    """Return the fields of *value* with these *names* that are not None."""
    return {name: field for name in names if (field := getattr(value, name)) is not None}
