"""The queries of slow pages use their indexes, on PostgreSQL."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from django.db import connection

from testing.hub import Hub

PLANS = {
    "/admin/": {"task_status", "task_moved", "finding_open_code", "finding_resolved"},
    "/admin/board/": {"task_next", "task_status_moved"},
    "/admin/activity/": {"change_at"},
    "/admin/activity/?who=person-007": {"change_who_at"},
    "/admin/consistency/finding/": {"finding_first"},
    "/admin/consistency/finding/?state=resolved": {"finding_first"},
    "/admin/consistency/finding/?code=C-13": {"finding_code_first"},
    "/admin/consistency/run/?trigger=api": {"run_trigger_started"},
    "/admin/statehub/task/": {"task_moved"},
    "/admin/statehub/task/?status=todo": {"task_status_moved"},
}
FILTERS = {
    "owner=person-007": ("task_owner", "owner"),
    "taken_by=person-007": ("task_taken_by", "taken_by"),
    "priority=critical": ("task_status", "urgency"),
}
"""The index of the tasks that a filter of the board matches, and its column beside the status."""
LISTS = {
    "/api/tasks/?order=priority": {"task_order"},
    "/api/tasks/?next=true": {"task_next"},
    "/api/tasks/?owner=person-007": {"task_owner"},
    "/api/tasks/?taken_by=person-007": {"task_taken_by"},
    "/api/changes/?since=30d": {"change_at"},
    "/api/changes/?who=person-007": {"change_who_at"},
}
SEARCHES = {
    "/admin/statehub/task/?q=WP-000123": "task_search",
    "/admin/consistency/finding/?q=WP-000123": "finding_search",
}


@pytest.fixture
def large(hub: Hub) -> None:
    """Fill the hub, and let the planner prefer an index, as it does with more rows."""
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL's plans")
    from bench.scale.fill import fill, index_search
    from bench.scale.size import Size

    index_search()
    fill(Size(4, 8_000, 8_000, 8_000, 2_000))
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")


def selects(address: str) -> list[str]:
    """Return the queries of the page."""
    from django.contrib.auth.models import User
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from web.api.tokens import create

    client = Client()
    if address.startswith("/api/"):
        client = Client(headers={"Authorization": f"Bearer {create(address)[1]}"})
    else:
        client.force_login(User.objects.filter(username="ada").first() or User.objects.create_superuser("ada"))
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return [query["sql"] for query in captured.captured_queries if query["sql"].lstrip("(").startswith("SELECT")]


def indexes(address: str) -> set[str]:
    """Return the indexes that the queries of the page use."""
    from bench.scale.plans import explain

    return {scan.rpartition(" by ")[2] for sql in selects(address) for scan in explain(sql).scans}


def index_conditions(address: str, index: str) -> list[str]:
    """Return the conditions by which the queries of the page look into *index*."""
    found: list[str] = []
    with connection.cursor() as cursor:
        for sql in selects(address):
            cursor.execute(f"EXPLAIN {sql}")
            lines = [line for (line,) in cursor.fetchall()]
            found += [below for line, below in pairwise(lines) if f" {index} " in line and "Index Cond" in below]
    return found


def test_pages_use_their_indexes(large: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET enable_bitmapscan = off")  # of the search alone
    missing = {address: wanted - indexes(address) for address, wanted in PLANS.items()}
    assert {address: found for address, found in missing.items() if found} == {}


def test_board_reads_of_a_column_only_the_tasks_that_its_filter_matches(
    large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("statehub.task_filters.MAX_FEW", 0)
    found = {
        query: [line for line in index_conditions(f"/admin/board/?{query}", index) if "status" in line]
        for query, (index, _) in FILTERS.items()
    }
    assert [query for query, lines in found.items() if not lines] == []
    assert [line for query, lines in found.items() for line in lines if FILTERS[query][1] not in line] == []


def test_lists_of_the_api_use_their_indexes(large: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET enable_sort = off")
    missing = {address: wanted - indexes(address) for address, wanted in LISTS.items()}
    assert {address: found for address, found in missing.items() if found} == {}


def test_searches_use_the_indexes_that_are_recommended_for_a_large_hub(large: None) -> None:
    missing = {address: wanted for address, wanted in SEARCHES.items() if wanted not in indexes(address)}
    assert missing == {}


def test_recommended_indexes_and_setting_are_those_of_the_handbook() -> None:
    from bench.scale.fill import SEARCH_INDEXES
    from bench.scale.hub import SETTING

    handbook = " ".join(Path(__file__).parents[2].joinpath("docs", "operations.md").read_text().split())
    assert str(SEARCH_INDEXES.relative_to(SEARCH_INDEXES.parents[1])) in handbook
    assert f"ALTER DATABASE statehub SET {SETTING}" in handbook
