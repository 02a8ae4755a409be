"""Changes `status` values of task blocks and nothing else, byte for byte (design, "Writeback")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from consistency.core.parse import parse_workplan
from consistency.core.workplan import TaskBlock, Workplan


class EditRefused(Exception):
    """The change cannot be made so that exactly the wanted values differ; the text says why."""


def set_statuses(path: str, data: bytes, wanted: Mapping[str, str]) -> bytes:
    """The bytes of the workplan *data* with the status of each task in *wanted* (id → status).

    Only the characters of the values change; quotes stay. The result is parsed again and must differ from
    the original in exactly these values, else EditRefused. Tasks that have the status already stay as they are.
    """
    before = _workplan(path, data)
    blocks = {block.key: block for block in before.blocks}
    changed = [key for key in wanted if key not in blocks or blocks[key].status != wanted[key]]
    pieces, done = list[bytes](), 0
    for (start, end), key in sorted((_place(blocks, key), key) for key in changed):
        pieces += data[done:start], _in_quotes(data[start:end], blocks[key].status, wanted[key])
        done = end
    edited = b"".join([*pieces, data[done:]])
    expected = replace(before, blocks=tuple(_with_status(block, wanted) for block in before.blocks))
    if _workplan(path, edited) != expected:
        raise EditRefused("the edited file would not read as before in all but the status")
    return edited


def _workplan(path: str, data: bytes) -> Workplan:
    parsed = parse_workplan(path, data)
    if not isinstance(parsed, Workplan):
        raise EditRefused("the file is no readable workplan any more")
    return parsed


def _place(blocks: Mapping[str, TaskBlock], key: str) -> tuple[int, int]:
    if key not in blocks:
        raise EditRefused(f"task '{key}' is not in the file any more")
    place = blocks[key].place
    if place is None:
        what = "stands behind a tab that Markdown takes apart, or on several lines"
        raise EditRefused(f"the status of task '{key}' {what}; use spaces, and one line")
    return place


def _in_quotes(written: bytes, old: str, new: str) -> bytes:
    """*new* in the quotes of *written*, which must be quoted, or else nothing but the value *old*."""
    quote = written[:1] if written[:1] in (b"'", b'"') else b""
    if not quote and written != old.encode():
        raise EditRefused(f"the status '{old}' is not written as a plain or quoted word")
    return quote + new.encode() + quote


def _with_status(block: TaskBlock, wanted: Mapping[str, str]) -> TaskBlock:
    return replace(block, status=wanted.get(block.key, block.status))
