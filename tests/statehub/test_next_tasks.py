"""Which tasks are next, and in which order."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from statehub.models import Repo, Task, Workstream
from statehub.next_tasks import find_next, read_statuses, unfinished_dependencies

pytestmark = pytest.mark.django_db


def make(key: str, status: str = "todo", *, slug: str = "r", **fields: object) -> Task:
    repo, _ = Repo.objects.get_or_create(slug=slug)
    home, _ = Workstream.objects.get_or_create(repo=repo, key="WP", defaults={"title": "W", "status": "active"})
    return Task.objects.create(workstream=home, key=key, title=key, status=status, **fields)


def next_keys(limit: int = 100) -> list[str]:
    return [task.key for task in find_next(Task.objects.all(), limit)]


def test_by_priority_then_by_place() -> None:
    for key, priority, position in [
        ("low", "low", 0), ("medium 2", "medium", 2), ("medium 1", "medium", 1), ("critical", "critical", 9),
        ("high", "high", 3),
    ]:  # fmt: skip
        make(key, priority=priority, position=position)
    assert next_keys() == ["critical", "high", "medium 1", "medium 2", "low"]
    assert next_keys(2) == ["critical", "high"]


def test_only_what_is_todo_and_free() -> None:
    make("todo")
    make("taken", taken_by="ada")
    for status in ("in_progress", "blocked", "done", "cancelled"):
        make(status, status)
    assert next_keys() == ["todo"]


@pytest.mark.parametrize(
    ("depends", "unfinished"),
    [
        ("DONE", []),
        ("DONE\nCANCELLED", []),
        ("DONE\nOPEN", ["OPEN"]),
        ("NONE\nBLOCKED", ["NONE", "BLOCKED"]),
        ("far/DONE", []),
        ("far/OPEN", ["far/OPEN"]),
        ("near/DONE", ["near/DONE"]),
        ("a/b", []),  # an id of the repo itself, which comes before SLUG/ID
        ("T", ["T"]),
    ],
)
def test_dependencies(depends: str, unfinished: list[str]) -> None:
    make("DONE", "done")
    make("CANCELLED", "cancelled")
    make("OPEN", "in_progress")
    make("BLOCKED", "blocked")
    make("DONE", "done", slug="far")
    make("OPEN", "in_progress", slug="far")
    make("a/b", "done")
    make("b", "blocked", slug="a")
    task = make("T", depends=depends)
    assert unfinished_dependencies(task) == unfinished
    assert next_keys() == ([] if unfinished else ["T"])


def test_statuses_are_those_of_the_tasks_asked_for() -> None:
    make("A", "done")
    make("B", slug="far")
    make("A", slug="far")
    assert read_statuses([("r", "A"), ("far", "B"), ("r", "B"), ("none", "A")]) == {
        ("r", "A"): "done",
        ("far", "B"): "todo",
    }


def test_number_of_queries_does_not_grow_with_what_is_asked_for() -> None:
    make("DONE", "done")
    for number in range(150):
        make(f"T{number}", depends="DONE", position=number)
    with CaptureQueriesContext(connection) as queries:
        assert len(find_next(Task.objects.all(), 120)) == 120
    assert len(queries) == 2


def test_candidates_are_read_in_batches_and_only_as_far_as_needed() -> None:
    for number in range(450):
        make(f"T{number:03}", depends="none" if number < 250 else "", position=number // 3)
    with CaptureQueriesContext(connection) as queries:
        found = [task.key for task in find_next(Task.objects.all(), 150)]
    assert found == [task.key for task in Task.objects.filter(depends="").order_by("position", "id")[:150]]
    assert [len(re.findall("LIMIT 200", query["sql"])) for query in queries] == [1, 0, 1, 0]
    assert next_keys(1_000) == list(
        Task.objects.filter(depends="").order_by("position", "id").values_list("key", flat=True)
    )
