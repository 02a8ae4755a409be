from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest

from consistency.core.codes import Severity
from consistency.core.finding import Finding
from consistency.reports.json_report import render_json
from consistency.reports.outcome import CheckoutOutcome, Report

WHOLE = """\
{
  "version": 1,
  "mode": "fix",
  "host": "node-a",
  "started_at": "2026-11-22T16:35:01.250Z",
  "finished_at": "2026-11-22T16:35:03.000Z",
  "repos": [
    {
      "slug": "net",
      "path": "/srv/net",
      "run_id": "r1",
      "outcome": "ok",
      "converged": false,
      "freshness": "fresh",
      "head": "3f9c2ab4d1e0",
      "ahead": 1,
      "behind": 0,
      "writeback_commit": "77aa",
      "counts": {
        "C-05": 1,
        "C-13": 1
      },
      "findings": [
        {
          "code": "C-13",
          "severity": "WARN",
          "message": "DB task 'Sender' is ahead of file (db=done, file=todo) — skipped to prevent regression",
          "file": "workplans/x.md",
          "line": 12,
          "workplan": "W",
          "task": "W-T01",
          "db_status": "done",
          "file_status": "todo",
          "action": "written_back"
        },
        {
          "code": "C-05",
          "severity": "FAIL",
          "message": "unknown status 'dnoe' — did you mean 'done'?",
          "file": "workplans/x.md",
          "line": 7,
          "workplan": "W",
          "task": null,
          "db_status": null,
          "file_status": null,
          "action": "none"
        }
      ]
    }
  ],
  "summary": {
    "repos": 1,
    "FAIL": 1,
    "WARN": 1,
    "INFO": 0
  }
}
"""


def test_json_of_a_fix_is_the_contract(
    ahead: Finding, broken: Finding, checkout: CheckoutOutcome, report_of: Callable[..., Report]
) -> None:
    repo = checkout._replace(converged=False, ahead=1, writeback_commit="77aa", findings=(ahead, broken))

    assert render_json(report_of(repo)) == WHOLE


def test_json_of_no_checkout_has_empty_repos(report_of: Callable[..., Report]) -> None:
    assert json.loads(render_json(report_of(mode="check"))) == {
        "version": 1,
        "mode": "check",
        "host": "node-a",
        "started_at": "2026-11-22T16:35:01.250Z",
        "finished_at": "2026-11-22T16:35:03.000Z",
        "repos": [],
        "summary": {"repos": 0, "FAIL": 0, "WARN": 0, "INFO": 0},
    }


def test_json_of_an_error_has_it_as_last_key(report_of: Callable[..., Report]) -> None:
    repo = CheckoutOutcome("net", "/srv/net", None, "error", converged=False, error="git went away")

    (rendered,) = json.loads(render_json(report_of(repo)))["repos"]

    assert list(rendered.items()) == [
        ("slug", "net"),
        ("path", "/srv/net"),
        ("run_id", None),
        ("outcome", "error"),
        ("converged", False),
        ("freshness", None),
        ("head", None),
        ("ahead", None),
        ("behind", None),
        ("writeback_commit", None),
        ("counts", {}),
        ("findings", []),
        ("error", "git went away"),
    ]


def test_json_takes_the_severity_of_the_finding_not_of_the_table(
    checkout: CheckoutOutcome, report_of: Callable[..., Report]
) -> None:
    behind = Finding("C-14", "Repo 'net' is behind remote")._replace(other_severity=Severity.INFO)

    rendered = json.loads(render_json(report_of(checkout._replace(findings=(behind,)), mode="check")))

    assert rendered["repos"][0]["findings"][0]["severity"] == "INFO"
    assert rendered["summary"] == {"repos": 1, "FAIL": 0, "WARN": 0, "INFO": 1}


def test_json_gives_times_in_utc(report_of: Callable[..., Report]) -> None:
    noon = datetime(2026, 7, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))

    rendered = json.loads(render_json(report_of()._replace(started_at=noon)))

    assert rendered["started_at"] == "2026-07-01T10:00:00.000Z"


@pytest.mark.parametrize("text", ("caf\udce9.md", "\ud83d", "tab\there, \x1b, \u2028 and \x00", "é → 🙂"))
def test_json_of_any_text_encodes_as_utf8_and_reads_back(
    text: str, checkout: CheckoutOutcome, report_of: Callable[..., Report]
) -> None:
    repo = checkout._replace(findings=(Finding("C-02", text, file=text),))

    rendered = render_json(report_of(repo)).encode("utf-8")

    (finding,) = json.loads(rendered)["repos"][0]["findings"]
    assert (finding["message"], finding["file"]) == (text, text)


def test_json_writes_a_lone_surrogate_as_an_escape_and_other_letters_as_they_are(
    checkout: CheckoutOutcome, report_of: Callable[..., Report]
) -> None:
    rendered = render_json(report_of(checkout._replace(path="/srv/é\udce9")))

    assert '"path": "/srv/é\\udce9",' in rendered
