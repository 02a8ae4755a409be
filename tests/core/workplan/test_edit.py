"""Only the wanted status values change, byte for byte, or nothing does (design, "Writeback")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consistency.core.workplan import edit
from consistency.core.workplan.edit import EditRefusedError
from consistency.core.workplan.model import Workplan
from consistency.core.workplan.parse import parse_workplan
from statehub.statuses import TASK_STATUSES

FRONT = "---\nid: W1\ntype: workplan\ntitle: T é\nstatus: active\n---\n"
STYLES = (
    "id: {id}\nstatus: {status}",
    "id: {id}\nstatus:   {status}   # done todo é",
    "id: {id}\nstatus: '{status}'",
    'status: "{status}" # todo\nid: {id}',
    "{{id: {id}, status: {status}}}",
    "{{status: '{status}',\n  id: {id}, }}",
    "? status\n: {status}\n? id\n: {id}",
    "title: é😀 status todo\nid: {id}\nstatus:\n  {status}\nnotes: |\n  status: todo",
    "'id': {id}\n\"status\": {status}",
    "\ufeffid: {id}\nstatus: {status}",
    "id: {id}\x85status: {status}",
)
SHELLS = (
    "```task\n{}\n```\n",
    "~~~~ task é\n{}\n~~~~\n",
    "- item\n\n  ```task\n{}\n  ```\n",
    "1. ```task\n{}\n   ```\n",
)
INDENTS = ("", "", "  ", "   ")


@dataclass(frozen=True)
class Block:
    id: str
    style: str
    shell: int
    text: str


@dataclass(frozen=True)
class Document:
    """A workplan whose statuses can be chosen."""

    blocks: tuple[Block, ...]
    end: str
    bom: str

    def render(self, statuses: Mapping[str, str]) -> bytes:
        parts = [self.bom, FRONT]
        for block in self.blocks:
            lines = block.style.format(id=block.id, status=statuses[block.id]).split("\n")
            body = "\n".join(INDENTS[block.shell] + line for line in lines)
            parts.append(f"\n{block.text}\n\n{SHELLS[block.shell].format(body)}")
        return "".join(parts).replace("\n", self.end).encode()


TEXTS = st.sampled_from(
    ["# T1 — é", "text 😀 status: todo", "> ```task\n> id: X0\n> status: todo\n> ```", "", "`done`"]
)
DOCUMENTS = st.builds(
    lambda parts, end, bom: Document(
        tuple(Block(f"X{number}", *part) for number, part in enumerate(parts)), end, bom
    ),
    st.lists(st.tuples(st.sampled_from(STYLES), st.integers(0, 3), TEXTS), min_size=1, max_size=6),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\ufeff"]),
)  # fmt: skip
STATUS = st.sampled_from(TASK_STATUSES)


def set_statuses(path: str, data: bytes, wanted: Mapping[str, str]) -> bytes:
    """The edited bytes; what they are said to say is what they say, places and all."""
    edited = edit.set_statuses(path, data, wanted)
    said, read = edited.workplan, parse_workplan(path, edited.data)
    assert (repr(said), said) == (repr(read), read)
    known = parse_workplan(path, data)
    assert isinstance(known, Workplan)
    assert edit.set_statuses(path, data, wanted, before=known) == edited
    return edited.data


@settings(max_examples=200)
@given(DOCUMENTS, st.data())
def test_set_statuses_changes_exactly_the_wanted_values_and_back(document: Document, data: st.DataObject) -> None:
    old = {block.id: data.draw(STATUS) for block in document.blocks}
    wanted = data.draw(st.dictionaries(st.sampled_from(sorted(old)), STATUS))
    before = document.render(old)
    after = set_statuses("w.md", before, wanted)
    assert after == document.render({**old, **wanted})
    assert set_statuses("w.md", after, wanted) == after
    assert set_statuses("w.md", after, old) == before


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("style", STYLES)
def test_set_statuses_in_blocks_of_each_style(style: str, end: str) -> None:
    document = Document(tuple(Block(f"X{shell}", style, shell, "") for shell in range(len(SHELLS))), end, "")
    old = {block.id: "todo" for block in document.blocks}
    wanted = dict(zip(old, TASK_STATUSES[1:], strict=True))
    assert set_statuses("w.md", document.render(old), wanted) == document.render(wanted)
    assert set_statuses("w.md", document.render(old), {"X2": "done"}) == document.render({**old, "X2": "done"})


def test_set_statuses_of_nothing() -> None:
    data = Document((Block("X", STYLES[0], 0, ""),), "\n", "").render({"X": "todo"})
    assert set_statuses("w.md", data, {}) == data
    assert set_statuses("w.md", data, {"X": "todo"}) == data


def text(body: str, more: str = "") -> bytes:
    return f"{FRONT}\n```task\n{body}\n```\n{more}".encode()


ONE_PIECE = "the status of task 'X' cannot be replaced in place: write it on one line, indented by spaces"
NOT_AS_BEFORE = "the edited file would differ in more than the status"
SEVERAL_LINES = f'{FRONT}- ```task\n  id: X\n  status: "do\\\n   ne"\n  ```\n'.encode()


@pytest.mark.parametrize(
    ("data", "wanted", "words"),
    [
        (b"", {"X": "done"}, "the file is no longer a readable workplan"),
        (b"---\ntype: workplan\n---\n", {"X": "done"}, "the file is no longer a readable workplan"),
        (text("id: X\nstatus: todo"), {"Y": "done"}, "task 'Y' is no longer in the file"),
        (text("id: X\nstatus: nope"), {"X": "done"}, "task 'X' is no longer in the file"),
        (text("id: X\nstatus: todo"), {"X": "done", "Y": "done"}, "task 'Y' is no longer in the file"),
        (SEVERAL_LINES, {"X": "todo"}, ONE_PIECE),
        (text("id: X\nstatus: todo"), {"X": "finished"}, NOT_AS_BEFORE),
        (text("id: X\nstatus: todo"), {"X": "done\ntitle: y"}, NOT_AS_BEFORE),
        (text("id: X\nstatus: todo", "```task\nid: X\nstatus: todo\n```\n"), {"X": "done"}, NOT_AS_BEFORE),
    ],
)  # fmt: skip
def test_set_statuses_refuses(data: bytes, wanted: dict[str, str], words: str) -> None:
    with pytest.raises(EditRefusedError) as refused:
        set_statuses("w.md", data, wanted)
    assert str(refused.value) == words


def test_set_statuses_leaves_a_block_alone_that_has_the_status_wherever_it_stands() -> None:
    assert set_statuses("w.md", SEVERAL_LINES, {"X": "done"}) == SEVERAL_LINES


def test_set_statuses_of_a_value_written_with_escapes() -> None:
    assert set_statuses("w.md", text('id: X\nstatus: "d\\x6fne"'), {"X": "todo"}) == text('id: X\nstatus: "todo"')
