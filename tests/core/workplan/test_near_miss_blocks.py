"""Blocks that look like tasks and are not read as such (C-24): what is said in the file, and what a run makes of it."""

from __future__ import annotations

import pytest

from consistency.core.comparison.drift import Unevaluated
from consistency.core.comparison.snapshot import Settled
from consistency.core.workplan.model import Problem, Workplan
from consistency.core.workplan.parse import parse_workplan
from tests.core.values import block, codes, compared, files, findings, hub, plan, task, uid, ws

FRONT = "---\nid: W1\ntype: workplan\ntitle: T\nstatus: active\n---\n"
TASK = "```task\nid: W1-T1\nstatus: todo\n```\n"
QUOTE = "it is in a block quote: take it out of the quote"
HTML = "it is in HTML: put a blank line above its fence"
INDENT = "it is indented by four columns or more, which makes it text: move it to the left"
NO_FENCE = "its fence is not one: write ```task on a line of its own"


def unread(text: str, front: str = FRONT) -> list[tuple[int | None, str | None, str, bool]]:
    found = parse_workplan("w.md", (front + text).encode())
    assert isinstance(found, Workplan), found
    problems = [problem for problem in found.problems if problem.code == "C-24"]
    start = "looks like a task block, but is not read as one: "
    assert all(problem.message.startswith(start) for problem in problems)
    return [(each.line, each.task, each.message.removeprefix(start), each.only_known) for each in problems]


def fenced(info: str) -> str:
    return TASK.replace("task", info, 1)


def inside(before: str, text: str = TASK) -> str:
    return "".join(before + line for line in text.splitlines(keepends=True))


@pytest.mark.parametrize(
    "info",
    [
        "Task",
        "TASK",
        "{task}",
        "{.task #x}",
        "task{.x}",
        "task:",
        "[task]",
        "<task>",
        "task,x",
        "tasks",
        "taks",
        "tsak",
        "`task"[1:] + "!",
        "yaml",
        "json5",
        "task-list",
        ":task",
    ],
)
def test_a_fence_that_says_something_else(info: str) -> None:
    assert unread(fenced(info)) == [(7, "W1-T1", f"its fence says '{info}': write ```task", False)]
    assert unread(fenced(info).replace("```", "~~~~").replace("\n", "\r\n")) == [
        (7, "W1-T1", f"its fence says '{info}': write ```task", False)
    ]


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        (fenced(""), 7, "its fence has no word: write ```task"),
        (fenced("task\u200b"), 7, "its fence says 'task\u200b', which holds U+200B ZERO WIDTH SPACE: write ```task"),
        (fenced("\u00a0task"), 7, "its fence says 'task', which holds U+00A0 NO-BREAK SPACE: write ```task"),
        (inside("> "), 7, QUOTE),
        (inside("> > "), 7, QUOTE),
        ("- x\n\n" + inside("  > "), 9, QUOTE),
        ("<details>\n" + TASK + "</details>\n", 8, HTML),
        ("<div class='a'>\ntext\n" + TASK + "</div>\n", 9, HTML),
        (inside("    "), 7, INDENT),
        (TASK.replace("```", "``"), 7, NO_FENCE),
        (TASK.replace("```", "'''"), 7, NO_FENCE),
        ("```task id: W1-T1, status: todo```\n", 7, NO_FENCE),
        ("text ```task\nid: W1-T1\nstatus: todo\n", 7, NO_FENCE),
        ("text:\n" + inside("    "), 8, NO_FENCE),
        (
            "```task\nid: W1-T0\nstatus: todo\n\n" + TASK,
            11,
            "the task block above it is not closed: close that one with ```",
        ),
        ("```Task\n{id: W1-T1, status: todo}\n```\n", 7, "its fence says 'Task': write ```task"),
        ("```Task\nID: W1-T1\n```\n", 7, "its fence says 'Task': write ```task"),
    ],
)
def test_a_block_that_is_not_read(text: str, line: int, why: str) -> None:
    assert unread(text) == [(line, "W1-T1", why, False)]


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("````\n" + TASK + "````\n", 8, "it is inside a longer fence, which makes it text"),
        ("<!--\n" + TASK + "-->\n", 8, HTML),
        ("<pre>\n" + TASK + "</pre>\n", 8, HTML),
        (inside("    ", TASK.replace("W1-T1", "X")), 7, INDENT),
        (fenced("yaml").replace("W1-T1", "X"), 7, "its fence says 'yaml': write ```task"),
        (fenced("yaml").replace("todo", "open"), 7, "its fence says 'yaml': write ```task"),
        (fenced("yaml").replace("status", "kind: Pod\nstatus"), 7, "its fence says 'yaml': write ```task"),
    ],
)
def test_what_may_be_meant_as_text_counts_only_if_the_hub_has_it(text: str, line: int, why: str) -> None:
    key = "X" if "X" in text else "W1-T1"
    assert unread(text) == [(line, key, why, True)]


@pytest.mark.parametrize(
    "text",
    [
        "```tasks\nnot done\ndue before tomorrow\n```\n",
        "```{task}\nsome directive\n```\n",
        "```Task\n```\n",
        "```taskwarrior\nid: 1\n```\n",
        "```python\ntask = {'id': 1, 'status': 'todo'}\n```\n",
        "~~~bash\ngrep -c 'status: done' *.md\n~~~\n",
        "Status: done\nstatus: the word behind id: counts\n",
        "> status: done\n> id: X\n",
        "- id: X\n- status: done\n",
        "``task`` and `status: done` of id: X\n",
        TASK + "As it was:\n\n" + inside("> "),
        TASK + "````\n" + TASK + "````\n",
        TASK + fenced("yaml"),
        "&#116;ask\n",
    ],
)
def test_what_is_no_near_miss_stays_quiet(text: str) -> None:
    assert unread(text) == []


def test_two_of_the_same_are_said_once_and_others_each() -> None:
    text = fenced("Task") + inside("> ") + "\n" + fenced("Task").replace("T1", "T2")
    assert [key for _, key, _, _ in unread(text)] == ["W1-T1", "W1-T2"]


def odd(key: str | None, *, only_known: bool = False) -> Problem:
    return Problem("C-24", "m", 20, key, "0:unread", only_known)


def test_its_row_is_not_gone() -> None:
    side = files(plan("W1", block("A"), problems=[odd("B")]))
    rows = hub(ws(1, "W1"), task(11, 1, "A"), task(12, 1, "B", "done"), task(13, 1, "C"))
    assert codes(side, rows) == [("C-10", "C"), ("C-24", "B")]
    found = findings(side, rows)[1]
    assert (found.message, found.file, found.line, found.workplan, found.task) == ("m", "W1.md", 20, "W1", "B")
    assert compared(side, rows).doubts == (Unevaluated(workplan="W1", task="B", there=True),)


@pytest.mark.parametrize(("only_known", "expected"), [(False, [("C-24", "B")]), (True, [])])
def test_a_task_that_the_hub_does_not_have(only_known: bool, expected: list[tuple[str, str | None]]) -> None:
    side = files(plan("W1", problems=[odd("B", only_known=only_known)]))
    assert codes(side, hub(ws(1, "W1"))) == expected


def test_one_that_may_be_text_counts_for_a_task_of_the_hub() -> None:
    side = files(plan("W1", problems=[odd("B", only_known=True)]))
    assert codes(side, hub(ws(1, "W1"), task(12, 1, "B"))) == [("C-24", "B")]


def test_one_without_an_id_leaves_open_what_is_gone() -> None:
    side = files(plan("W1", problems=[odd(None)]))
    assert codes(side, hub(ws(1, "W1"), task(12, 1, "B"))) == [("C-24", None)]


def test_a_quotation_of_a_block_that_is_there_is_no_near_miss() -> None:
    side = files(
        plan("W1", block("A")), plan("W2", problems=[odd("A"), odd("S")]), settled=[Settled("s.md", "W3", uid(3))]
    )
    rows = hub(ws(1, "W1"), ws(2, "W2"), ws(3, "W3", path="s.md"), task(11, 1, "A"), task(13, 3, "S"))
    assert codes(side, rows) == []


def test_a_value_that_is_cut_off_holds_nothing_back() -> None:
    cut = Problem("C-12", "title is 'a'", 4, None, "cut:title")
    side = files(plan("W1", block("A", "done"), problems=[cut, Problem("C-12", "x", 9, "A", "0:cut:title")]))
    rows = hub(ws(1, "W1"), task(11, 1, "A"), task(12, 1, "B"))
    assert codes(side, rows) == [("C-10", "B"), ("C-12", None), ("C-12", "A"), ("C-11", "A")]
    assert compared(side, rows).doubts == ()
