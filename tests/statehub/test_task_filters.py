"""The filters that the API and the commands share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import Q

from statehub.models import Repo, StatusChange, Task, Workstream
from statehub.task_filters import match_changes, match_tasks

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LONG = "x" * 500


def make(key: str, *, slug: str = "r", workplan: str = "WP", **fields: object) -> Task:
    repo, _ = Repo.objects.get_or_create(slug=slug)
    home, _ = Workstream.objects.get_or_create(repo=repo, key=workplan, defaults={"title": "W", "status": "active"})
    return Task.objects.create(workstream=home, key=key, title=key, **{"status": "todo", **fields})


@pytest.fixture
def tasks() -> None:
    make("A", owner="ada", priority="high", status_changed_at=NOON)
    make("B", slug="other", owner="bob", taken_by="ada", status="in_progress")
    make("C", workplan="WP-2", owner=LONG + "1", status="done")
    make("D", owner=LONG + "2", status_changed_at=NOON - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("chosen", "keys"),
    [
        (match_tasks, "ABCD"),
        (lambda: match_tasks(repo=["other"]), "B"),
        (lambda: match_tasks(repo=["r", "other"], status=["todo", "in_progress"]), "ABD"),
        (lambda: match_tasks(workstream=["WP-2"]), "C"),
        (lambda: match_tasks(key=["A", "D"]), "AD"),
        (lambda: match_tasks(priority=["high"]), "A"),
        (lambda: match_tasks(owner=["ada", "bob"]), "AB"),
        (lambda: match_tasks(owner=[LONG + "1"]), "C"),
        (lambda: match_tasks(owner=[LONG]), ""),
        (lambda: match_tasks(taken_by=["ada"]), "B"),
        (lambda: match_tasks(taken_by=[LONG + "1", "ada"], owner=["bob"]), "B"),
        (lambda: match_tasks(changed_since=NOON, repo=["r"], workstream=["WP"]), "A"),
    ],
)
def test_tasks(tasks: None, chosen: Callable[[], Q], keys: str) -> None:
    assert "".join(Task.objects.filter(chosen()).order_by("key").values_list("key", flat=True)) == keys


@pytest.mark.parametrize(
    ("chosen", "whos"),
    [
        (match_changes, ["ada", "bob", LONG + "1"]),
        (lambda: match_changes(repo=["other"]), ["bob"]),
        (lambda: match_changes(who=["ada", "bob"]), ["ada", "bob"]),
        (lambda: match_changes(who=[LONG + "1"]), [LONG + "1"]),
        (lambda: match_changes(who=[LONG]), []),
        (lambda: match_changes(since=NOON), ["bob", LONG + "1"]),
        (lambda: match_changes(repo=["r"], since=NOON), [LONG + "1"]),
    ],
)
def test_changes(chosen: Callable[[], Q], whos: list[str]) -> None:
    here, there = make("A"), make("B", slug="other")
    for at, (task, who) in enumerate([(here, "ada"), (there, "bob"), (here, LONG + "1")], start=-1):
        StatusChange.objects.create(task=task, old="todo", new="done", who=who, at=NOON + timedelta(hours=at))
    assert list(StatusChange.objects.filter(chosen()).order_by("at").values_list("who", flat=True)) == whos


def test_name_of_any_length_is_kept() -> None:
    name = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(8_000))
    task = make("A", owner=name, taken_by=name)
    change = StatusChange.objects.create(task=task, old="todo", new="done", who=name)
    assert Task.objects.get(match_tasks(owner=[name])) == Task.objects.get(match_tasks(taken_by=[name])) == task
    assert StatusChange.objects.get(match_changes(who=[name])) == change


@pytest.mark.parametrize("most", [0, 1, 500])
def test_tasks_of_a_person_are_the_same_however_many(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr("statehub.task_filters.MAX_FEW", most)
    make("A", owner="ada")
    make("B", owner="ada", taken_by="bob")
    make("C")
    keys = Task.objects.order_by("key").values_list("key", flat=True)
    assert list(keys.filter(match_tasks(owner=["ada"]))) == ["A", "B"]
    assert list(keys.filter(match_tasks(owner=["ada"], taken_by=["bob"]))) == ["B"]
    assert list(keys.filter(match_tasks(owner=["nobody"]))) == []
