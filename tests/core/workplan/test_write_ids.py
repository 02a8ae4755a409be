"""Missing UUIDs come into a workplan as bytes added at one place each, or nothing does."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consistency.core.workplan import write_ids as module
from consistency.core.workplan.blocks import MAX_BODY
from consistency.core.workplan.edit import set_statuses
from consistency.core.workplan.model import Workplan
from consistency.core.workplan.parse import parse_workplan
from consistency.core.workplan.write_ids import WriteIdsRefusedError
from statehub.statuses import TASK_STATUSES

OURS = "6f0f4c7e-7d3a-4f5b-9a6e-0d5d4c0c8b11"
THEIRS = "0a4cf9be-4a5f-4b2b-8d0c-0f4f0b1ed001"
PIECE = re.compile("«(.*?)»", re.DOTALL)

# What is to be added stands in « ».
FRONTS = (
    'id: W1\ntype: workplan\ntitle: T é\nstatus: active«\nstate_hub_workstream_id: "{uuid}"»',
    "{{id: W1, type: workplan, title: T, status: active«, state_hub_workstream_id: \"{uuid}\"»}}",
    'state_hub_workstream_id:« "{uuid}"» # soon\nid: W1\ntype: workplan\ntitle: T\nstatus: active',
    'id: W1\ntype: workplan\ntitle: T\nstatus: active\ntags:\n  - a\n  - b«\nstate_hub_workstream_id: "{uuid}"»',
    'type: workplan\nid: W1\nstatus: active # é\ntitle: a\n  b«\nstate_hub_workstream_id: "{uuid}"»\n# the end\n',
    '  id: W1\n  type: workplan\n  status: active«\n  state_hub_workstream_id: "{uuid}"»\n  title: |+\n    x\n\n',
)  # fmt: skip
STYLES = (
    'id: {id}\nstatus: {status}«\nstate_hub_task_id: "{uuid}"»',
    'id: {id}\nstatus: {status}   # why\npriority: high   # é«\nstate_hub_task_id: "{uuid}"»\n# the end\n',
    "'id': {id}\n\"status\": '{status}'«\nstate_hub_task_id: \"{uuid}\"»",
    '  id: {id}\n  status: {status}«\n  state_hub_task_id: "{uuid}"»',
    '---\nid: {id}\nstatus: {status}«\nstate_hub_task_id: "{uuid}"»\n...',
    '# é\n\nstatus: {status}\nid: {id}«\nstate_hub_task_id: "{uuid}"»\n\n',
    '# é\n  id: {id}\n  status: {status}«\n  state_hub_task_id: "{uuid}"»',
    '\n  id: {id}\n  status: {status}«\n  state_hub_task_id: "{uuid}"»',
    'id: {id}\nstatus: {status}\nnotes: |\n  status: done\n\n  # b«\nstate_hub_task_id: "{uuid}"»\n',
    'id: {id}\nstatus: {status}«\nstate_hub_task_id: "{uuid}"»\nnotes: |+\n  a\n\n',
    'id: {id}\nstatus: {status}\nnotes: one\n  two é«\nstate_hub_task_id: "{uuid}"»',
    'id: {id}\nstatus: {status}\nnotes: "one\n  two"«\nstate_hub_task_id: "{uuid}"»',
    'id: {id}\nstatus: {status}\nnotes:\n- a\n- b: c«\nstate_hub_task_id: "{uuid}"»',
    'id: {id}\nstatus:\n  {status}\nnotes:«\nstate_hub_task_id: "{uuid}"»',
    '? status\n: {status}\n? id\n: {id}«\nstate_hub_task_id: "{uuid}"»',
    'id: {id}\x85status: {status}«\nstate_hub_task_id: "{uuid}"»',
    'id: {id}\nstate_hub_task_id:« "{uuid}"»\nstatus: {status}',
    'id: {id}\nstatus: {status}\nstate_hub_task_id:« "{uuid}"»',
    'id: {id}\nstatus: {status}\nstate_hub_task_id:« "{uuid}"»   # soon',
    "state_hub_task_id: '«{uuid}»'\nid: {id}\nstatus: {status}",
    "{{id: {id}, status: {status}«, state_hub_task_id: \"{uuid}\"»}}",
    "{{ 'status': '{status}',\n  id: {id}«, state_hub_task_id: \"{uuid}\"», # é\n}}",
    "--- {{status: {status}, id: {id}«, state_hub_task_id: \"{uuid}\"» # é\n  , }}\n...",
    "{{status: {status}, tags: [a, {{b: c}}],\n id: {id}, notes: {{a: b}}«, state_hub_task_id: \"{uuid}\"» }}",
    "{{id: {id}, status: {status}, state_hub_task_id:« \"{uuid}\"» }}",
    "{{id: {id}, state_hub_task_id«: \"{uuid}\"», status: {status}}}",
    "{{state_hub_task_id: \"«{uuid}»\", id: {id}, status: {status}}}",
    f'id: {{id}}\nstatus: {{status}}\nstate_hub_task_id: "{THEIRS}"',
    f"{{{{id: {{id}}, state_hub_task_id: {THEIRS}, status: {{status}}}}}}",
)  # fmt: skip
FRONT = "---\nid: W1\ntype: workplan\ntitle: T\nstatus: active\n---\n"
SHELLS = (
    ("", "```task\n{}\n```\n"),
    ("", "~~~~ task é\n{}\n~~~~\n"),
    ("  ", "- item\n\n  ```task\n{}\n  ```\n"),
    ("   ", "1. ```task\n{}\n   ```\n"),
    ("   ", "   ```task\n{}\n   ```\n"),
    ("\t", "- item\n\n\t```task\n{}\n\t```\n"),
)
BEFORE = ("# T1 — é", "text 😀 status: todo", "> ```task\n> id: X0\n> status: todo\n> ```", "", "```task\nid: bad\n```")


@dataclass(frozen=True)
class Block:
    id: str
    style: str
    shell: int
    text: str


@dataclass(frozen=True)
class Document:
    """A workplan, with the UUIDs that are wanted and without them. The last fence may be without its end."""

    front: str
    blocks: tuple[Block, ...]
    end: str
    bom: str
    closed: bool

    def render(self, statuses: Mapping[str, str], stamped: Collection[str]) -> bytes:
        front = shown(self.front, "W1" in stamped).format(uuid=OURS)
        parts = [f"{self.bom}---\n{front}\n---\n"]
        for number, block in enumerate(self.blocks):
            body = shown(block.style, block.id in stamped).format(
                id=block.id, status=statuses[block.id], uuid=uuid_of(block.id)
            )
            indent, shell = SHELLS[block.shell]
            if not self.closed and number == len(self.blocks) - 1:
                shell = shell[: shell.index("{}") + 2]
            parts.append(f"\n{block.text}\n\n{shell.format(indented(body, indent))}")
        return "".join(parts).replace("\n", self.end).encode()


def shown(text: str, stamped: bool) -> str:
    return PIECE.sub(r"\1" if stamped else "", text)


def indented(text: str, indent: str) -> str:
    return "\n".join(indent + line if line else "" for line in text.split("\n"))


def uuid_of(task: str) -> str:
    return str(UUID(int=int(task[1:]) + 1))


def stamp(data: bytes, workstream: str | None, tasks: Mapping[str, str]) -> bytes:
    """The stamped bytes; what they are said to say is what they say, places and all."""
    edited = module.stamp("w.md", data, workstream, tasks)
    said, read = edited.workplan, parse_workplan("w.md", edited.data)
    assert (repr(said), said) == (repr(read), read)
    known = parse_workplan("w.md", data)
    assert isinstance(known, Workplan)
    assert module.stamp("w.md", data, workstream, tasks, before=known) == edited
    return edited.data


DOCUMENTS = st.builds(
    lambda front, parts, end, bom, closed: Document(
        front, tuple(Block(f"X{number}", *part) for number, part in enumerate(parts)), end, bom, closed
    ),
    st.sampled_from(FRONTS),
    st.lists(
        st.tuples(st.sampled_from(STYLES), st.integers(0, len(SHELLS) - 1), st.sampled_from(BEFORE)),
        min_size=1, max_size=6,
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\ufeff"]),
    st.booleans(),
)  # fmt: skip


@settings(max_examples=300)
@given(DOCUMENTS, st.data())
def test_stamp_adds_exactly_what_is_missing(document: Document, data: st.DataObject) -> None:
    ids = [block.id for block in document.blocks]
    statuses = {task: data.draw(st.sampled_from(TASK_STATUSES)) for task in ids}
    wanted = data.draw(st.sets(st.sampled_from(["W1", *ids])))
    workstream, tasks = (OURS if "W1" in wanted else None), {task: uuid_of(task) for task in wanted - {"W1"}}
    before, after = document.render(statuses, ()), document.render(statuses, wanted)
    assert stamp(before, workstream, tasks) == after
    assert stamp(after, workstream, tasks) == after
    others = dict.fromkeys(tasks, THEIRS)
    known = {block.id for block in document.blocks if THEIRS in block.style}
    assert stamp(after, workstream and THEIRS, others) == after
    read = parse_workplan("w.md", after)
    assert isinstance(read, Workplan)
    assert read.uuid == workstream
    assert {block.key: block.uuid for block in read.blocks} == {
        task: THEIRS if task in known else tasks.get(task) for task in ids
    }
    moved = dict.fromkeys(ids, "done")
    assert set_statuses("w.md", after, moved).data == document.render(moved, wanted)


@pytest.mark.parametrize("style", STYLES)
def test_stamp_of_blocks_of_each_style(style: str) -> None:
    blocks = tuple(Block(f"X{number}", style, number, "") for number in range(len(SHELLS)))
    tasks = {block.id: uuid_of(block.id) for block in blocks}
    statuses = dict.fromkeys(tasks, "todo")
    for end, closed in itertools.product(("\n", "\r\n"), (True, False)):
        document = Document(FRONTS[0], blocks, end, "", closed)
        before, after = document.render(statuses, ()), document.render(statuses, tasks)
        assert stamp(before, None, tasks) == after
        assert stamp(after, None, dict.fromkeys(tasks, THEIRS)) == after


@pytest.mark.parametrize("front", FRONTS)
def test_stamp_of_a_front_matter_of_each_style(front: str) -> None:
    for end, bom in itertools.product(("\n", "\r\n"), ("", "\ufeff")):
        document = Document(front, (Block("X0", STYLES[0], 0, ""),), end, bom, True)
        before, after = document.render({"X0": "todo"}, ()), document.render({"X0": "todo"}, {"W1"})
        assert stamp(before, OURS, {}) == after
        assert stamp(after, THEIRS, {}) == after


BASES = ("id: X\nstatus: todo", "status: 'todo'\nid: X", "{id: X,\nstatus: todo", "? id\n: X\n? status\n: todo")
LINES = st.sampled_from(
    [
        "state_hub_task_id:", "state_hub_task_id: ''", "state_hub_task_id: ' '", "? state_hub_task_id", ": ", ",",
        "}", ", }", "state_hub_task_id", "state_hub_task_id: ,", "notes: |", "notes: >+", "notes:", "notes: a",
        "? notes", "  b", "\tb", "", " ", "# c", "  # c", "---", "...", "- a", "a: [b,", "]", "é: \x85b: c", "a: 'b",
        "b'", "\ufeff", "'c': {d: e}", ", f",
    ]
)  # fmt: skip


@settings(max_examples=500)
@given(
    st.lists(LINES, max_size=1), st.sampled_from(BASES), st.lists(LINES, max_size=5),
    st.integers(0, len(SHELLS) - 1), st.booleans(), st.sampled_from(["\n", "\r\n"]),
)  # fmt: skip
@example([], BASES[0], ["? notes"], 0, False, "\n")
def test_stamp_of_any_text_is_right_or_refused(
    first: list[str], base: str, more: list[str], shell: int, closed: bool, end: str
) -> None:
    indent, around = SHELLS[shell]
    body = indented("\n".join([*first, base, *more]), indent)
    written = around.format(body) if closed else around[: around.index("{}")] + body
    data = f"{FRONT}\n{written}".replace("\n", end).encode()
    before = parse_workplan("w.md", data)
    assert isinstance(before, Workplan)
    if [block.uuid for block in before.blocks] != [None]:
        return
    (old,) = before.blocks
    try:
        after = module.stamp("w.md", data, None, {old.key: OURS})
    except WriteIdsRefusedError as refused:
        assert refused.task == old.key  # noqa: PT017  # to be refused is right as well
        return
    added = len(after.data) - len(data)
    assert any(after.data[:place] + after.data[place + added :] == data for place in range(len(data) + 1))
    (new,) = after.workplan.blocks
    assert new == replace(old, uuid=OURS, line=new.line)


NOT_AS_BEFORE = "the edited file would differ in more than the UUIDs"
BROKEN = "\n```task\nid: Y\nstatus: nope\n```\n"


def text(body: str, more: str = "") -> bytes:
    return f"{FRONT}\n```task\n{body}\n```\n{more}".encode()


def test_stamp_moves_what_is_below_and_nothing_else() -> None:
    before = parse_workplan("w.md", text("id: X\nstatus: todo", BROKEN))
    edited = module.stamp("w.md", text("id: X\nstatus: todo", BROKEN), OURS, {"X": THEIRS})
    assert isinstance(before, Workplan)
    assert (before.line, before.blocks[0].line, before.problems[0].line) == (5, 10, 15)
    assert edited.workplan == before._replace(
        uuid=OURS,
        blocks=(replace(before.blocks[0], uuid=THEIRS, line=11),),
        problems=(before.problems[0]._replace(line=17),),
    )
    place = edited.workplan.blocks[0].place
    assert place is not None
    assert edited.data[slice(*place)] == b"todo"


def test_stamp_of_nothing() -> None:
    data = text("id: X\nstatus: todo")
    assert module.stamp("w.md", data, None, {}).data == data


@pytest.mark.parametrize(
    ("body", "added", "below"),
    [
        ("id: X\r\nstatus: todo\n", 'state_hub_task_id: "{}"\n', "```\n"),
        ("id: X\nstatus: todo\r\n", 'state_hub_task_id: "{}"\r\n', "```\n"),
        ("id: X\r\nstatus: todo", '\r\nstate_hub_task_id: "{}"', ""),
    ],
)
def test_stamp_ends_its_line_as_the_line_above_it(body: str, added: str, below: str) -> None:
    start = f"{FRONT}```task\n{body}"
    assert stamp(f"{start}{below}".encode(), None, {"X": OURS}) == f"{start}{added.format(OURS)}{below}".encode()


def test_stamp_of_a_block_whose_status_is_on_several_lines() -> None:
    body = 'id: X\nstatus: "do\\\n ne"'
    assert stamp(text(body), None, {"X": OURS}) == text(f'{body}\nstate_hub_task_id: "{OURS}"')


def test_stamp_fills_a_block_to_the_last_byte() -> None:
    body, entry = "id: X\nstatus: todo\nnotes: ", f'\nstate_hub_task_id: "{OURS}"'
    body += "x" * (MAX_BODY - len(f"{body}{entry}\n"))
    assert stamp(text(body), None, {"X": OURS}) == text(body + entry)
    with pytest.raises(WriteIdsRefusedError):
        stamp(text(f"{body}x"), None, {"X": OURS})


@pytest.mark.parametrize(
    ("data", "tasks", "words", "task"),
    [
        (b"", {}, "the file is no longer a readable workplan", None),
        (b"---\ntype: workplan\n---\n", {}, "the file is no longer a readable workplan", None),
        (text("id: X\nstatus: todo"), {"Z": OURS}, "task 'Z' is not in the file", "Z"),
        (text("id: X\nstatus: todo", BROKEN), {"X": OURS, "Y": OURS}, "task 'Y' is not in the file", "Y"),
        (
            text("id: X\nstatus: todo", "```task\nid: X\nstatus: todo\n```\n"), {"X": OURS},
            "task 'X' is more than once in the file", "X",
        ),
        (
            text("id: X\nstatus: todo\nstate_hub_task_id: |"), {"X": OURS},
            f"task 'X' cannot be given a state_hub_task_id in its current form; add it by hand ({OURS})", "X",
        ),
        (
            text("id: X\nstatus: todo\nstate_hub_task_id: ' '"), {"X": OURS},
            f"task 'X' cannot be given a state_hub_task_id in its current form; add it by hand ({OURS})", "X",
        ),
        (
            text("id: X\nstatus: todo\nnotes: " + "x" * (MAX_BODY - 80)), {"X": OURS},
            f"task 'X' has no room for a state_hub_task_id: a block has at most {MAX_BODY} bytes", "X",
        ),
        (
            text("id: X\nstatus: todo\n? state_hub_task_id"), {"X": OURS},
            f"task 'X' cannot be given a state_hub_task_id in its current form; add it by hand ({OURS})", "X",
        ),
        (
            text("id: X\nnotes: %\nstatus: todo"), {"X": OURS},
            f"task 'X' cannot be given a state_hub_task_id in its current form; add it by hand ({OURS})", "X",
        ),
        (text("id: X\nstatus: todo"), {"X": OURS.upper()}, NOT_AS_BEFORE, None),
        (text("id: X\nstatus: todo"), {"X": "no UUID"}, NOT_AS_BEFORE, None),
    ],
)  # fmt: skip
def test_stamp_refuses(data: bytes, tasks: dict[str, str], words: str, task: str | None) -> None:
    with pytest.raises(WriteIdsRefusedError) as refused:
        module.stamp("w.md", data, None, tasks)
    assert (str(refused.value), refused.value.task) == (words, task)


@pytest.mark.parametrize("entry", [b"state_hub_workstream_id: |\n", b"notes: %\n"])
def test_stamp_refuses_a_front_matter_that_takes_no_more(entry: bytes) -> None:
    data = text("id: X\nstatus: todo").replace(b"title: T\n", b"title: T\n" + entry)
    with pytest.raises(WriteIdsRefusedError) as refused:
        module.stamp("w.md", data, OURS, {})
    assert str(refused.value) == (
        f"the front matter cannot be given a state_hub_workstream_id in its current form; add it by hand ({OURS})"
    )
