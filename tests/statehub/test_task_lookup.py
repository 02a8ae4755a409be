"""Tasks by their names: ids, UUIDs, SLUG/ID; and what is said of names that are no task or several."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from statehub import task_lookup
from statehub.models import Repo, Task, Workstream
from statehub.task_lookup import TooManyTasksError, find_task, find_tasks
from statehub.transitions import TaskNotFoundError

pytestmark = pytest.mark.django_db


def new_task(slug: str, key: str, workstream: str = "WP-1") -> Task:
    repo, _ = Repo.objects.get_or_create(slug=slug)
    home, _ = Workstream.objects.get_or_create(repo=repo, key=workstream, defaults={"title": "W", "status": "active"})
    return Task.objects.create(workstream=home, key=key, title=f"Title of {key}", status="todo")


def test_by_id_uuid_and_slug() -> None:
    task = new_task("net", "WP-1-T01")
    new_task("other", "WP-2-T01")
    for ref in ("WP-1-T01", "net/WP-1-T01", str(task.pk), str(task.pk).upper(), task.pk.hex):
        assert find_task(ref) == task


@pytest.mark.parametrize("ref", ["WP-1-T01", "net/WP-1-T01"])
def test_key_only_loads_the_key_alone(ref: str) -> None:
    task = new_task("net", "WP-1-T01")
    new_task("other", "WP-2-T01")
    with CaptureQueriesContext(connection) as captured:
        found = find_task(ref, key_only=True)
        names = (found.pk, found.key, found.workstream_id)
    assert names == (task.pk, "WP-1-T01", task.workstream_id)
    assert len(captured) == 1 + ("/" in ref)
    loaded = {"id", "key", "workstream_id"}
    assert found.get_deferred_fields() == {field.attname for field in Task._meta.concrete_fields} - loaded


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "/",
        "net/",
        "/T01",
        "net",
        "nowhere/T01",
        "net/T02",
        "t01",
        "0b7f7a0e-3f6c-4a53-9d1e-8f0f6a1c2d3e",
        "T01 ",
        "ü",
    ],
)
def test_unknown(ref: str) -> None:
    new_task("net", "T01")
    with pytest.raises(TaskNotFoundError) as unknown:
        find_task(ref)
    assert str(unknown.value) == f"no task '{ref}' in the hub"


def test_ids_are_compared_in_nfc() -> None:
    task = new_task("net", "T-\u00e9")
    assert find_task("T-e\u0301") == find_task("net/T-e\u0301") == task


def test_unknown_with_a_character_that_nobody_sees() -> None:
    new_task("net", "T01")
    with pytest.raises(TaskNotFoundError) as unknown:
        find_task("T01\u200b")
    assert str(unknown.value) == "no task 'T01\u200b' in the hub, which holds U+200B ZERO WIDTH SPACE"


def test_same_id_in_two_repos_needs_a_slug() -> None:
    one, two = new_task("net", "T01"), new_task("other", "T01")
    with pytest.raises(TaskNotFoundError) as ambiguous:
        find_task("T01")
    named = sorted([f"net/T01 ({one.pk})", f"other/T01 ({two.pk})"])
    words = str(ambiguous.value)
    assert words.startswith("'T01' names more than one task: ")
    assert words.endswith("; give SLUG/ID or the UUID")
    assert all(name in words for name in named)
    assert (find_task("net/T01"), find_task("other/T01")) == (one, two)


def test_same_id_twice_in_a_repo_needs_the_uuid() -> None:
    one, two = new_task("net", "T01"), new_task("net", "T01", workstream="WP-2")
    with pytest.raises(TaskNotFoundError, match=r"^'net/T01' names more than one task"):
        find_task("net/T01")
    assert (find_task(str(one.pk)), find_task(str(two.pk))) == (one, two)


def test_id_with_a_slash_is_an_id_first() -> None:
    task = new_task("net", "a/b")
    assert (find_task("a/b"), find_task("net/a/b")) == (task, task)


def test_many_names_in_two_queries() -> None:
    one, two, three = new_task("net", "T01"), new_task("net", "T02"), new_task("other", "T03")
    with CaptureQueriesContext(connection) as queries:
        found = find_tasks(["T01", str(two.pk), "other/T03", "T09"])
        named = [task.workstream.repo.slug for task in found.values() if isinstance(task, Task)]
    assert (len(queries), named) == (2, ["net", "net", "other"])
    assert [found["T01"], found[str(two.pk)], found["other/T03"]] == [one, two, three]
    assert (type(found["T09"]), str(found["T09"])) == (TaskNotFoundError, "no task 'T09' in the hub")


@pytest.mark.parametrize("key_only", [False, True])
def test_of_many_tasks_the_first_are_named(key_only: bool) -> None:
    tasks = [new_task(f"repo-{number}", "T01") for number in range(5)]
    listed = ", ".join(f"repo-{number}/T01 ({task.pk})" for number, task in enumerate(tasks[:3]))
    with CaptureQueriesContext(connection) as queries, pytest.raises(TaskNotFoundError) as ambiguous:
        find_task("T01", key_only=key_only)
    assert len(queries) == (3 if key_only else 1)
    assert str(ambiguous.value) == f"'T01' names more than one task: {listed} and 2 more; give SLUG/ID or the UUID"


def test_names_of_too_many_tasks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_lookup, "MAX_CANDIDATES", 2)
    for slug in ("a", "b", "c"):
        new_task(slug, "T01")
    with pytest.raises(TooManyTasksError, match=r"^the names stand for more than 2 tasks; give UUIDs$"):
        find_tasks(["T01"])
