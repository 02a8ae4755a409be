"""Without the database, pages respond 503 with one sentence, and the log says how to fix it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from tests.web.api.helpers import new_api
from web.middleware.unavailable import server_error, unavailable_page

pytestmark = pytest.mark.usefixtures("hub")

PAGE = "/admin/statehub/repo/"
OLDER = "the database and this server are not of the same version; one of them must be updated"


def signed_in() -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(get_user_model().objects.create_superuser("anna"))
    return client


def table_is_gone() -> None:
    MigrationRecorder.Migration.objects.filter(app="statehub", name="0004_repo_branch").delete()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE statehub_repo RENAME TO elsewhere")


def test_page_of_a_database_that_is_not_migrated(caplog: pytest.LogCaptureFixture) -> None:
    client = signed_in()
    table_is_gone()
    with caplog.at_level(logging.ERROR, "web.middleware.unavailable"):
        page = client.get(PAGE)
    assert (page.status_code, page["Retry-After"], page["Cache-Control"]) == (503, "5", "no-store")
    assert f"<p>{OLDER[:1].upper()}{OLDER[1:]}.</p>" in page.content.decode()
    assert "statehub_repo" not in page.content.decode()
    assert [record.getMessage() for record in caplog.records if record.name == "web.middleware.unavailable"] == [
        "the hub's database is not migrated, it lacks statehub.0004_repo_branch: run manage.py migrate"
    ]


def test_api_and_health_of_a_database_that_is_not_migrated() -> None:
    api = new_api()
    table_is_gone()
    answer = api.get("repos/")
    assert (answer.status, answer.json["type"], answer.json["detail"]) == (503, "/api/problems/#unavailable", OLDER)
    assert Client().get("/readyz").status_code == 503
    assert Client().get("/healthz").status_code == 200


def test_not_ready_for_a_database_that_is_newer() -> None:
    assert Client().get("/readyz").status_code == 200
    MigrationRecorder(connection).record_applied("web", "0999_tomorrow")
    assert Client().get("/readyz").status_code == 503


def test_database_that_is_gone_before_any_view() -> None:
    client = signed_in()

    def gone(*_args: Any) -> None:
        raise OperationalError("connection to server at 10.0.0.1 refused")

    with connection.execute_wrapper(gone):
        page = client.get(PAGE)
    assert page.status_code == 503
    assert "10.0.0.1" not in page.content.decode()


def test_fault_of_a_page_stays_one(rf: Any) -> None:
    assert unavailable_page(LookupError("no such thing")) is None
    try:
        raise OperationalError("gone")
    except OperationalError:
        assert server_error(rf.get("/")).status_code == 503
    assert server_error(rf.get("/")).status_code == 500


def test_debug_tells_more(settings: Any) -> None:
    settings.DEBUG = True
    page = unavailable_page(OperationalError("connection refused"))
    assert page is not None
    assert "Cannot connect to the hub&#x27;s database: connection refused (see DATABASE_URL)." in page.content.decode()
