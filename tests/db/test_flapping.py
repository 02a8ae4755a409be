"""The query for tasks that may flap."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consistency.db.flapping import read_flapping_tasks
from statehub.models import Checkout, Repo

pytestmark = pytest.mark.django_db


def test_reopens_of_a_day_are_found_without_the_other_changes() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL knows how few reopens there are")
    checkout = Checkout.objects.create(repo=Repo.objects.create(slug="net"), host="here", path="/net")
    with CaptureQueriesContext(connection) as queries:
        assert read_flapping_tasks(checkout, {"T1"}, timezone.now()) == {}
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {queries.captured_queries[0]['sql']}")
        plan = [row[3] for row in cursor.fetchall()]
    assert "SEARCH s USING INDEX change_reopen_at (at>?)" in plan
    assert not [step for step in plan if step.startswith("SCAN")]
