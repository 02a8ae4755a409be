"""One task block: its fields, what is wrong with it, and where."""

from __future__ import annotations

import pytest

from consistency.core.workplan.blocks import MAX_BODY
from consistency.core.workplan.fences import task_fences
from consistency.core.workplan.model import Problem, TaskBlock
from consistency.core.workplan.source import Lines
from consistency.core.workplan.taskblock import read_block, title_from_heading

UUID = "6f0f4c7e-7d3a-4f5b-9a6e-0d5d4c0c8b11"
IN_QUOTES = " — put the value in quotes if it is text"
STATUSES = "todo, in_progress, blocked, done, cancelled"


def read(text: str) -> tuple[TaskBlock | None, tuple[Problem, ...]]:
    """Read the first task fence of *text*."""
    return read_block(task_fences(text, 0)[0], Lines(text.encode()), 0)


def block(body: str, heading: str = "") -> TaskBlock:
    found, problems = read(f"{heading}\n```task\n{body}\n```\n")
    assert problems == ()
    assert found is not None
    return found


def problems(body: str) -> list[tuple[int | None, str | None, str]]:
    """Line, task and message of what is wrong; the body begins in line 2."""
    found, faults = read(f"```task\n{body}\n```\n")
    assert found is None
    assert {(fault.code, fault.discriminator.split(":")[0]) for fault in faults} == {("C-05", "0")}
    assert len({fault.discriminator for fault in faults}) == len(faults)
    return [(fault.line, fault.task, fault.message) for fault in faults]


def test_read_block_whole() -> None:
    text = f"# T\n\n- ```task\r\n  id: X-T1\r\n  status: 'done' # c\r\n  priority: high\r\n  title: A  b\r\n  state_hub_task_id: {UUID.upper()}\r\n  ```\n"  # noqa: E501  # one text
    found, faults = read(text)
    assert (found, faults) == (TaskBlock("X-T1", "A b", "done", "high", UUID, 5), ())
    assert found is not None
    assert found.place == (text.index("'done'"), text.index("'done'") + 6)


def test_read_block_least() -> None:
    assert block("id: X\nstatus: todo") == TaskBlock("X", "X", "todo", "medium", None, 4)
    assert block("id: X\nstatus: todo\npriority:\ntitle: ''\nstate_hub_task_id:\nnotes: [a]\n").priority == "medium"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("id: X\nstatus: done", "done"),
        ("id: X\nstatus:   done   # why", "done"),
        ("id: X\nstatus: 'done'", "'done'"),
        ('id: X\nstatus: "done"', '"done"'),
        ("{id: X, status: done}", "done"),
        ("{id: X,\n status: 'done'}", "'done'"),
        ("? status\n: done\n? id\n: X", "done"),
        ("id: é😀\nstatus: done", "done"),
        ("id: X\nstatus:\n  done", "done"),
        ("\ufeffid: X\nstatus: done", "done"),
        ("---\nid: X\nstatus: done\n...", "done"),
        ("id: X\x85status: done", "done"),
    ],
)
def test_read_block_place_is_the_value_in_the_file(body: str, value: str) -> None:
    text = f"é\n```task\n{body}\n```\n"
    found, _ = read(text)
    assert found is not None
    assert found.status == "done"
    assert found.place is not None
    assert text.encode()[slice(*found.place)].decode() == value


def test_read_block_place_behind_a_tab_that_markdown_takes_apart() -> None:
    text = "- x\n\n  ```task\n\tid: X\n\tstatus: done\n  ```\n"
    found, _ = read(text)
    assert found is not None
    assert (found.line, found.place) == (5, (text.index("done"), text.index("done") + 4))
    assert read(text.replace("\tid", "  id"))[0] is None  # Its indents differ: no mapping.


@pytest.mark.parametrize(
    "text", ['- ```task\n  id: X\n  status: "do\\\n   ne"\n  ```\n', '```task\nid: X\nstatus: "do\\\n ne"\n```\n']
)
def test_read_block_has_no_place_for_a_status_on_several_lines(text: str) -> None:
    found, _ = read(text)
    assert found is not None
    assert (found.status, found.line, found.place) == ("done", 3, None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("status: todo", [(1, None, "task block has no 'id'")]),
        ("id: X", [(1, "X", "task block has no 'status'")]),
        ("a: b", [(1, None, "task block has no 'id'"), (1, None, "task block has no 'status'")]),
        ("id:\nstatus: todo", [(2, None, "task block has an empty 'id'")]),
        ("id: ' '\nstatus: ''", [
            (2, None, "task block has an empty 'id'"), (3, None, "task block has an empty 'status'"),
        ]),
        ("id: X\nstate: done", [(3, "X", "task block has no 'status' — did you mean 'status' where it says 'state'?")]),
        ("ID: X\nstatus: done", [(2, None, "task block has no 'id' — did you mean 'id' where it says 'ID'?")]),
        ("id: [X]\nstatus: {a: b}", [
            (2, None, f"'id' must be a text, not a list or mapping{IN_QUOTES}"),
            (3, None, f"'status' must be a text, not a list or mapping{IN_QUOTES}"),
        ]),
        ("id: X\nstatus: Done", [(3, "X", "unknown task status 'Done' — did you mean 'done'?")]),
        ("\nid: X\nstatus: Done", [(4, "X", "unknown task status 'Done' — did you mean 'done'?")]),
        ("id: X\nstatus: banana", [(3, "X", f"unknown task status 'banana' (one of {STATUSES})")]),
        ("id: X\nstatus: active", [(3, "X", "unknown task status 'active' — did you mean 'in_progress'?")]),
        ("id: X\nstatus: draft", [(3, "X", f"unknown task status 'draft' (one of {STATUSES})")]),
        ("id: X\nstatus: true", [(3, "X", f"unknown task status 'true' (one of {STATUSES})")]),
        ("id: X\nstatus: |\n  done", [(3, "X", "'status' is a block scalar: write it on one line")]),
        ("id: X\nstatus: todo\npriority: urgent", [(4, "X", "unknown priority 'urgent' — did you mean 'critical'?")]),
        ("id: X\nstatus: todo\npriority: P1", [
            (4, "X", "unknown priority 'P1' (one of low, medium, high, critical)"),
        ]),
        ("id: X\nstatus: todo\npriority: []", [
            (4, "X", f"'priority' must be a text, not a list or mapping{IN_QUOTES}"),
        ]),
        ("id: X\nstatus: todo\ntitle: {a: b}", [(4, "X", f"'title' must be a text, not a list or mapping{IN_QUOTES}")]),
        ('id: X\nstatus: todo\ntitle: "a\\0b"', [(4, "X", "title holds a control character")]),
        ("id: X\nstatus: todo\nstate_hub_task_id: 12", [(4, "X", "state_hub_task_id '12' is not a UUID")]),
        ("id: X\nstatus: todo\nstate_hub_task_id: [a]", [
            (4, "X", f"'state_hub_task_id' must be a text, not a list or mapping{IN_QUOTES}"),
        ]),
        ('id: "a\\0b"\nstatus: todo', [(2, None, "task id holds a control character: U+0000")]),
        (f"id: {'x' * 201}\nstatus: nope", [
            (2, None, "task id is longer than 200 characters"),
            (3, None, f"unknown task status 'nope' (one of {STATUSES})"),
        ]),
        ('id: X\nstatus: "d\\0ne\\e"', [(3, "X", "'status' holds a control character: U+0000")]),
        ("id: X\nid: Y\nstatus: todo", [(3, "X", "task block is not usable: key 'id' is given twice")]),
        ('id: "a\\0b"\nid: Y', [(3, None, "task block is not usable: key 'id' is given twice")]),
        ("id: X\nstatus: todo\nstatus: done", [(4, "X", "task block is not usable: key 'status' is given twice")]),
        ("id: X\n\x85\u2028\nstatus: &a todo", [(4, "X", "task block is not usable: anchor '&a' is not allowed here")]),
        ("", [(1, None, "task block is not usable: empty: a mapping of `key: value` lines is expected")]),
        ("just words", [(2, None, "task block is not usable: not a mapping of `key: value` lines")]),
        ("- id: X", [(2, None, "task block is not usable: not a mapping of `key: value` lines")]),
        ("id: X\nstatus: [\n\n", [
            (3, "X", "task block is not usable: not valid YAML: the value of 'status' begins with '[' — put the "
             "value in quotes"),
        ]),
    ],
)  # fmt: skip
def test_read_block_says_what_is_wrong_and_where(body: str, expected: list[tuple[int, str | None, str]]) -> None:
    assert problems(body) == expected


def test_problems_of_a_block_are_told_apart_by_its_place_in_the_file_and_the_field() -> None:
    body = 'id: "a\\0b"\nstatus: Done\npriority: |\n  high\nstate_hub_task_id: 12\ntitle: "\\e"\nnotes: x'
    text = f"a\n\n```task\n{body}\n```\n"
    assert read_block(task_fences(text, 0)[0], Lines(text.encode()), 3) == (
        None,
        (
            Problem("C-05", "task id holds a control character: U+0000", 4, None, "3:id"),
            Problem("C-05", "unknown task status 'Done' — did you mean 'done'?", 5, None, "3:status"),
            Problem("C-05", "'priority' is a block scalar: write it on one line", 6, None, "3:priority"),
            Problem("C-05", "title holds a control character", 9, None, "3:title"),
            Problem("C-05", "state_hub_task_id '12' is not a UUID", 8, None, "3:state_hub_task_id"),
        ),
    )


def test_read_block_of_an_empty_fence_at_the_end_of_the_file_names_a_line_that_is_there() -> None:
    assert [problem.line for problem in read("a\n\n```task")[1]] == [3]


def test_read_block_larger_than_allowed() -> None:
    fitting = "id: X\nstatus: todo\nnotes: " + "é" * 4000 + "x" * (MAX_BODY - 8027)
    assert len(fitting.encode()) + 1 == MAX_BODY
    assert block(fitting).key == "X"
    message = f"task block is too large: {MAX_BODY + 1} bytes, {MAX_BODY} are allowed"
    assert read(f"\n```task\n{fitting}x\n```\n") == (None, (Problem("C-05", message, 2, None, "0:size"),))


@pytest.mark.parametrize("number", [10_000, 60_000])
def test_read_block_with_endless_brackets(number: int) -> None:
    assert read(f"```task\nid: {'[' * number}\n```\n")[0] is None
    assert read(f"```task\nid: {'[' * 8000}\n```\n")[0] is None


def test_read_block_with_many_unknown_keys() -> None:
    assert problems("\n".join(f"k{number}: x" for number in range(800)) + "\nid: X") == [
        (1, "X", "task block has no 'status'")
    ]


def test_title_is_the_blocks_own_then_the_headings_then_the_id() -> None:
    assert block("id: W-T1\nstatus: todo\ntitle: Own", "# T1 — Head").title == "Own"
    assert block("id: W-T1\nstatus: todo", "# T1 — Head").title == "Head"
    assert block("id: W-T1\nstatus: todo").title == "W-T1"
    assert block("id: W-T1\nstatus: todo\ntitle: >\n  two\n  lines\n").title == "two lines"


@pytest.mark.parametrize("body", ["id: X\nstatus: todo", "\nid: X\nstatus: todo"])
def test_title_with_a_control_character_in_the_heading(body: str) -> None:
    assert read(f"# a\x01b\n\n```task\n{body}\n```\n") == (
        None,
        (Problem("C-05", "title holds a control character", 4, "X", "0:title"),),
    )


@pytest.mark.parametrize(
    ("heading", "title"),
    [
        ("T01 — No-regress rule", "No-regress rule"),
        ("T01 – No-regress rule", "No-regress rule"),
        ("T01 - No-regress rule", "No-regress rule"),
        ("T01: No-regress rule", "No-regress rule"),
        ("T01:No-regress rule", "No-regress rule"),
        ("T01—No-regress rule", "No-regress rule"),
        ("T01- No-regress rule", "No-regress rule"),
        ("CUST-WP-0026-T01 — No-regress rule", "No-regress rule"),
        ("WP-0026-T01: a: b — c", "a: b — c"),
        ("T01", "T01"),
        ("T01 —", "T01 —"),
        ("T01 No-regress rule", "T01 No-regress rule"),
        ("T01-No-regress rule", "T01-No-regress rule"),
        ("T02 — No-regress rule", "T02 — No-regress rule"),
        ("01 — No-regress rule", "01 — No-regress rule"),
        ("t01 — No-regress rule", "t01 — No-regress rule"),
        ("Goal: the no-regress rule", "Goal: the no-regress rule"),
        ("— T01", "— T01"),
        ("X-CUST-WP-0026-T01 — longer", "X-CUST-WP-0026-T01 — longer"),
        ("", ""),
    ],
)
def test_title_from_heading(heading: str, title: str) -> None:
    assert title_from_heading(heading, "CUST-WP-0026-T01") == title


def test_title_from_heading_with_separators_in_the_id() -> None:
    assert title_from_heading("X:T1 — Name", "X:T1") == "Name"
    assert title_from_heading("A – B - T1: Name", "A – B - T1") == "Name"
    assert title_from_heading("two words — Name", "my two words") == "Name"
    assert title_from_heading("— Name", "T1-") == "— Name"


@pytest.mark.parametrize(
    ("written", "depends"),
    [
        ("[X-T1, other/Y-T2]", ("X-T1", "other/Y-T2")),
        ("[]", ()),
        ("", ()),
        ("X-T1", ("X-T1",)),
        ("'X-T1'", ("X-T1",)),
        ('["X T1", e\u0301]', ("X T1", "\u00e9")),
        ("\n  - X-T1  # why\n  - X-T2\n  - X-T1", ("X-T1", "X-T2")),
    ],
)
def test_depends(written: str, depends: tuple[str, ...]) -> None:
    assert block(f"id: X\nstatus: todo\ndepends: {written}") == TaskBlock(
        "X", "X", "todo", "medium", None, 4, depends=depends
    )


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{a: b}", "'depends' must be a list of task ids: [ID, ID]"),
        ("[X, [Y]]", "'depends' must be a list of task ids: [ID, ID]"),
        ("|\n  X", "'depends' must be a list of task ids: [ID, ID]"),
        ("X, Y", "'depends' has a comma in an id: write the ids as a list, [ID, ID]"),
        ('["X\u200b"]', "'depends' holds a character that cannot be seen: U+200B ZERO WIDTH SPACE"),
        (f"[{'x' * 201}]", "'depends' is longer than 200 characters"),
        (f"[{', '.join(f'T{number}' for number in range(101))}]", "'depends' has more than 100 ids"),
    ],
)
def test_depends_that_are_not_valid(written: str, message: str) -> None:
    assert problems(f"id: X\nstatus: todo\ndepends: {written}") == [(4, "X", message)]


def test_owner() -> None:
    assert block("id: X\nstatus: todo\nowner:  Ada  Lovelace ").owner == "Ada Lovelace"
    assert block("id: X\nstatus: todo\nowner:").owner == ""
    assert problems('id: X\nstatus: todo\nowner: "a\\x07"') == [(4, "X", "owner holds a control character")]
