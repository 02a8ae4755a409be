"""Writes findings for people, for programs, and as GitHub and GitLab show them beside the lines."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from consistency.core.codes import CODES, FIELD_DIFFERS, HUB_AHEAD, SEVERITIES, Severity
from consistency.core.finding import Finding
from consistency.reports.json_text import to_json
from statehub.text import escape_control, plural

VERSION = 1
"""Of the JSON format; it changes if a field changes its meaning or goes away."""

_REMEDIES = {
    FIELD_DIFFERS: "Put the value in quotes: YAML cuts it off.",
    HUB_AHEAD: "Take the step back out of the change, or reopen the task in the hub first, as the message says.",
}
"""The remedies of codes for which the table names a run of the hub."""

_FIELDS = ("code", "severity", "message", "file", "line", "workplan", "task")

_GITHUB_COMMANDS = {Severity.FAIL: "error", Severity.WARN: "warning", Severity.INFO: "notice"}
"""The workflow commands that make annotations (GitHub, "Workflow commands")."""

_GITLAB_SEVERITIES = {Severity.FAIL: "major", Severity.WARN: "minor", Severity.INFO: "info"}
"""The severities of GitLab's code quality report."""


def to_text(findings: Sequence[Finding]) -> str:
    """Return a line for each finding, with its file and line; then what to do about each code."""
    if not findings:
        return ""
    lines = [
        f"{each.file or '.'}:{each.line or 1}: {each.code} {each.severity} {escape_control(each.message)}"
        for each in findings
    ]
    number, files = len(findings), len({each.file for each in findings})
    open_codes = {each.code for each in findings}
    lines += ["", *(f"{code}: {_REMEDIES.get(code, CODES[code].remedy)}" for code in CODES if code in open_codes)]
    lines += ["", f"{number} {plural(number, 'finding')} in {files} {plural(files, 'file')}"]
    return "".join(f"{line}\n" for line in lines)


def to_report(findings: Sequence[Finding]) -> str:
    """Return the findings as JSON."""
    counts = {str(severity): sum(each.severity is severity for each in findings) for severity in reversed(SEVERITIES)}
    rows = [{name: getattr(each, name) for name in _FIELDS} for each in findings]
    return to_json({"version": VERSION, "findings": rows, "summary": counts})


def to_github(findings: Sequence[Finding]) -> str:
    """Return workflow commands that GitHub shows beside the lines of a change."""
    return "".join(
        f"::{_GITHUB_COMMANDS[each.severity]} file={_property(each.file or '')},line={each.line or 1},"
        f"title={_property(f'{each.code} {CODES[each.code].title}')}::{_data(each.message)}\n"
        for each in findings
    )


def to_gitlab(findings: Sequence[Finding]) -> str:
    """Return a code quality report (GitLab, "Code Quality report format")."""
    return to_json(
        [
            {
                "description": f"{each.code} {each.message}",
                "check_name": each.code,
                "fingerprint": _fingerprint(each),
                "severity": _GITLAB_SEVERITIES[each.severity],
                "location": {"path": each.file or "", "lines": {"begin": each.line or 1}},
            }
            for each in findings
        ]
    )


FORMATS: Mapping[str, Callable[[Sequence[Finding]], str]] = {
    "text": to_text,
    "json": to_report,
    "github": to_github,
    "gitlab": to_gitlab,
}


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _fingerprint(finding: Finding) -> str:
    """Return the same text for the same finding, wherever its line is now."""
    key = "\0".join([*finding.dedup_key, finding.file or ""])
    return hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()
