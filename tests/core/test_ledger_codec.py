"""Tests that a workplan comes back from the ledger as it was."""

from __future__ import annotations

import json

from consistency.core.comparison.snapshot import ParsedWorkplan
from consistency.core.ledger_codec import dump, load
from consistency.core.workplan.model import Mirrored, Problem, Workplan
from consistency.core.workplan.parse import parse_workplan
from tests.core.values import WHEN, block, plan, uid


def test_recall_gives_back_what_remember_kept() -> None:
    workplan = plan(
        "W1",
        block("W1-T1", "done", title="Ünïcode \u2028 “quoted”", priority="high", uuid=uid(3), line=12),
        block("W1-T2"),
        path="workplans/ä.md",
        uuid=uid(1),
        mirrored=Mirrored("Title", "owner", "domain", "repo", "topic", "2026-01-01", "2026-01-02"),
        problems=[Problem("C-05", "task block has no 'id'", 30, None, "2:id"), Problem("C-05", "m", 40, "T", "3:x")],
    )
    known = ParsedWorkplan(workplan, {"W1-T1": "done"}, "active", {"W1-T1": WHEN.replace(microsecond=123_457)}, WHEN)
    text = dump(known)
    assert load("workplans/ä.md", text) == known
    assert json.loads(text)["taken"] == {"W1-T1": "done"}


def test_remember_is_the_same_text_for_the_same_workplan() -> None:
    one, two = plan("W1", block("T1", "todo")), plan("W1", block("T1", "todo"))
    assert dump(ParsedWorkplan(one, {"T1": "todo"}, "")) == dump(ParsedWorkplan(two, {"T1": "todo"}, ""))


def test_remember_keeps_one_line_that_later_versions_can_read() -> None:
    workplan = plan("W1", block("T1", "done", title="Ä", line=12), problems=[Problem("C-05", "m", 40, "T2", "3:x")])
    text = (
        '{"key":"W1","status":"active","uuid":null,"mirrored":["Plan W1","","","","","",""],"line":5,'
        '"blocks":[["T1","\\u00c4","done","medium",null,12,null]],"problems":[["C-05","m",40,"T2","3:x",false]],'
        '"taken":{"T1":"todo"},"taken_status":"draft","since":{"T1":1772600767000001},"status_since":null}'
    )
    known = ParsedWorkplan(workplan, {"T1": "todo"}, "draft", {"T1": WHEN.replace(microsecond=1)})
    assert dump(known) == text
    assert load("W1.md", text) == known
    assert load("W1.md", text.replace(",false]", "]")) == known  # As earlier versions have kept it.


def test_recall_brings_ids_to_nfc() -> None:
    """Earlier versions have kept them as they were written."""
    known = ParsedWorkplan(plan("e\u0301", block("a\u030a", "done")), {"a\u030a": "todo"}, "draft", {"a\u030a": WHEN})
    now = ParsedWorkplan(plan("\u00e9", block("\u00e5", "done")), {"\u00e5": "todo"}, "draft", {"\u00e5": WHEN})
    kept = load("w.md", dump(known))
    assert (kept.workplan.key, [each.key for each in kept.workplan.blocks]) == ("\u00e9", ["\u00e5"])
    assert (kept.taken, kept.since) == (now.taken, now.since)


def test_recall_of_a_row_without_times() -> None:
    """As earlier versions have kept it."""
    known = ParsedWorkplan(plan("W1", block("T1", "done")), {"T1": "done"}, "active", {"T1": WHEN}, WHEN)
    kept = json.loads(dump(known))
    del kept["since"], kept["status_since"]
    assert load("W1.md", json.dumps(kept)) == known._replace(since={}, status_since=None)


def test_recall_knows_the_places_to_edit() -> None:
    text = b"---\nid: W\ntype: workplan\ntitle: T\nstatus: active\n---\n```task\nid: X\nstatus: 'todo'\n```\n"
    parsed = parse_workplan("w.md", text)
    assert isinstance(parsed, Workplan)
    known = load("w.md", dump(ParsedWorkplan(parsed)))
    assert repr(known.workplan) == repr(parsed)
    assert [item.place for item in known.workplan.blocks] == [(text.index(b"'todo'"), text.index(b"'todo'") + 6)]


def test_recall_of_a_row_without_places() -> None:
    known = ParsedWorkplan(plan("W1", block("W1-T1")))
    kept = json.loads(dump(known))
    kept["blocks"] = [fields[:-1] for fields in kept["blocks"]]
    assert load(known.workplan.path, json.dumps(kept)) == known
