"""Lists of many rows: they count and show the first ones, and say so."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.web.admin.helpers import body
from tests.web.admin.hubrows import Rows
from web.admin import readonly

TASKS = "/admin/statehub/task/"
CUT = "Showing the first 2 results. Narrow your search to find others."


@pytest.fixture
def capped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let lists end after two rows, one on a page."""
    monkeypatch.setattr(readonly, "LIST_LIMIT", 2)
    monkeypatch.setattr(readonly.ReadOnlyAdmin, "list_per_page", 1)


@pytest.mark.usefixtures("capped")
def test_list_shows_the_first_rows_and_says_so(rows: Rows, viewer: Client) -> None:
    keys = [rows.repo().key for _ in range(2)]
    assert CUT not in body(viewer, TASKS)
    keys.append(rows.repo().key)
    shown = [re.findall(r"WP-\d+-T01", body(viewer, f"{TASKS}?o=0&p={page}"))[0] for page in (1, 2)]
    assert shown == sorted(keys)[:2]
    assert CUT in body(viewer, TASKS)
    assert viewer.get(f"{TASKS}?p=3").headers["Location"] == f"{TASKS}?e=1"


def test_list_counts_no_more_rows_than_it_shows(rows: Rows, viewer: Client) -> None:
    rows.repo()
    with CaptureQueriesContext(connection) as captured:
        body(viewer, TASKS)
    [counted] = [query["sql"] for query in captured if "COUNT(" in query["sql"]]
    assert "LIMIT 10001" in counted
    assert "ORDER BY" not in counted


@pytest.mark.usefixtures("capped")
def test_list_with_actions_counts_all_rows(rows: Rows, superuser: Client) -> None:
    for _ in range(3):
        rows.repo()
    html = body(superuser, "/admin/statehub/repo/")
    assert "Showing the first" not in html
    assert "Select all 3 repos" in html


def test_list_without_rows_is_not_read(rows: Rows, viewer: Client) -> None:
    rows.repo()
    with CaptureQueriesContext(connection) as captured:
        body(viewer, "/admin/consistency/run/?trigger=api")
    [counted] = [query["sql"] for query in captured if '"consistency_run"' in query["sql"]]
    assert "COUNT(" in counted
