"""A workplan file from its bytes: what it says, or why it cannot be taken (design, "Workplan format")."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consistency.core.parse import MAX_FRONT_MATTER, parse_workplan
from consistency.core.workplan import Problem, TaskBlock, Unreadable, Workplan
from tests.support.workplans import workplan

UUID = "6f0f4c7e-7d3a-4f5b-9a6e-0d5d4c0c8b11"
FRONT = "---\nid: W1\ntype: workplan\ntitle: T\nstatus: active\n---\n"
LEAST = Workplan("w.md", "W1", "active", None, ("T", "", "", "", "", "", ""), 5, ())
WORDS = "todo, in_progress, blocked, done, cancelled, draft, active"


def parse(text: str | bytes) -> Workplan | Unreadable | None:
    return parse_workplan("w.md", text if isinstance(text, bytes) else text.encode())


def read(text: str | bytes) -> Workplan:
    found = parse(text)
    assert isinstance(found, Workplan), found
    return found


def unreadable(text: str | bytes) -> list[tuple[str, int | None, str]]:
    found = parse(text)
    assert isinstance(found, Unreadable), found
    assert found.path == "w.md"
    return [(problem.code, problem.line, problem.message) for problem in found.problems]


def test_parse_whole() -> None:
    text = workplan(
        "W1",
        [{"id": "T1", "status": "done", "heading": "T1 — First"}, {"id": "T2", "priority": "high"}],
        title='"A: b"', status="in_progress", domain="d", repo="r", owner="me", topic_slug="t", created="2026-01-01",
        updated="2026-02-02", state_hub_workstream_id=UUID.upper(), other="[kept, ignored]",
    )  # fmt: skip
    found = read(text)
    assert found == Workplan(
        "w.md", "W1", "in_progress", UUID, ("A: b", "me", "d", "r", "t", "2026-01-01", "2026-02-02"), 5,
        (
            TaskBlock("W1-T1", "First", "done", "medium", None, 22),
            TaskBlock("W1-T2", "Task W1-T2", "todo", "high", None, 29),
        ),
    )  # fmt: skip
    assert found.title == "A: b"
    assert text.splitlines()[21] == "status: done"
    assert text.splitlines()[28] == "status: todo"


@pytest.mark.parametrize(
    "text",
    [
        FRONT,
        FRONT.removesuffix("\n"),
        "\ufeff" + FRONT,
        FRONT.replace("\n", "\r\n"),
        "\ufeff" + FRONT.replace("\n", "\r\n"),
        FRONT.replace("---\n", "--- \t\n"),
        FRONT.replace("workplan", "'workplan'  # c"),
        FRONT[:-4] + "...\n",
        FRONT.replace("title: T", 'title: "T" # c'),
        FRONT + "\n---\n\n***\n---\nid: x\n---\n",
        FRONT + "\0 a NUL in the text, and the word task",
    ],
)  # fmt: skip
def test_parse_least(text: str) -> None:
    assert parse(text) == LEAST


def test_parse_line_numbers_count_line_ends_of_files_alone() -> None:
    head = FRONT.replace("title: T", "title: T\nnotes: 'a\x85b\u2028c'")
    found = read(f"{head}\x0b \x0c \x85 \u2028 \u2029\n```task\nid: X\nstatus: todo\n```\n")
    assert (found.line, [block.line for block in found.blocks]) == (6, [11])


@pytest.mark.parametrize(
    "text",
    [
        "", "# A heading\n", "\n" + FRONT, " " + FRONT, "---", "---\n", "---\n\n---\n", "---\n# only a comment\n---\n",
        "---\ntype: note\nid: X\n---\n", "---\nid: X\ntitle: T\nstatus: todo\n---\n", "---\ntype:\n---\n",
        "---\ntype: Workplan\n---\n", "---\ntype: workplans\n---\n", "---\ntype: [workplan]\n---\n",
        "---\n- a\n- b\n---\n", "---\nA paragraph between two rules\n---\n", "---\n\nunclosed\n",
        "---\ntype: note\nbad: [\n---\n", "---\nbad: [\ntype: note\n---\n", "---\ntype: note\na: &x b\n---\n",
        "---\n'type': note\nbad: [\n---\n", f"---\ntype: note\na: {'x' * MAX_FRONT_MATTER}\n---\ntype: workplan\n",
        "---\ntype: note\n", "---\nsub:\n  type: workplan\n---\n", "---\n{a: 'x\ntype: workplan\nb'}\n---\n",
        "---\n" + "text\n" * 20_000 + "---\n", "```task\nid: X\nstatus: todo\n```\n",
    ],
)  # fmt: skip
def test_parse_what_is_no_workplan(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    "data",
    [
        b"---\ntype: note\n---\n\xff\xfe\r broken",
        b"\xff no front matter",
        "---\ntype: note\n---\n".encode("utf-16"),
        "# no front matter\n".encode("utf-16-le")[2:].replace(b"\0", b""),
    ],
)
def test_parse_bytes_that_are_no_workplan(data: bytes) -> None:
    assert parse(data) is None


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        (FRONT.encode() + b"a\n\xe9\n", 8, "not UTF-8: byte 0xe9 cannot be read"),
        (FRONT.replace("T\n", "é\n").encode("latin-1"), 4, "not UTF-8: byte 0xe9 cannot be read"),
        (FRONT.encode() + b"\xed\xa0\x80", 7, "not UTF-8: byte 0xed cannot be read"),
        (FRONT.encode("utf-16"), 1, "not UTF-8 but UTF-16: save it as UTF-8"),
        (b"\xfe\xff" + FRONT.encode("utf-16-be"), 1, "not UTF-8 but UTF-16: save it as UTF-8"),
        (FRONT.encode("utf-16-le"), None, "not UTF-8: a binary file, with NUL bytes"),
        (b"\x7fELF\0\1", None, "not UTF-8: a binary file, with NUL bytes"),
        (FRONT.replace("\n", "\r").encode(), 1, "a line ends with CR alone; use LF or CRLF"),
        (FRONT.encode() + b"a\r\nb\n\rc\n", 9, "a line ends with CR alone; use LF or CRLF"),
    ],
)
def test_parse_bytes_that_cannot_be_read(data: bytes, line: int | None, message: str) -> None:
    assert unreadable(data) == [("C-02", line, message)]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("---\nid: W1\ntype: workplan\n", 1, "front matter is not closed: a line `---` is missing"),
        ("---\nid: a\nb\ntype: workplan\n---\n", 4, "front matter is not usable: not valid YAML: while scanning a "
         "simple key could not find expected ':'"),
        ("---\nid: [\n---\n", 2, "front matter is not usable: not valid YAML: while parsing a flow node did not find "
         "expected node content"),
        ("---\ntype: workplan\nid: a\nid: b\n---\n", 4, "front matter is not usable: key 'id' is given twice"),
        ("---\ntype: note\ntype: workplan\n---\n", 3, "front matter is not usable: key 'type' is given twice"),
        ("---\ntype: workplan\ntype: note\n---\n", 3, "front matter is not usable: key 'type' is given twice"),
        ("---\ntype: &t workplan\n---\n", 2, "front matter is not usable: anchor '&t' is not allowed here"),
        ("---\ntype: !!str workplan # c\n---\n", 2, "front matter is not usable: tag 'tag:yaml.org,2002:str' is not "
         "allowed here"),
        ("---\na: &x b\nc: *x\n\"type\": 'workplan'\n---\n", 2, "front matter is not usable: anchor '&x' is not "
         "allowed here"),
        ("---\nbase: &b {x: y}\ntype: workplan\n<<: *b\n---\n", 2, "front matter is not usable: anchor '&b' is not "
         "allowed here"),
        ("---\né: 1\n\ttype: workplan\n---\n", 3, "front matter is not usable: not valid YAML: while scanning a plain "
         "scalar found a tab character that violates indentation"),
        ("---\r\nid: a\r\nx: \x07\r\ntype: workplan\r\n---\r\n", 3, "front matter is not usable: not valid YAML: "
         "character #x0007: control characters are not allowed"),
        (FRONT.replace("title: T", f"title: {'[' * 10_000}"), 4, "front matter is not usable: nested more than 64 "
         "levels deep"),
        (FRONT.replace("title: T", f"title: {'[' * 60_000}"), 4, "front matter is not usable: nested more than 64 "
         "levels deep"),
        (FRONT.replace("---\n", "x\n---\n").removeprefix("x\n"), 6, "front matter is not usable: not valid YAML: while "
         "scanning a simple key could not find expected ':'"),
        (FRONT.replace("title: T", f"title: {'T' * MAX_FRONT_MATTER}"), 1, "front matter is larger than 64 KiB"),
    ],
)  # fmt: skip
def test_parse_front_matter_that_cannot_be_read(text: str, line: int, message: str) -> None:
    assert unreadable(text) == [("C-02", line, message)]


def test_parse_front_matter_as_large_as_is_allowed() -> None:
    text = FRONT.replace("title: T", f"title: {'T' * (MAX_FRONT_MATTER - len(FRONT) + 9)}")
    assert len(text) == MAX_FRONT_MATTER + 8
    assert isinstance(parse(text), Workplan)
    assert isinstance(parse(text.replace("id: W1", "id: W10")), Unreadable)


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("type: workplan", [
            (1, "front matter field 'id' is missing"), (1, "front matter field 'title' is missing"),
            (1, "front matter field 'status' is missing"),
        ]),
        ("type: workplan\nid:\ntitle: ''\nstatus: ' '", [
            (3, "front matter field 'id' is empty"), (4, "front matter field 'title' is empty"),
            (5, "front matter field 'status' is empty"),
        ]),
        ("type: workplan\nid: W1\ntitle: [T]\nstatus: {a: b}\nowner:\n- a\n", [
            (4, "front matter field 'title' must be a text, not a list or mapping"),
            (5, "front matter field 'status' must be a text, not a list or mapping"),
            (7, "front matter field 'owner' must be a text, not a list or mapping"),
        ]),
        ("type: workplan\nid: W1\ntitle: T\nstatus: Active", [
            (5, "unknown workplan status 'Active' — did you mean 'active'?"),
        ]),
        ("type: workplan\nid: W1\ntitle: T\nstatus: banana", [
            (5, f"unknown workplan status 'banana' (one of {WORDS})"),
        ]),
        ('type: workplan\nid: W1\ntitle: T\nstatus: "a\\0ctive"', [
            (5, "front matter field 'status' holds a control character"),
        ]),
        ("type: workplan\nid: W1\ntitle: T\nstatus: todo\nstate_hub_workstream_id: 12-34", [
            (6, "state_hub_workstream_id '12-34' is no UUID"),
        ]),
        ('type: workplan\nid: W1\ntitle: T\nstatus: todo\nstate_hub_workstream_id: "\\0"', [
            (6, "front matter field 'state_hub_workstream_id' holds a control character"),
        ]),
        ('type: workplan\nid: W1\ntitle: "a\\eb"\nstatus: todo\nupdated: "\\x7f"', [
            (4, "front matter field 'title' holds a control character"),
            (6, "front matter field 'updated' holds a control character"),
        ]),
    ],
)  # fmt: skip
def test_parse_front_matter_fields(front: str, expected: list[tuple[int, str]]) -> None:
    found = parse(f"---\n{front}\n---\n")
    assert isinstance(found, Unreadable)
    assert found.path == "w.md"
    assert [(problem.line, problem.message) for problem in found.problems] == expected
    assert {problem.code for problem in found.problems} == {"C-03"}
    assert len({problem.mark for problem in found.problems}) == len(found.problems)


@pytest.mark.parametrize(
    ("id", "key", "messages"),
    [
        ("W1", "W1", ["unknown workplan status 'x' (one of " + WORDS + ")"]),
        (f"{'W' * 201}", None, ["front matter field 'id' is longer than 200 characters", "unknown workplan status 'x' "
         f"(one of {WORDS})"]),
        ('"a\\0b"', None, ["front matter field 'id' holds a control character", "unknown workplan status 'x' "
         f"(one of {WORDS})"]),
    ],
)  # fmt: skip
def test_parse_unreadable_has_the_id_only_where_it_can_serve(id: str, key: str | None, messages: list[str]) -> None:
    found = parse(f"---\nid: {id}\ntype: workplan\ntitle: T\nstatus: x\n---\n")
    assert isinstance(found, Unreadable)
    assert (found.key, [problem.message for problem in found.problems]) == (key, messages)


def test_parse_fields_on_several_lines_and_padded() -> None:
    found = read(
        "---\nid: ' W1 '\ntype: |\n  workplan\ntitle: >\n  one\n  two\nstatus: \"active \"\nowner: 'a\n\n  b'\n"
        f"state_hub_workstream_id: ' {UUID} '\n---\n"
    )
    assert found == Workplan("w.md", "W1", "active", UUID, ("one two", "a b", "", "", "", "", ""), 8, ())


def test_parse_goes_on_behind_a_broken_block() -> None:
    found = read(f"{FRONT}```task\nid: A\n```\n```task\nid: B\nstatus: todo\n```\n```task\nstatus: [\n```\n")
    assert found.blocks == (TaskBlock("B", "B", "todo", "medium", None, 12),)
    assert found.problems == (
        Problem("C-05", "task block has no 'status'", 7, "A", "0:status"),
        Problem(
            "C-05",
            "task block is not usable: not valid YAML: while parsing a flow node did not find expected node content",
            15, None, "2:yaml",
        ),
    )  # fmt: skip


PIECES = st.sampled_from(
    [
        "---", "---\n", "\n", "\r\n", "\r", "type: workplan\n", "id: W1\n", "title: T\n", "status: active\n",
        "status: todo\n", "```task\n", "```\n", "id: X\n", "- ", "  ", "\t", "> ", "# H\n", "é", "\u2028", "\x85",
        "\x0b", "\0", "&a ", "*a", "!t ", "[", "{", "'", '"', "|", "<div>", "...", "state_hub_task_id: x\n", "\ufeff",
        ":", "# ", "? ", "~~~task\n", "%YAML 1.1\n",
    ]
)  # fmt: skip


@given(st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=30).map("".join).map(str.encode)))
def test_parse_never_raises(data: bytes) -> None:
    for text in (data, FRONT.encode() + data, FRONT.encode()[:-4] + data, FRONT.encode() + b"```task\nid: X\n" + data):
        found = parse(text)
        lines = text.count(b"\n") + 1
        if isinstance(found, Workplan):
            assert all(1 <= block.line <= lines for block in found.blocks)
            assert all(problem.line and problem.line <= lines for problem in found.problems)
        elif found is not None:
            assert all(problem.line is None or problem.line <= lines for problem in found.problems)
