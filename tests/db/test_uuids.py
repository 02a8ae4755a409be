"""UUIDs as texts, and new ones."""

from __future__ import annotations

import time
from itertools import islice
from uuid import RFC_4122, UUID

from consistency.db.uuids import new_uuids, with_dashes


def test_with_dashes() -> None:
    assert with_dashes("6f0f4c7e7d3a4f5b9a6e0d5d4c0c8b11") == "6f0f4c7e-7d3a-4f5b-9a6e-0d5d4c0c8b11"
    assert with_dashes("6f0f4c7e-7d3a-4f5b-9a6e-0d5d4c0c8b11") == "6f0f4c7e-7d3a-4f5b-9a6e-0d5d4c0c8b11"


def test_new_uuids_ascend_and_are_of_now() -> None:
    before = time.time_ns() // 1_000_000
    texts = list(islice(new_uuids(), 10_000))
    after = time.time_ns() // 1_000_000
    found = [UUID(text) for text in texts]
    assert list(map(str, found)) == texts
    assert {(each.version, each.variant) for each in found} == {(7, RFC_4122)}
    assert sorted(set(texts)) == texts
    # Ten thousand steps of 32 bits stay within one of the milliseconds.
    assert before <= found[0].int >> 80 <= found[-1].int >> 80 <= after + 1


def test_two_series_share_nothing() -> None:
    one, two = set(islice(new_uuids(), 1_000)), set(islice(new_uuids(), 1_000))
    assert one & two == set()
