"""Reads a workplan again after only statuses of its tasks have changed, in a tenth of the time of parsing it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from consistency.core.workplan.blocks import MAX_BODY
from consistency.core.workplan.model import TaskBlock, Workplan
from statehub.statuses import TASK_STATUSES

_STATUS = re.compile(rf"""(['"]?)({"|".join(TASK_STATUSES)})\1""".encode())


class ParsedVersion(NamedTuple):
    """The bytes of a version of a file, and their content."""

    data: bytes
    workplan: Workplan


def read_new_statuses(
    before: Workplan, data: bytes, is_before: Callable[[bytes], bool]
) -> tuple[Workplan, ParsedVersion] | None:
    """Return what `parse_workplan` makes of *data*, and the version *before* it; None if more than statuses differ.

    *is_before* says whether bytes are those that *before* was parsed from: it gets *data* with the old statuses. None
    is also returned if a status was or is written in an unusual way, or if a block may have become too large.
    """
    blocks, old, starts = list(before.blocks), list[bytes](), [0]
    moved = done = 0  # Bytes by which the places have moved, and to which `old` covers *data*.
    has_grown = False
    for number, block in enumerate(before.blocks):
        if block.place is None:
            continue
        start, end = block.place
        found = _STATUS.match(data, start + moved)
        if found is None:
            return None
        place, status = found.span(), found[2].decode()
        starts.append(place[0])
        if status != block.status:
            old += data[done : place[0]], found[1], block.status.encode(), found[1]
            done = place[1]
            has_grown = has_grown or place[1] - place[0] > end - start
        if place != block.place or status != block.status:
            blocks[number] = TaskBlock(
                block.key, block.title, status, block.priority, block.uuid, block.line, place, block.owner,
                block.depends,
            )  # fmt: skip
            moved = place[1] - end
    version = ParsedVersion(b"".join([*old, data[done:]]), before)
    if not old or not is_before(version.data):
        return None
    # A block is somewhere between the statuses of those before and behind it.
    starts.append(len(data))
    if has_grown and any(behind - ahead > MAX_BODY for ahead, behind in zip(starts, starts[2:], strict=False)):
        return None
    return before._replace(blocks=tuple(blocks)), version
