"""The large hub has as many rows as are asked for, spread over half a year."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from bench.scale.plans import Plan
from bench.scale.size import Size
from testing.hub import Hub


def test_fill_spreads_its_rows_over_half_a_year(hub: Hub) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("filled by PostgreSQL's SQL")
    from bench.scale.fill import fill
    from consistency.models import Finding, Run
    from statehub.models import Checkout, Repo, StatusChange, Task, Workstream

    fill(Size(3, 600, 300, 700, 60), origins="/o", checkouts="/c")
    counts = [model.objects.count() for model in (Repo, Checkout, Workstream, Task, StatusChange, Finding, Run)]
    assert counts == [3, 6, 30, 600, 700, 300, 60]
    assert list(Checkout.objects.filter(repo=2).order_by("pk").values_list("host", "path", "repo__origin")) == [
        ("host-1", "/c/2", "/o/2"),
        ("host-2", "/c/2", "/o/2"),
    ]
    start = timezone.now() - timedelta(days=180)
    for month in range(6):
        begin = start + timedelta(days=30 * month)
        span = (begin, begin + timedelta(days=30))
        assert 25 < Finding.objects.filter(first_seen__range=span).count() < 80
        assert Run.objects.filter(started_at__range=span).count() in range(9, 12)
    finding = Finding.objects.select_related("opened_by").latest("first_seen")
    assert finding.opened_by is not None
    assert abs(finding.opened_by.started_at - finding.first_seen) < timedelta(days=4)


def test_plan_is_one_line_without_the_columns() -> None:
    sql = "".join(("SELECT ", "a, " * 40, "b FROM task WHERE ", "c = 1 AND " * 20, "d"))
    line = str(Plan(sql, 12.6, ("Seq Scan of task",)))
    assert line.startswith("13 ms: Seq Scan of task: SELECT … FROM task WHERE c = 1 AND ")
    assert line.endswith("…")
