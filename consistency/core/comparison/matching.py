"""Matches blocks and files with their rows: by UUID first, then by id (design, C-17). One rule for both levels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from consistency.core.comparison.snapshot import HubTask, HubWorkstream

T = TypeVar("T")
R = TypeVar("R", bound=HubTask | HubWorkstream)


class Candidate(NamedTuple, Generic[T]):
    """The ids of a file or of one block, the *item*: the id a person wrote, and the UUID if there is one."""

    key: str
    uuid: str | None
    item: T


class Matches(NamedTuple, Generic[T, R]):
    """Items with their rows.

    `pairs` have the row of each item, or None if it is new. `stolen` are the items with another's UUID, and its owner:
    a row, or None for another new item. `missing` are the rows that no item has.
    """

    pairs: list[tuple[T, R | None]]
    stolen: list[tuple[T, R | None]]
    missing: list[R]


def match_rows(
    claims: Sequence[Candidate[T]],
    rows: Mapping[str, R],
    by_key: Callable[[Candidate[T]], R | None],
    is_taken: Callable[[Candidate[T], R], bool],
) -> Matches[T, R]:
    """Match *claims* with *rows* (by UUID).

    Keys are unique among *claims*. A row with the UUID is taken even under another id (a rename), unless that id has a
    row of its own (*by_key*), another claim has the row under its own id, or *is_taken* says that it is another's: then
    the UUID was copied.
    """
    pairs: list[tuple[T, R | None]] = []
    stolen = set[int]()
    rivals: dict[str, list[int]] = defaultdict(list)
    for index, claim in enumerate(claims):
        named, row = by_key(claim), rows.get(claim.uuid) if claim.uuid else None
        is_copy = row is not None and named is not None and row.key != claim.key
        row = row or named
        pairs.append((claim.item, row))
        if row is None:
            if claim.uuid:
                rivals[claim.uuid].append(index)
            continue
        if is_copy or is_taken(claim, row):
            stolen.add(index)
        if not is_copy:
            rivals[row.id].append(index)
    for indexes in rivals.values():
        for index in indexes if len(indexes) > 1 else ():
            row = pairs[index][1]
            if row is None or row.key != claims[index].key:
                stolen.add(index)
    matched = [pair for index, pair in enumerate(pairs) if index not in stolen] if stolen else pairs
    paired = {row.id for _, row in matched if row is not None}
    missing = [row for row in rows.values() if row.id not in paired]
    return Matches(matched, [pairs[index] for index in sorted(stolen)], missing)
