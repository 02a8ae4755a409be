"""Pages for monitors respond without a redirect or refusal, for every host and scheme."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from tests.web.api.helpers import new_api

HOSTS = ("hub.example.org", "10.0.0.5:8000", "[::1]:8000", "evil.example.org", "a b", "")
pytestmark = pytest.mark.usefixtures("production")


def answers(path: str, **headers: str) -> dict[str, tuple[int, bytes]]:
    """Status and body for every host, with further *headers*."""
    client, found = Client(headers=headers), {}
    for host in HOSTS:
        answer = client.get(path, headers={"Host": host})
        found[host] = answer.status_code, answer.content
    return found


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_answers_are_the_same_for_every_host_and_scheme(db: None, scheme: str) -> None:
    assert answers("/healthz", **{"X-Forwarded-Proto": scheme}) == dict.fromkeys(HOSTS, (200, b"ok\n"))
    assert answers("/readyz", **{"X-Forwarded-Proto": scheme}) == dict.fromkeys(HOSTS, (200, b"ready\n"))


def test_alive_without_a_database() -> None:
    assert answers("/healthz") == dict.fromkeys(HOSTS, (200, b"ok\n"))  # pytest-django would refuse a query


def test_not_ready_with_a_migration_missing(db: None) -> None:
    MigrationRecorder.Migration.objects.filter(app="consistency").delete()
    assert answers("/readyz") == dict.fromkeys(HOSTS, (503, b"not ready\n"))


def test_not_ready_with_an_empty_database(db: None) -> None:
    """The test's transaction is undone; to empty the database afterwards would take the groups from later tests."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_migrations RENAME TO away")
    assert answers("/readyz") == dict.fromkeys(HOSTS, (503, b"not ready\n"))


def test_metrics_by_address_need_a_token_all_the_same(db: None) -> None:
    bearer = f"Bearer {new_api('prometheus', read_only=True).secret}"
    assert {status for status, _ in answers("/metrics", Authorization=bearer).values()} == {200}
    assert {status for status, _ in answers("/metrics").values()} == {401}
    assert {status for status, _ in answers("/metrics", Authorization="Bearer x").values()} == {401}


@pytest.mark.parametrize("path", ["/", "/admin/", "/api/tasks/", "/healthz/", "/readyz2", "/metrics/", "/healthz//"])
def test_nothing_else_answers_a_foreign_host(db: None, path: str) -> None:
    client = Client(headers={"X-Forwarded-Proto": "https"})
    assert {client.get(path, headers={"Host": host}).status_code for host in HOSTS[3:5]} == {400}
