"""The periods of the drill-down by date are those of the rows, in a constant number of queries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.web.admin.helpers import body
from tests.web.admin.hubrows import START, Rows
from web.admin.periods import Kind, Periods

if TYPE_CHECKING:
    from consistency.models import Run

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
