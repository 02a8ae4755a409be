from __future__ import annotations

import json
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urljoin

import jsonschema
import pytest

from consistency.core.codes import CODES, Severity
from consistency.core.finding import Action, Finding
from consistency.reports.outcome import CheckoutOutcome, Report
from consistency.reports.sarif_report import SCHEMA, render_sarif
from statehub import __version__

MakeReport = Callable[..., Report]
OFFICIAL = json.loads(Path(__file__).with_name("sarif-schema-2.1.0.json").read_text("utf-8"))
URI_CHARACTERS = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-F]{2})*")  # RFC 3986, section 2
ODD_NAMES = (
    "workplans/a b.md",
    "workplans/a#b.md",
    "workplans/100%.md",
    "workplans/%20.md",
    "workplans/é.md",
    "-leading.md",
    "--output=x.md",
    "a:b/x.md",
    "q?x=1&y.md",
    "back\\slash.md",
    "line\nbreak.md",
    "caf\udce9.md",
    "half\ud83d.md",
    "[x]{0}.md",
)


def valid(text: str) -> Any:
    """The log in *text*, after the official schema passed it."""
    log = json.loads(text.encode("utf-8"))
    jsonschema.Draft4Validator(OFFICIAL).validate(log)
    return log


def test_sarif_schema_is_the_one_that_logs_name() -> None:
    jsonschema.Draft4Validator.check_schema(OFFICIAL)
    assert OFFICIAL["id"] == SCHEMA


def test_sarif_of_no_checkout_is_valid(report_of: MakeReport) -> None:
    assert valid(render_sarif(report_of())) == {"$schema": SCHEMA, "version": "2.1.0", "runs": []}


def test_sarif_run_of_a_fix_is_whole(
    ahead: Finding, broken: Finding, checkout: CheckoutOutcome, report_of: MakeReport
) -> None:
    repo = checkout._replace(converged=False, ahead=1, writeback_commit="77aa", findings=(ahead, broken))

    (run,) = valid(render_sarif(report_of(repo)))["runs"]

    assert run.pop("tool")["driver"].keys() == {"name", "version", "rules"}
    assert run == {
        "automationDetails": {"id": "state-hub/net/r1"},
        "invocations": [
            {
                "executionSuccessful": True,
                "startTimeUtc": "2026-11-22T16:35:01.250Z",
                "endTimeUtc": "2026-11-22T16:35:03.000Z",
                "machine": "node-a",
            }
        ],
        "originalUriBaseIds": {"SRCROOT": {"uri": "file:///srv/net/", "description": {"text": "The checkout of net."}}},
        "results": [
            {
                "ruleId": "C-13",
                "ruleIndex": 12,
                "level": "warning",
                "message": {
                    "text": "DB task 'Sender' is ahead of file (db=done, file=todo) — skipped to prevent regression"
                },
                "locations": [
                    {
                        "physicalLocation": {
                            "artifactLocation": {"uri": "workplans/x.md", "uriBaseId": "SRCROOT"},
                            "region": {"startLine": 12},
                        }
                    }
                ],
                "partialFingerprints": {
                    "stateHubIdentity/v1": sha256(b'["net", "C-13", "W", "", "W-T01", ""]').hexdigest()
                },
                "properties": {
                    "workplan": "W",
                    "task": "W-T01",
                    "db_status": "done",
                    "file_status": "todo",
                    "action": "written_back",
                },
            },
            {
                "ruleId": "C-05",
                "ruleIndex": 4,
                "level": "error",
                "message": {"text": "unknown status 'dnoe' — did you mean 'done'?"},
                "locations": [
                    {
                        "physicalLocation": {
                            "artifactLocation": {"uri": "workplans/x.md", "uriBaseId": "SRCROOT"},
                            "region": {"startLine": 7},
                        }
                    }
                ],
                "partialFingerprints": {
                    "stateHubIdentity/v1": sha256(b'["net", "C-05", "W", "", "", "1:status"]').hexdigest()
                },
                "properties": {"workplan": "W", "action": "none"},
            },
        ],
        "properties": {
            "slug": "net",
            "mode": "fix",
            "outcome": "ok",
            "converged": False,
            "freshness": "fresh",
            "head": "3f9c2ab4d1e0",
            "ahead": 1,
            "behind": 0,
            "writeback_commit": "77aa",
        },
    }


def test_sarif_rules_are_the_table_of_codes(checkout: CheckoutOutcome, report_of: MakeReport) -> None:
    (run,) = valid(render_sarif(report_of(checkout)))["runs"]
    levels = {Severity.FAIL: "error", Severity.WARN: "warning", Severity.INFO: "note"}

    assert run["tool"]["driver"] == {
        "name": "State Hub",
        "version": __version__,
        "rules": [
            {
                "id": code.id,
                "shortDescription": {"text": code.title},
                "help": {"text": code.remedy},
                "defaultConfiguration": {"level": levels[code.severity]},
            }
            for code in CODES.values()
        ],
    }


def test_sarif_rule_index_of_every_code_points_at_its_rule(checkout: CheckoutOutcome, report_of: MakeReport) -> None:
    findings = tuple(Finding(code, "x") for code in CODES)

    (run,) = valid(render_sarif(report_of(checkout._replace(findings=findings))))["runs"]

    rules = run["tool"]["driver"]["rules"]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == list(CODES)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_sarif_uri_of_an_odd_name_leads_back_to_the_file(
    name: str, checkout: CheckoutOutcome, report_of: MakeReport
) -> None:
    path = "/srv/odd #%/é"
    repo = checkout._replace(slug=name, path=path, findings=(Finding("C-02", name, file=name, line=1),))

    (run,) = valid(render_sarif(report_of(repo)))["runs"]

    root = run["originalUriBaseIds"]["SRCROOT"]["uri"]
    uri = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert URI_CHARACTERS.fullmatch(root)
    assert URI_CHARACTERS.fullmatch(uri)
    errors = "surrogatepass" if "\ud83d" in name else "surrogateescape"
    assert unquote_to_bytes(urljoin(root, uri)) == f"file://{path}/{name}".encode("utf-8", errors)


def test_sarif_of_two_checkouts_has_a_run_with_a_root_for_each(
    checkout: CheckoutOutcome, report_of: MakeReport
) -> None:
    other = checkout._replace(slug="b", path="/srv/b/", run_id=None)

    runs = valid(render_sarif(report_of(checkout, other)))["runs"]

    assert [(run["automationDetails"]["id"], run["originalUriBaseIds"]["SRCROOT"]["uri"]) for run in runs] == [
        ("state-hub/net/r1", "file:///srv/net/"),
        ("state-hub/b/", "file:///srv/b/"),
    ]


def test_sarif_of_a_path_that_is_not_absolute_gives_no_uri(checkout: CheckoutOutcome, report_of: MakeReport) -> None:
    (run,) = valid(render_sarif(report_of(checkout._replace(path="net"))))["runs"]

    assert run["originalUriBaseIds"] == {"SRCROOT": {"description": {"text": "The checkout of net."}}}


def test_sarif_of_an_error_says_that_the_run_failed_and_why(checkout: CheckoutOutcome, report_of: MakeReport) -> None:
    repo = checkout._replace(outcome="error", error="git went away")

    (run,) = valid(render_sarif(report_of(repo)))["runs"]

    assert run["invocations"] == [
        {
            "executionSuccessful": False,
            "startTimeUtc": "2026-11-22T16:35:01.250Z",
            "endTimeUtc": "2026-11-22T16:35:03.000Z",
            "machine": "node-a",
            "toolExecutionNotifications": [{"level": "error", "message": {"text": "git went away"}}],
        }
    ]


def test_sarif_finding_without_file_has_no_location(checkout: CheckoutOutcome, report_of: MakeReport) -> None:
    behind = Finding("C-14", "behind")._replace(other_severity=Severity.INFO)
    lineless = Finding("C-02", "not UTF-8", file="x.md")

    (run,) = valid(render_sarif(report_of(checkout._replace(findings=(behind, lineless)))))["runs"]

    assert [(result["level"], result["locations"]) for result in run["results"]] == [
        ("note", []),
        ("error", [{"physicalLocation": {"artifactLocation": {"uri": "x.md", "uriBaseId": "SRCROOT"}}}]),
    ]


def test_sarif_message_has_no_placeholder_and_no_link_of_its_own(
    checkout: CheckoutOutcome, report_of: MakeReport
) -> None:
    finding = Finding("C-12", "title is '{0} [see](http://x) \x1b \udce9'")

    (run,) = valid(render_sarif(report_of(checkout._replace(findings=(finding,)))))["runs"]

    assert run["results"][0]["message"] == {"text": "title is '{{0}} [see] (http://x) \x1b \udce9'"}


def test_sarif_fingerprint_stays_when_the_line_moves_and_differs_by_task(
    ahead: Finding, checkout: CheckoutOutcome, report_of: MakeReport
) -> None:
    moved = ahead._replace(line=99, message="other words", file="moved.md", action=Action.NONE)
    findings = (ahead, moved, ahead._replace(task="W-T02"))

    (run,) = valid(render_sarif(report_of(checkout._replace(findings=findings))))["runs"]

    first, second, third = (result["partialFingerprints"]["stateHubIdentity/v1"] for result in run["results"])
    assert first == second
    assert first != third
