"""Lists of many rows: they count and show the first ones, and the drill-down by date does not read them all."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.web.admin.helpers import body
from tests.web.admin.hubrows import START, Rows
from web.admin import readonly
from web.admin.periods import Kind, Periods

if TYPE_CHECKING:
    from consistency.models import Run

TASKS = "/admin/statehub/task/"
CUT = "Showing the first 2 results. Narrow your search to find others."


@pytest.fixture
def capped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let lists end after two rows, one on a page."""
    monkeypatch.setattr(readonly, "LIST_LIMIT", 2)
    monkeypatch.setattr(readonly.ReadOnlyAdmin, "list_per_page", 1)


def test_list_shows_the_first_rows_and_says_so(rows: Rows, viewer: Client, capped: None) -> None:
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


def test_list_with_actions_counts_all_rows(rows: Rows, superuser: Client, capped: None) -> None:
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


TIMES = [
    datetime(2024, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 2, 28, 12, tzinfo=UTC),
    datetime(2026, 2, 28, 13, tzinfo=UTC),
    datetime(2026, 3, 1, tzinfo=UTC),
    datetime(2026, 10, 31, 23, 30, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 30, tzinfo=UTC),
]


@pytest.fixture
def run(rows: Rows) -> Run:
    """Create runs at TIMES; return one of them."""
    checkout = rows.repo().workstream.repo.checkouts.get()
    checkout.runs.all().delete()
    runs = [rows.run(checkout, at=at) for at in TIMES]
    return runs[0]


@pytest.mark.parametrize("kind", ["year", "month", "day"])
@pytest.mark.parametrize("shift", [timedelta(0), timedelta(hours=5), timedelta(days=59)])
@pytest.mark.parametrize("chosen", [{}, {"started_at__year": 2026}, {"started_at__year": 2026, "started_at__month": 2}])
def test_periods_are_those_of_the_rows(run: Run, kind: Kind, shift: timedelta, chosen: dict[str, int]) -> None:
    from django.db.models import F, Max, Min

    from consistency.models import Run

    Run.objects.update(started_at=F("started_at") + shift)
    found = Run.objects.filter(**chosen)
    periods = Periods(found, "started_at")
    ends = found.aggregate(first=Min("started_at"), last=Max("started_at"))
    assert periods.aggregate() == ends
    if kind != "day" or chosen.get("started_at__month"):  # days are asked for within a month
        assert periods.datetimes("started_at", kind) == list(found.datetimes("started_at", kind))


def test_periods_take_three_queries_however_many_they_are(run: Run) -> None:
    from consistency.models import Run

    for kind in ("year", "month"):
        with CaptureQueriesContext(connection) as captured:
            Periods(Run.objects.all(), "started_at").datetimes("started_at", kind)
        assert len(captured) == 3


def test_no_rows_have_no_periods(rows: Rows) -> None:
    from consistency.models import Run

    periods = Periods(Run.objects.all(), "started_at")
    assert (periods.aggregate(), periods.datetimes("started_at", "year")) == ({"first": None, "last": None}, [])


def test_periods_after_a_wrong_clock(run: Run) -> None:
    from consistency.models import Run

    Run.objects.filter(pk=run.pk).update(started_at=datetime(1970, 1, 1, tzinfo=UTC))
    years = [year.year for year in Periods(Run.objects.all(), "started_at").datetimes("started_at", "year")]
    assert years == [1970, 2026]


def test_findings_are_drilled_down_to_the_days(rows: Rows, viewer: Client) -> None:
    rows.repo()
    place = "/admin/consistency/finding/"
    assert f"first_seen__day={START.day}" in body(viewer, place)  # all are of one month
    assert f"first_seen__month={START.month}" in body(viewer, f"{place}?first_seen__year={START.year}")
