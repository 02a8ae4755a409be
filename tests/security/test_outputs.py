"""Text from outside cannot control a terminal, a log, or a reader of reports and metrics."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from consistency.core.finding import Finding
from consistency.mcp.protocol import answer
from consistency.mcp.tools import Caller
from consistency.reports.json_report import render_json
from consistency.reports.outcome import CheckoutOutcome, Report
from consistency.reports.sarif_report import render_sarif
from consistency.reports.text_report import render_text
from statehub.models import Checkout, Source
from tests.core.values import WHEN
from tests.web.admin.hubrows import Rows
from tests.web.api.helpers import new_api, new_task

NASTY = "".join(map(chr, range(0x20))) + "\x7f\x9b31m\u202e\u2066\u2028\"\\{}'</script>\udc80"
STEERS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.fixture
def report() -> Report:
    """A report whose every text comes from outside."""
    found = Finding("C-13", NASTY, file=NASTY, line=1, workplan=NASTY, task=NASTY, db_status="done")
    repo = CheckoutOutcome(
        NASTY, f"/{NASTY}", "r", "error", converged=False, findings=(found,), error=NASTY, push=NASTY
    )
    return Report("fix", NASTY, WHEN, WHEN, (repo, repo._replace(outcome="ok", freshness="fresh", head=NASTY)))


@pytest.mark.parametrize("verbosity", [0, 1, 2])
def test_text_report_steers_no_terminal(report: Report, verbosity: int) -> None:
    text = "".join(part.text for parts in render_text(report, verbosity=verbosity) for part in parts)
    assert "\\x1b" in text
    assert STEERS.findall(text) + re.findall("\n", text) == []


@pytest.mark.parametrize("render", [render_json, render_sarif])
def test_machine_reports_steer_no_terminal_and_lose_nothing(report: Report, render: Callable[[Report], str]) -> None:
    text = render(report)
    assert STEERS.findall(text) == []
    assert NASTY in strings(json.loads(text))


def strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in strings(each)]
    if isinstance(value, list):
        return [text for each in value for text in strings(each)]
    return [value] if isinstance(value, str) else []


def test_answers_of_tools_steer_no_terminal_and_lose_nothing(db: None) -> None:
    task = new_task()
    nasty = NASTY.replace("\0", "").replace("\udc80", "")
    type(task).objects.update(title=nasty)
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_tasks"}}
    reply = answer(json.dumps(message).encode(), Caller("ada", Source.COMMAND))
    assert reply.body is not None
    text = reply.body["result"]["content"][0]["text"]
    assert STEERS.findall(text) + STEERS.findall(reply.text) == []
    assert nasty in strings(json.loads(text))
    assert nasty in strings(reply.body["result"]["structuredContent"])


def test_metrics_keep_their_lines_and_labels(db: None, rows: Rows) -> None:
    api = new_api()
    host, path = 'h"} 1\nevil{a="\\', '/srv/\r\n# HELP evil "x"\t\x1b\u2028'
    rows.repo(host=host, path=path)
    answer = api.client.get("/metrics", headers={"Authorization": f"Bearer {api.secret}"})
    families = list(text_string_to_metric_families(answer.content.decode()))
    labels = [sample.labels for family in families for sample in family.samples if "host" in sample.labels]
    assert labels == [{"repo": "repo-001", "host": host, "path": path}]
    assert [family.name for family in families if "evil" in family.name] == []
    assert Checkout.objects.count() == 1


def test_api_answers_are_json_that_no_browser_takes_for_a_page(db: None) -> None:
    api = new_api()
    task = new_task()
    type(task).objects.update(title=NASTY.replace("\0", "").replace("\udc80", ""))
    answer = api.get("tasks/T01/")
    assert answer.json["title"] == NASTY.replace("\0", "").replace("\udc80", "")
    assert (answer.headers["Content-Type"], answer.headers["X-Content-Type-Options"]) == ("application/json", "nosniff")


@pytest.mark.parametrize(
    "path", ["/api/tasks/%0d%0aforged%1b%5b31m/", "/nowhere%0d%0aforged%1b%5b31m", "/admin/%9b%0a/"]
)
def test_logs_keep_their_lines(db: None, caplog: pytest.LogCaptureFixture, path: str) -> None:
    caplog.set_level(logging.DEBUG)
    Client().get(path, headers={"User-Agent": "x\ny", "Authorization": "Bearer a"})
    Client().get(path, headers={"Host": "evil\n.example.org"})
    lines = [record.getMessage() for record in caplog.records if not record.name.startswith("asyncio")]
    assert lines
    assert [line for line in lines if STEERS.search(line) or ("\n" in line and "Traceback" not in line)] == []
