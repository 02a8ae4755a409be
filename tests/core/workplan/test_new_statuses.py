"""A file that differs in statuses alone from a version that was parsed is read without parsing, and reads the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consistency.core.workplan.blocks import MAX_BODY
from consistency.core.workplan.model import Workplan
from consistency.core.workplan.new_statuses import ParsedVersion, read_new_statuses
from consistency.core.workplan.parse import parse_workplan
from statehub.statuses import TASK_STATUSES
from testing.workplans import workplan
from tests.core.workplan.test_edit import DOCUMENTS, STATUS, Document

TEXT = workplan("A", [("T1", "todo"), ("T2", "in_progress"), ("T3", "done")])


def parsed(data: bytes) -> Workplan:
    found = parse_workplan("a", data)
    assert isinstance(found, Workplan)
    return found


def read(before: bytes, data: bytes) -> Workplan | None:
    """Read *data* after *before*; what is read is what the parser reads, places and all."""
    found = read_new_statuses(parsed(before), data, before.__eq__)
    assert found is None or repr(found) == repr((parsed(data), ParsedVersion(before, parsed(before))))
    return found[0] if found else None


@settings(max_examples=200)
@given(DOCUMENTS, st.data())
def test_reads_as_the_parser_does_in_any_style(document: Document, data: st.DataObject) -> None:
    old, new = ({block.id: data.draw(STATUS) for block in document.blocks} for _ in range(2))
    found = read(document.render(old), document.render(new))
    assert found == (None if old == new else parsed(document.render(new)))


@given(DOCUMENTS, st.data())
def test_any_other_change_of_the_bytes_is_for_the_parser(document: Document, data: st.DataObject) -> None:
    old, new = ({block.id: data.draw(STATUS) for block in document.blocks} for _ in range(2))
    before, changed = document.render(old), document.render(new)
    place, gone = data.draw(st.integers(0, len(changed))), data.draw(st.integers(0, 12))
    read(before, changed[:place] + data.draw(st.binary(max_size=12)) + changed[place + gone :])


@pytest.mark.parametrize("quote", ["", "'", '"'])
@pytest.mark.parametrize("status", TASK_STATUSES)
def test_reads_as_the_parser_does(quote: str, status: str) -> None:
    text = TEXT.replace("status: in_progress", f"status: {quote}in_progress{quote}  # why")
    second = text.replace(f"{quote}in_progress{quote}  #", f"{quote}{status}{quote}  #")
    other = second.replace("todo", "blocked", 1)
    found = read(text.encode(), other.encode())
    assert found is not None
    assert [block.status for block in found.blocks] == ["blocked", status, "done"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("status: in_progress", "status: finished"),
        ("status: in_progress", "status: 'in_progress'"),
        ("status: in_progress", "status: 'todo'"),
        ("status: in_progress", 'status: "todo'),
        ("status: in_progress", "status: in_progress2"),
        ("status: in_progress", "status: done2"),
        ("status: in_progress", "status: in_progress\npriority: high"),
        ("status: in_progress", "status:  todo"),
        ("id: A-T2", "id: A-T9"),
        ("A-T3", "A-T3 "),
    ],
)
def test_any_other_difference_is_for_the_parser(old: str, new: str) -> None:
    assert old in TEXT
    assert read(TEXT.encode(), TEXT.replace(old, new).encode()) is None
    assert read(TEXT.encode(), TEXT.replace(old, new).replace("todo", "done", 1).encode()) is None
    assert read(TEXT.encode(), f"{TEXT}\nmore\n".encode()) is None
    assert read(TEXT.encode(), TEXT.encode()) is None


@pytest.mark.parametrize("written", ['"to\\x64o"', "'todo\n  '", "&a todo", "!!str todo"])
def test_unusual_status_is_for_the_parser(written: str) -> None:
    text = TEXT.replace("status: todo", f"status: {written}")
    assert read(text.encode(), text.replace("in_progress", "done").encode()) in (
        None,
        parse_workplan("a", text.replace("in_progress", "done").encode()),
    )
    assert read(TEXT.encode(), text.encode()) is None


@pytest.mark.parametrize("room", [0, 3, 6, 7, 20])
def test_block_that_becomes_too_large_is_for_the_parser(room: int) -> None:
    """`in_progress` is 7 bytes longer than `todo`."""
    notes = "notes: "
    body = f"id: X\nstatus: todo\n{notes}"
    body += "x" * (MAX_BODY - len(body) - 1 - room)
    before = f"{TEXT}\n```task\n{body}\n```\n".encode()
    after = before.replace(b"id: X\nstatus: todo", b"id: X\nstatus: in_progress")
    assert len(parsed(before).blocks) == 4
    assert len(parsed(after).blocks) == (4 if room >= 7 else 3)
    assert read(before, after) is None
    assert read(after, before) == (parsed(before) if room >= 7 else None)


def test_only_the_bytes_of_before_count() -> None:
    """The question is asked once, with the whole file as it was."""
    asked: list[bytes] = []

    def is_before(data: bytes) -> bool:
        asked.append(data)
        return False

    before, after = TEXT.encode(), TEXT.replace("todo", "blocked").encode()
    assert read_new_statuses(parsed(before), after, is_before) is None
    assert asked == [before]
