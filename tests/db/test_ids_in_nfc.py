"""Rows of older versions come to NFC; where two would become one, both stay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from statehub.models import Task, Workstream
from testing.migrations import latest, migrate

BEFORE = [("statehub", "0005_evidence_of_reopens"), ("consistency", "0005_take_over")]
APPS = [app for app, _ in BEFORE]
NFC, NFD = "\u00e9", "e\u0301"

pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture
def old() -> Iterator[Any]:
    """Yield the models of the version before, in an empty hub of that version."""
    yield migrate(BEFORE)
    migrate(latest(APPS))


def test_rows_come_to_nfc(old: Any) -> None:
    Repo, OldStream, OldTask = (old.get_model("statehub", name) for name in ("Repo", "Workstream", "Task"))
    one, two = (Repo.objects.create(slug=slug) for slug in "ab")
    plain = OldStream.objects.create(repo=one, key="W", title="T", status="todo")
    for repo, key in ((one, NFD), (two, NFD), (two, NFC)):
        OldStream.objects.create(repo=repo, key=key, title="T", status="todo")
    for key in (f"1{NFD}", f"2{NFD}", f"2{NFC}", "3", "4\u1112\u1161\u11ab", "4\ud558\u11ab"):
        OldTask.objects.create(workstream=plain, key=key, title="T", status="todo")
    migrate(latest(APPS))
    assert sorted(Workstream.objects.values_list("repo__slug", "key")) == sorted(
        [("a", "W"), ("a", NFC), ("b", NFD), ("b", NFC)]
    )
    assert sorted(Task.objects.values_list("key", flat=True)) == sorted(
        [f"1{NFC}", f"2{NFD}", f"2{NFC}", "3", "4\u1112\u1161\u11ab", "4\ud558\u11ab"]
    )
