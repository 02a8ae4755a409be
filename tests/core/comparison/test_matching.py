"""Whose row is whose: UUID first, then id (design, C-17)."""

from __future__ import annotations

from dataclasses import dataclass

from consistency.core.comparison.matching import Candidate, UuidConflict, match


@dataclass(frozen=True)
class Row:
    id: str
    key: str


ONE, TWO = Row("u1", "T1"), Row("u2", "T2")


def paired(*claims: Candidate, rows: tuple[Row, ...] = (ONE, TWO)) -> list[Row | UuidConflict[Row] | None]:
    by_key = {row.key: row for row in rows}
    return match(claims, {row.id: row for row in rows}, lambda claim: by_key.get(claim.key))


def test_pair_by_key_and_by_uuid() -> None:
    assert paired(Candidate("T1", None), Candidate("T2", "u2"), Candidate("T3", None)) == [ONE, TWO, None]


def test_pair_follows_the_uuid_when_the_id_is_new() -> None:
    assert paired(Candidate("T9", "u1")) == [ONE]


def test_pair_keeps_to_the_id_when_nobody_has_the_uuid() -> None:
    assert paired(Candidate("T1", "u7")) == [ONE]


def test_pair_copied_uuid_leaves_the_row_to_its_own_id() -> None:
    assert paired(Candidate("T9", "u1"), Candidate("T1", "u1")) == [UuidConflict(ONE), ONE]


def test_pair_uuid_of_another_id_that_is_there() -> None:
    assert paired(Candidate("T2", "u1")) == [UuidConflict(ONE)]


def test_pair_looks_at_all_claims_behind_one_with_a_copied_uuid() -> None:
    assert paired(Candidate("T2", "u1"), Candidate("T8", "u9"), Candidate("T9", "u9")) == [
        UuidConflict(ONE),
        UuidConflict(None),
        UuidConflict(None),
    ]


def test_pair_swapped_uuids_touch_neither() -> None:
    assert paired(Candidate("T1", "u2"), Candidate("T2", "u1")) == [UuidConflict(TWO), UuidConflict(ONE)]


def test_pair_two_renames_by_one_uuid_touch_neither() -> None:
    assert paired(Candidate("T8", "u1"), Candidate("T9", "u1")) == [UuidConflict(ONE), UuidConflict(ONE)]


def test_pair_new_claims_with_one_uuid_touch_neither() -> None:
    assert paired(Candidate("T8", "u9"), Candidate("T9", "u9"), Candidate("T7", "u7")) == [
        UuidConflict(None),
        UuidConflict(None),
        None,
    ]
