"""What the ledger keeps comes back as it was."""

from __future__ import annotations

import json

from consistency.core.memory import recall, remember
from consistency.core.parse import parse_workplan
from consistency.core.sides import Known
from consistency.core.workplan import Problem, Workplan
from tests.core.values import block, plan, uid


def test_recall_gives_back_what_remember_kept() -> None:
    workplan = plan(
        "W1",
        block("W1-T1", "done", title="Ünïcode \u2028 “quoted”", priority="high", uuid=uid(3), line=12),
        block("W1-T2"),
        path="workplans/ä.md",
        uuid=uid(1),
        mirrored=("Title", "owner", "domain", "repo", "topic", "2026-01-01", "2026-01-02"),
        problems=[Problem("C-05", "task block has no 'id'", 30, None, "2:id"), Problem("C-05", "m", 40, "T", "3:x")],
    )
    text = remember(workplan, {"W1-T1": "done"}, "active")
    assert recall("workplans/ä.md", text) == Known(workplan, {"W1-T1": "done"}, "active")
    assert json.loads(text)["taken"] == {"W1-T1": "done"}


def test_remember_is_the_same_text_for_the_same_workplan() -> None:
    one, two = plan("W1", block("T1", "todo")), plan("W1", block("T1", "todo"))
    assert remember(one, {"T1": "todo"}, "") == remember(two, {"T1": "todo"}, "")


def test_remember_keeps_one_line_that_later_versions_can_read() -> None:
    workplan = plan("W1", block("T1", "done", title="Ä", line=12), problems=[Problem("C-05", "m", 40, "T2", "3:x")])
    text = (
        '{"key":"W1","status":"active","uuid":null,"mirrored":["Plan W1","","","","","",""],"line":5,'
        '"blocks":[["T1","\\u00c4","done","medium",null,12,null]],"problems":[["C-05","m",40,"T2","3:x"]],'
        '"taken":{"T1":"todo"},"taken_status":"draft"}'
    )
    assert remember(workplan, {"T1": "todo"}, "draft") == text
    assert recall("W1.md", text) == Known(workplan, {"T1": "todo"}, "draft")


def test_recall_knows_the_places_to_edit() -> None:
    text = b"---\nid: W\ntype: workplan\ntitle: T\nstatus: active\n---\n```task\nid: X\nstatus: 'todo'\n```\n"
    parsed = parse_workplan("w.md", text)
    assert isinstance(parsed, Workplan)
    known = recall("w.md", remember(parsed, {}, ""))
    assert repr(known.workplan) == repr(parsed)
    assert [item.place for item in known.workplan.blocks] == [(text.index(b"'todo'"), text.index(b"'todo'") + 6)]
