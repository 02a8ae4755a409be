"""A workplan file from its bytes: what it says, or why it cannot be taken (design, "Workplan format")."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consistency.core.workplan.model import Mirrored, Problem, TaskBlock, Unreadable, Workplan
from consistency.core.workplan.parse import MAX_FRONT_MATTER, parse_workplan
from statehub.ids import code_point
from testing.workplans import workplan

UUID = "6f0f4c7e-7d3a-4f5b-9a6e-0d5d4c0c8b11"
FRONT = "---\nid: W1\ntype: workplan\ntitle: T\nstatus: active\n---\n"
LEAST = Workplan("w.md", "W1", "active", None, Mirrored("T"), 5, ())
IN_QUOTES = " — put the value in quotes if it is text"
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
        "w.md", "W1", "in_progress", UUID, Mirrored("A: b", "me", "d", "r", "t", "2026-01-01", "2026-02-02"), 5,
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
        "", "# A heading\n", "---", "---\n", "---\n\n---\n", "---\n# only a comment\n---\n",
        "---\ntype: note\nid: X\n---\n", "---\nid: X\ntitle: T\nstatus: todo\n---\n", "---\ntype:\n---\n",
        "---\n- a\n- b\n---\n", "---\nA paragraph between two rules\n---\n", "---\n\nunclosed\n",
        "---\ntype: note\nbad: [\n---\n", "---\nbad: [\ntype: note\n---\n", "---\ntype: note\na: &x b\n---\n",
        "---\n'type': note\nbad: [\n---\n", f"---\ntype: note\na: {'x' * MAX_FRONT_MATTER}\n---\ntype: workplan\n",
        "---\ntype: note\n", "---\nsub:\n  type: workplan\n---\n", "---\n{a: 'x\ntype: workplan\nb'}\n---\n",
        "---\n" + "text\n" * 20_000 + "---\n",
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
        ("---\nid: [\n---\n", 2, "front matter is not usable: not valid YAML: the value of 'id' begins with '[' — put "
         "the value in quotes"),
        ("---\ntype: workplan\nid: a\nid: b\n---\n", 4, "front matter is not usable: key 'id' is given twice"),
        ("---\ntype: note\ntype: workplan\n---\n", 3, "front matter is not usable: key 'type' is given twice"),
        ("---\ntype: workplan\ntype: note\n---\n", 3, "front matter is not usable: key 'type' is given twice"),
        ("---\ntype: &t workplan\n---\n", 2, "front matter is not usable: anchor '&t' is not allowed here: "
         "put the value in quotes if it is text"),
        ("---\ntype: !!str workplan # c\n---\n", 2, "front matter is not usable: tag 'tag:yaml.org,2002:str' is not "
         "allowed here: put the value in quotes if it is text"),
        ("---\nbase: &b {x: y}\ntype: workplan\n<<: *b\n---\n", 2, "front matter is not usable: anchor '&b' is not "
         "allowed here"),
        ("---\né: 1\n\ttype: workplan\n---\n", 3, "front matter is not usable: not valid YAML: a tab indents a line of "
         "'é': use spaces"),
        ("---\r\nid: a\r\nx: \x07\r\ntype: workplan\r\n---\r\n", 3, "front matter is not usable: not valid YAML: "
         "character #x0007: control characters are not allowed"),
        (FRONT.replace("title: T", f"title: {'[' * 10_000}"), 4, "front matter is not usable: nested more than 64 "
         "levels deep: put the value in quotes if it is text"),
        (FRONT.replace("title: T", f"title: {'[' * 60_000}"), 4, "front matter is not usable: nested more than 64 "
         "levels deep: put the value in quotes if it is text"),
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
            (4, f"front matter field 'title' must be a text, not a list or mapping{IN_QUOTES}"),
            (5, f"front matter field 'status' must be a text, not a list or mapping{IN_QUOTES}"),
            (7, "front matter field 'owner' must be a text, not a list or mapping"),
        ]),
        ("type: workplan\nid: W1\ntitle: T\nstatus: Active", [
            (5, "unknown workplan status 'Active' — did you mean 'active'?"),
        ]),
        ("type: workplan\nid: W1\ntitle: T\nstatus: banana", [
            (5, f"unknown workplan status 'banana' (one of {WORDS})"),
        ]),
        ('type: workplan\nid: W1\ntitle: T\nstatus: "a\\0ctive"', [
            (5, "front matter field 'status' holds a control character: U+0000"),
        ]),
        ("type: workplan\nid: W1\ntitle: T\nstatus: todo\nstate_hub_workstream_id: 12-34", [
            (6, "state_hub_workstream_id '12-34' is not a UUID"),
        ]),
        ('type: workplan\nid: W1\ntitle: T\nstatus: todo\nstate_hub_workstream_id: "\\0"', [
            (6, "front matter field 'state_hub_workstream_id' holds a control character: U+0000"),
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
    assert len({problem.discriminator for problem in found.problems}) == len(found.problems)


@pytest.mark.parametrize(
    ("id", "key", "messages"),
    [
        ("W1", "W1", ["unknown workplan status 'x' (one of " + WORDS + ")"]),
        (f"{'W' * 201}", None, ["front matter field 'id' is longer than 200 characters", "unknown workplan status 'x' "
         f"(one of {WORDS})"]),
        ('"a\\0b"', None, ["front matter field 'id' holds a control character: U+0000", "unknown workplan status 'x' "
         f"(one of {WORDS})"]),
    ],
)  # fmt: skip
def test_parse_unreadable_has_the_id_only_where_it_can_serve(id: str, key: str | None, messages: list[str]) -> None:
    found = parse(f"---\nid: {id}\ntype: workplan\ntitle: T\nstatus: x\n---\n")
    assert isinstance(found, Unreadable)
    assert (found.key, [problem.message for problem in found.problems]) == (key, messages)


@pytest.mark.parametrize(
    "broken",
    [
        "note: Fix: the import",
        "note: @me",
        "note: `x`",
        "note: *emphasis*",
        "note: &x [a, b]",
        "note: !x y",
        "note: %d",
        "note: [WIP] later",
        "note: 'it's'",
        "note: {a: 1, a: 2}",
        "tags:\n- a\n- b: c: d",
        "note: {{ x }} y",
        "note: - x",
        'note: "C:\\path"',
        "\"note\": 'a' b",
        "note: |x\n  y",
    ],
)
def test_parse_goes_on_behind_a_broken_field_that_nobody_mirrors(broken: str) -> None:
    assert parse(FRONT.replace("status", f"{broken}\nstatus")) == LEAST._replace(line=6 + broken.count("\n"))
    head, block = f"{FRONT}```task\nid: X\n", TaskBlock("X", "X", "todo", "medium", None, 9 + broken.count("\n") + 1)
    assert read(f"{head}{broken}\nstatus: todo\n```\n") == LEAST._replace(blocks=(block,))


@pytest.mark.parametrize(
    "broken",
    [
        "note: [a",
        "note: {a",
        'note: "a',
        "note: &x 'a",
        "note: !y [a",
        "note: [[a]",
        "note: " + "[" * 80,
        "<<: *x",
        "stray words",
        "note: x\n\tstatus: done",
        "note: x\n  owner: me",
        "note: a: b\nnote: c",
        "--- x",
        "note: a: b\n%x",
    ],
)
def test_parse_takes_nothing_from_what_may_be_read_in_two_ways(broken: str) -> None:
    found = parse(FRONT.replace("status", f"{broken}\nstatus"))
    assert isinstance(found, Unreadable), found
    assert [problem.code for problem in found.problems] == ["C-02"]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("Fix: the import", "the value of 'title' holds a colon — put the value in quotes"),
        ("Fix:", "the value of 'title' holds a colon — put the value in quotes"),
        ("@x", "the value of 'title' begins with '@' — put the value in quotes"),
        ("`x` y", "the value of 'title' begins with '`' — put the value in quotes"),
        ("*x*", "the value of 'title' begins with '*' — put the value in quotes"),
        ("%x", "the value of 'title' begins with '%' — put the value in quotes"),
        ("[WIP] x", "the value of 'title' begins with '[' — put the value in quotes"),
        ("{{ x }} y", "the value of 'title' begins with '{' — put the value in quotes"),
        (
            "'it's'",
            "the value of 'title' has a quote that does not close, or text behind it — put all of it in one pair "
            "of quotes",
        ),
        ('"C:\\path"', "the value of 'title' has a backslash in double quotes — use single quotes"),
    ],
)
def test_parse_says_how_to_write_what_yaml_does_not_take(written: str, message: str) -> None:
    text = FRONT.replace("title: T", f"title: {written}")
    assert unreadable(text) == [("C-02", 4, f"front matter is not usable: not valid YAML: {message}")]
    block = f"{FRONT}```task\nid: X\ntitle: {written}\nstatus: todo\n```\n"
    expected = (Problem("C-05", f"task block is not usable: not valid YAML: {message}", 9, "X", "0:yaml"),)
    assert (read(block).blocks, read(block).problems) == ((), expected)


def test_parse_says_what_yaml_cuts_off() -> None:
    found = read(FRONT.replace("title: T", "title: a #5\nowner: me # since June").replace("W1", "W1 #2 b"))
    cut = "YAML takes '{}' for a comment — put the value in quotes"
    assert (found.key, found.mirrored[:2]) == ("W1", ("a", "me"))
    assert found.problems == (
        Problem("C-12", f"id is 'W1': {cut.format('#2 b')}", 2, None, "cut:id"),
        Problem("C-12", f"title is 'a': {cut.format('#5')}", 4, None, "cut:title"),
    )
    block = read(f"{FRONT}```task\nid: X\nstatus: todo #5\ntitle: a\t#b c\t\n```\n")
    assert [(each.key, each.title) for each in block.blocks] == [("X", "a")]
    assert block.problems == (Problem("C-12", f"title is 'a': {cut.format('#b c')}", 10, "X", "0:cut:title"),)
    assert unreadable(FRONT.replace("title: T", "title: #5")) == [
        ("C-03", 4, f"front matter field 'title' is empty: {cut.format('#5')}")
    ]


@pytest.mark.parametrize("title", ["a # 5", "a#5", "'a #5'", '"a #5"', "a ##", "'a' #5", "a #", "|\n  a #5"])
def test_parse_takes_a_comment_for_one(title: str) -> None:
    assert read(FRONT.replace("title: T", f"title: {title}")).problems == ()


def test_parse_ids_are_in_nfc() -> None:
    found = read(
        "---\nid: e\u0301\ntype: workplan\ntitle: T\nstatus: todo\n---\n```task\nid: a\u030a\nstatus: todo\n```\n"
    )
    assert (found.key, [block.key for block in found.blocks]) == ("\u00e9", ["\u00e5"])


@pytest.mark.parametrize("hidden", ["\u200b", "\u00a0", "\u00ad", "\u202e", "\ufe0f", "\u2009", "\u3164", "\U000e0041"])
def test_parse_refuses_what_nobody_sees_in_ids_statuses_and_keys(hidden: str) -> None:
    fault = f"holds a character that cannot be seen: {code_point(hidden)}"
    assert unreadable(FRONT.replace("active", f"active{hidden}")) == [
        ("C-03", 5, f"front matter field 'status' {fault}")
    ]
    assert unreadable(FRONT.replace("W1", f"W1{hidden}")) == [("C-03", 2, f"front matter field 'id' {fault}")]
    assert unreadable(FRONT.replace("status", f"sta{hidden}tus")) == [
        ("C-03", 1, f"the key 'status' in the front matter {fault}")
    ]
    for name, key, line, message in (
        ("id: X", None, 8, f"task id {fault}"), ("status: todo", "X", 9, f"'status' {fault}"),
        ("priority: low", "X", 10, f"'priority' {fault}"),
        ("state_hub_task_id: 1", "X", 11, f"'state_hub_task_id' {fault}"),
    ):  # fmt: skip
        body = f"id: X\nstatus: todo\npriority: low\nstate_hub_task_id: {UUID}\n".replace(
            UUID, "1" if "1" in name else UUID
        )
        found = read(f"{FRONT}```task\n{body.replace(name, name + hidden)}```\n")
        assert [(each.line, each.task, each.message) for each in found.problems] == [(line, key, message)]
    for name, line in (("status", 9), ("priority", 10)):
        body = "id: X\nstatus: todo\npriority: low\n".replace(name, f"{hidden}{name}")
        found = read(f"{FRONT}```task\n{body}```\n")
        message = f"the key '{name}' {fault}"
        assert [(each.line, each.task, each.message) for each in found.problems] == [(line, "X", message)]


def test_parse_fields_on_several_lines_and_padded() -> None:
    found = read(
        "---\nid: ' W1 '\ntype: |\n  workplan\ntitle: >\n  one\n  two\nstatus: \"active \"\nowner: 'a\n\n  b'\n"
        f"state_hub_workstream_id: ' {UUID} '\n---\n"
    )
    assert found == Workplan("w.md", "W1", "active", UUID, Mirrored("one two", "a b"), 8, ())


def test_parse_goes_on_behind_a_broken_block() -> None:
    found = read(f"{FRONT}```task\nid: A\n```\n```task\nid: B\nstatus: todo\n```\n```task\nstatus: [\n```\n")
    assert found.blocks == (TaskBlock("B", "B", "todo", "medium", None, 12),)
    assert found.problems == (
        Problem("C-05", "task block has no 'status'", 7, "A", "0:status"),
        Problem(
            "C-05",
            "task block is not usable: not valid YAML: the value of 'status' begins with '[' — put the value in quotes",
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
