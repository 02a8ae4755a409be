"""Changes `status` values of task blocks and nothing else, byte for byte (design, "Writeback")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from consistency.core.workplan.model import TaskBlock, Workplan
from consistency.core.workplan.parse import parse_workplan
from statehub.errors import StateHubError


class EditRefusedError(StateHubError):
    """The change cannot be made so that exactly the wanted values differ; the text says why."""


class Edited(NamedTuple):
    """A workplan after the change: its bytes, and their content."""

    data: bytes
    workplan: Workplan


def set_statuses(path: str, data: bytes, wanted: Mapping[str, str], *, before: Workplan | None = None) -> Edited:
    """Return the workplan *data* with the status of each task in *wanted* (id → status).

    Only the characters of the values change; quotes stay. The result is parsed again and must differ from
    the original in exactly these values, else EditRefusedError. Tasks that have the status already stay as they are.
    *before* is the content of *data*, if it is known already.
    """
    before = before or _workplan(path, data)
    blocks = {block.key: block for block in before.blocks}
    changed = [key for key in wanted if key not in blocks or blocks[key].status != wanted[key]]
    pieces, done = list[bytes](), 0
    for (start, end), key in sorted((_place(blocks, key), key) for key in changed):
        quote = data[start : start + 1] if data[start : start + 1] in (b"'", b'"') else b""
        pieces += data[done:start], quote, wanted[key].encode(), quote
        done = end
    edited = b"".join([*pieces, data[done:]])
    expected = (replace(each, status=wanted[each.key]) if each.key in wanted else each for each in before.blocks)
    after = _workplan(path, edited)
    if after != before._replace(blocks=tuple(expected)):
        raise EditRefusedError("the edited file would differ in more than the status")
    return Edited(edited, after)


def _workplan(path: str, data: bytes) -> Workplan:
    parsed = parse_workplan(path, data)
    if not isinstance(parsed, Workplan):
        raise EditRefusedError("the file is no longer a readable workplan")
    return parsed


def _place(blocks: Mapping[str, TaskBlock], key: str) -> tuple[int, int]:
    if key not in blocks:
        raise EditRefusedError(f"task '{key}' is no longer in the file")
    place = blocks[key].place
    if place is None:
        raise EditRefusedError(
            f"the status of task '{key}' cannot be replaced in place: write it on one line, indented by spaces"
        )
    return place
