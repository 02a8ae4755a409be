"""Constraints of the database, on either database."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from statehub.models import Checkout, Repo, Source, StatusChange, Task, Workstream
from statehub.statuses import TASK_STATUSES, is_regress

pytestmark = pytest.mark.django_db


@pytest.fixture
def repo() -> Repo:
    return Repo.objects.create(slug="net")


@pytest.fixture
def workstream(repo: Repo) -> Workstream:
    return Workstream.objects.create(repo=repo, key="WP-1", title="First", status="active")


@pytest.fixture
def task(workstream: Workstream) -> Task:
    return Task.objects.create(workstream=workstream, key="T01", title="Task", status="todo")


def is_refused(write: Callable[[], object]) -> bool:
    try:
        with transaction.atomic():
            write()
    except IntegrityError:
        return True
    return False


def test_unknown_words_are_refused(workstream: Workstream, task: Task) -> None:
    for change in ({"status": "finished"}, {"status": "active"}, {"priority": "urgent"}, {"key": ""}):
        assert is_refused(lambda change=change: Task.objects.update(**change))  # type: ignore[misc]
    for change in ({"status": "finished"}, {"key": ""}):
        assert is_refused(lambda change=change: Workstream.objects.update(**change))  # type: ignore[misc]
    task.refresh_from_db()
    assert (task.status, task.priority, task.key) == ("todo", "medium", "T01")


def test_keys_are_unique(repo: Repo, workstream: Workstream, task: Task) -> None:
    Checkout.objects.create(repo=repo, host="a", path="/one")
    other = Repo.objects.create(slug="other")
    assert is_refused(lambda: Repo.objects.create(slug="net"))
    assert is_refused(lambda: Checkout.objects.create(repo=other, host="a", path="/one"))
    retired = Checkout.objects.create(repo=other, host="a", path="/one", retired_at=timezone.now())
    assert is_refused(lambda: Checkout.objects.filter(pk=retired.pk).update(retired_at=None))
    assert is_refused(lambda: Checkout.objects.create(repo=other, host="a", path="/one", retired_at=timezone.now()))
    assert is_refused(lambda: Workstream.objects.create(repo=repo, key="WP-1", title="x", status="todo"))
    assert is_refused(lambda: Task.objects.create(workstream=workstream, key="T01", title="x", status="todo"))
    Checkout.objects.create(repo=other, host="b", path="/one")
    Workstream.objects.create(repo=other, key="WP-1", title="x", status="todo")


@pytest.mark.parametrize(("old", "new"), list(itertools.product(TASK_STATUSES, repeat=2)))
def test_change_that_regresses_must_be_a_reopen_with_a_reason(task: Task, old: str, new: str) -> None:
    def record(**fields: object) -> bool:
        return not is_refused(
            lambda: StatusChange.objects.create(task=task, old=old, new=new, source=Source.API, **fields)
        )

    assert record() == (not is_regress(old, new))
    assert record(reopen=True, reason="so it is")
    assert not record(reopen=True)


def test_change_of_unknown_statuses_is_refused(task: Task) -> None:
    for old, new in (("todo", "finished"), ("active", "done")):
        assert is_refused(
            lambda old=old, new=new: StatusChange.objects.create(  # type: ignore[misc]
                task=task, old=old, new=new, source=Source.API, reopen=True, reason="so"
            )
        )


def test_names_for_people(repo: Repo, workstream: Workstream, task: Task) -> None:
    checkout = Checkout(repo=repo, host="laptop", path="/home/me/net")
    change = StatusChange(task=task, old="todo", new="done")
    assert [str(row) for row in (repo, checkout, workstream, task, change)] == [
        "net",
        "laptop:/home/me/net",
        "WP-1 First",
        "T01 Task",
        "todo → done",
    ]
