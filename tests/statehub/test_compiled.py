"""A compiled query returns what Django's own does, for any values, and is built once."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.db.models import Q, QuerySet
from django.test.utils import CaptureQueriesContext

from statehub.compiled import CompiledQuery
from statehub.models import Repo, Workstream

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 28, 12, 0, 0, 123456, tzinfo=UTC)
COLUMNS = ("pk", "key", "status_changed_at", "committed", "repo__slug", "repo__first_commits", "repo__hook_heard_at")


def of_repo(repo: int) -> QuerySet[Any, Any]:
    return Workstream.objects.filter(repo=repo).order_by("key").values_list(*COLUMNS)


def named(repo: int, key: str, title: str) -> QuerySet[Any, Any]:
    either = Q(repo=repo, key=key) | Q(title__gt=title, repo=repo)
    return Workstream.objects.filter(either).order_by("key").values_list("key", "title")


@pytest.fixture
def repos() -> list[int]:
    made = []
    for number in range(2):
        repo = Repo.objects.create(slug=f"net-{number}", first_commits=["a" * 40, number], hook_heard_at=NOON)
        made.append(repo.pk)
        for key in ("A'%s", "B", "ÄÖ"):
            Workstream.objects.create(
                id=uuid.uuid4(), repo=repo, key=f"{number} {key}", title=key, status="active", status_changed_at=NOON
            )
    return made


def test_rows_are_those_of_django(repos: list[int]) -> None:
    compiled = CompiledQuery(of_repo, int)
    for repo in [*repos, 0]:
        found, expected = compiled(repo), list(of_repo(repo))
        assert found == expected
        assert [list(map(type, row)) for row in found] == [list(map(type, row)) for row in expected]
    assert len(compiled(repos[1])) == 3


def test_each_value_stands_where_it_is_used(repos: list[int]) -> None:
    compiled = CompiledQuery(named, int, str, str)
    for values in [(repos[0], "0 B", "ZZ"), (repos[1], "1 A'%s", "C"), (repos[1], "", "A"), (repos[0], "0 B", "B")]:
        assert compiled(*values) == list(named(*values))
    assert compiled(repos[1], "1 A'%s", "C") == [("1 A'%s", "A'%s"), ("1 ÄÖ", "ÄÖ")]


def test_it_is_built_once(repos: list[int]) -> None:
    built = []

    def build(repo: int) -> QuerySet[Any, Any]:
        built.append(repo)
        return of_repo(repo)

    compiled = CompiledQuery(build, int)
    assert built == []
    with CaptureQueriesContext(connection) as queries:
        assert [len(compiled(repo)) for repo in (*repos, *repos)] == [3, 3, 3, 3]
    assert (len(built), len(queries)) == (1, 4)


def test_value_that_the_query_changes_is_refused() -> None:
    compiled = CompiledQuery(lambda key: Workstream.objects.filter(key__contains=key).values_list("key"), str)
    with pytest.raises(ValueError, match="a value of the query became another one"):
        compiled("x")
