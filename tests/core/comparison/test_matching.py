"""Whose row is whose: UUID first, then id (design, C-17)."""

from __future__ import annotations

from dataclasses import dataclass

from consistency.core.comparison.matching import Candidate, match_rows
from consistency.core.comparison.snapshot import HubTask
from tests.core.values import WHEN

ONE, TWO = (HubTask(id, "w", key, "", "todo", "low", WHEN) for id, key in (("u1", "T1"), ("u2", "T2")))


@dataclass(frozen=True)
class Stolen:
    """The claim has the UUID of *owner*, None for another new claim."""

    owner: HubTask | None


def claim(key: str, uuid: str | None) -> Candidate[str]:
    return Candidate(key, uuid, key)


def paired(
    *claims: Candidate[str], rows: tuple[HubTask, ...] = (ONE, TWO), taken: tuple[HubTask, ...] = ()
) -> list[HubTask | Stolen | None]:
    """For each claim its row, None if it is new, or Stolen."""
    by_key = {row.key: row for row in rows}
    matches = match_rows(
        claims, {row.id: row for row in rows}, lambda claim: by_key.get(claim.key), lambda _, row: row in taken
    )
    found: dict[str, HubTask | Stolen | None] = dict(matches.pairs)
    assert matches.missing == [row for row in rows if row not in found.values()]
    found |= {item: Stolen(owner) for item, owner in matches.stolen}
    assert len(matches.pairs) + len(matches.stolen) == len(claims)
    return [found[each.item] for each in claims]


def test_pair_by_key_and_by_uuid() -> None:
    assert paired(claim("T1", None), claim("T2", "u2"), claim("T3", None)) == [ONE, TWO, None]


def test_pair_follows_the_uuid_when_the_id_is_new() -> None:
    assert paired(claim("T9", "u1")) == [ONE]


def test_pair_keeps_to_the_id_when_nobody_has_the_uuid() -> None:
    assert paired(claim("T1", "u7")) == [ONE]


def test_pair_copied_uuid_leaves_the_row_to_its_own_id() -> None:
    assert paired(claim("T9", "u1"), claim("T1", "u1")) == [Stolen(ONE), ONE]


def test_pair_uuid_of_another_id_that_is_there() -> None:
    assert paired(claim("T2", "u1")) == [Stolen(ONE)]


def test_pair_looks_at_all_claims_behind_one_with_a_copied_uuid() -> None:
    assert paired(claim("T2", "u1"), claim("T8", "u9"), claim("T9", "u9")) == [
        Stolen(ONE),
        Stolen(None),
        Stolen(None),
    ]


def test_pair_swapped_uuids_touch_neither() -> None:
    assert paired(claim("T1", "u2"), claim("T2", "u1")) == [Stolen(TWO), Stolen(ONE)]


def test_pair_two_renames_by_one_uuid_touch_neither() -> None:
    assert paired(claim("T8", "u1"), claim("T9", "u1")) == [Stolen(ONE), Stolen(ONE)]


def test_pair_new_claims_with_one_uuid_touch_neither() -> None:
    assert paired(claim("T8", "u9"), claim("T9", "u9"), claim("T7", "u7")) == [
        Stolen(None),
        Stolen(None),
        None,
    ]


def test_row_that_is_taken_is_stolen_by_uuid_and_by_key() -> None:
    assert paired(claim("T9", "u1"), claim("T2", None), taken=(ONE, TWO)) == [Stolen(ONE), Stolen(TWO)]
    assert paired(claim("T9", "u1"), claim("T2", None), taken=(ONE,)) == [Stolen(ONE), TWO]
