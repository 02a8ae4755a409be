"""Rows that prune deletes and rows that it keeps, in batches, while others write."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from consistency.core.finding import Finding as Found
from consistency.db.finding_history import fingerprint, record_findings
from consistency.db.prune import Pruned, prune
from consistency.models import Finding, Mode, Run, RunState
from statehub.models import Checkout, Repo
from tests.cli.meanwhile import reported

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
BEFORE = NOON - timedelta(days=90)

pytestmark = pytest.mark.usefixtures("hub")


def ago(days: float) -> datetime:
    return NOON - timedelta(days=days)


@pytest.fixture
def checkout() -> Checkout:
    return new_checkout("net")


def new_checkout(slug: str) -> Checkout:
    return Checkout.objects.create(repo=Repo.objects.create(slug=slug), host="here", path=f"/srv/{slug}")


def ran(checkout: Checkout, days: float, outcome: str = RunState.OK, **fields: Any) -> Run:
    """Return a run *days* before noon that ended a moment later, unless `finished_at` says otherwise."""
    times = {"started_at": ago(days), "finished_at": ago(days) + timedelta(seconds=1), **fields}
    return Run.objects.create(checkout=checkout, mode=Mode.CHECK, outcome=outcome, **times)


def found(checkout: Checkout, mark: str, resolved: float | None = None, **fields: Any) -> Finding:
    """Create a finding seen for the first time 400 days ago, open or resolved that many days ago."""
    given = {"code": "C-13", "first_seen": ago(400), "last_seen": ago(resolved or 0), **fields}
    if resolved is not None:
        given |= {"resolved_at": ago(resolved), "resolution": "gone"}
    return Finding.objects.create(checkout=checkout, fingerprint=mark, severity="WARN", message=mark, **given)


def runs_left() -> set[UUID]:
    return set(Run.objects.values_list("pk", flat=True))


def findings_left() -> list[str]:
    return list(Finding.objects.order_by("pk").values_list("message", flat=True))


class TestFindings:
    def test_resolved_long_ago_go(self, checkout: Checkout) -> None:
        found(checkout, "open")
        found(checkout, "old", 90.001)
        found(checkout, "at the limit", 90)
        found(checkout, "new", 1)
        assert prune(BEFORE) == Pruned(1, 0)
        assert findings_left() == ["open", "at the limit", "new"]

    def test_open_one_stays_with_the_run_that_opened_it(self, checkout: Checkout) -> None:
        opened, other = ran(checkout, 300), ran(checkout, 299)
        newest = ran(checkout, 1)
        row = found(checkout, "open", opened_by=opened)
        assert prune(BEFORE) == Pruned(0, 1)
        assert runs_left() == {opened.pk, newest.pk}
        assert other.pk not in runs_left()
        assert Finding.objects.values().get() == {**values(row), "opened_by_id": opened.pk}

    def test_resolved_finding_younger_than_its_runs_stays(self, checkout: Checkout) -> None:
        opened, resolved = ran(checkout, 300), ran(checkout, 91)
        newest = ran(checkout, 1)
        row = found(checkout, "new", 89, opened_by=opened, resolved_by=resolved)
        assert prune(BEFORE) == Pruned(0, 2)
        assert runs_left() == {newest.pk}
        assert Finding.objects.values().get() == {**values(row), "opened_by_id": None, "resolved_by_id": None}


def values(row: Finding) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


class TestRuns:
    def test_started_long_ago_go(self, checkout: Checkout) -> None:
        ran(checkout, 90.001)
        at_limit, newest = ran(checkout, 90), ran(checkout, 1)
        assert prune(BEFORE) == Pruned(0, 1)
        assert runs_left() == {at_limit.pk, newest.pk}

    def test_of_each_checkout_the_newest_of_each_kind_stays(self, checkout: Checkout) -> None:
        other = new_checkout("other")
        kept = set()
        for place, days in ((checkout, 100), (other, 200)):
            ran(place, days + 5)
            kept.add(ran(place, days + 4).pk)  # the newest that was good
            ran(place, days + 3, RunState.ERROR)
            kept.add(ran(place, days + 2, RunState.SKIPPED).pk)  # the newest that ran to its end
            ran(place, days + 1, RunState.RUNNING, finished_at=None)
            kept.add(ran(place, days, RunState.RUNNING, finished_at=None).pk)  # the newest
        assert prune(BEFORE, dry_run=True) == prune(BEFORE) == Pruned(0, 6)
        assert runs_left() == kept

    def test_that_saw_the_upstream_last_stays(self, checkout: Checkout) -> None:
        ran(checkout, 104, tip="a" * 40, fetched_at=ago(104))
        kept = ran(checkout, 105, tip="b" * 40, fetched_at=ago(103))
        ran(checkout, 102, tip="", fetched_at=ago(102))
        ran(checkout, 101, tip="c" * 40)
        newest = ran(checkout, 100)
        assert prune(BEFORE) == Pruned(0, 3)
        assert runs_left() == {kept.pk, newest.pk}

    def test_checkout_that_never_ran(self, checkout: Checkout) -> None:
        ran(checkout, 200)
        newest = ran(checkout, 100)
        new_checkout("never run")
        assert prune(BEFORE) == Pruned(0, 1)
        assert runs_left() == {newest.pk}


def filled(checkout: Checkout, runs: int, findings: int) -> set[UUID]:
    """Create old rows, each finding with its own runs; the newest run of *checkout* stays."""
    rows = [
        Run(checkout=checkout, mode=Mode.FIX, outcome=RunState.OK, started_at=ago(100 + each)) for each in range(runs)
    ]
    Run.objects.bulk_create(rows)
    for number in range(findings):
        found(checkout, str(number), 91, opened_by=rows[number % runs], resolved_by=rows[-1])
    return {ran(checkout, 1).pk}


class TestBatches:
    @pytest.mark.parametrize("batch", [1, 3, 4, 5, 11, 12, 13, 1_000])
    def test_of_any_size_come_to_the_same(self, checkout: Checkout, batch: int) -> None:
        kept = filled(checkout, 12, 11)
        assert prune(BEFORE, dry_run=True, batch=batch) == Pruned(11, 12)
        assert (Run.objects.count(), Finding.objects.count()) == (13, 11)
        assert prune(BEFORE, batch=batch) == Pruned(11, 12)
        assert (runs_left(), findings_left()) == (kept, [])
        assert prune(BEFORE, batch=batch) == Pruned(0, 0)

    def test_are_transactions_of_their_own(self, checkout: Checkout) -> None:
        """While the second batch goes, another connection sees what the first one left."""
        filled(checkout, 4, 4)
        seen: list[tuple[int, int]] = []

        def look() -> None:
            seen.append((Finding.objects.count(), Run.objects.count()))

        with reported(reads_a_batch, look):
            prune(BEFORE, batch=2)
        assert seen == [(4, 5), (2, 5), (0, 5), (0, 5), (0, 3), (0, 1)]

    def test_cost_the_same_each(self, checkout: Checkout) -> None:
        costs = []
        for size in (0, 100, 200, 300):
            filled(checkout, size, size)
            with CaptureQueriesContext(connection) as queries:
                assert prune(BEFORE, batch=100).findings == size
            costs.append(len(queries))
        assert [after - before for before, after in pairwise(costs)] == [11, 11, 11]


def reads_a_batch(sql: str) -> bool:
    return sql.startswith("SELECT") and " LIMIT " in sql and "ORDER BY 1 ASC" in sql


class TestMeanwhile:
    def test_another_records_a_run(self, checkout: Checkout) -> None:
        """Between finding a batch and deleting it: an old finding is seen again, one is new, an old one is over."""
        opened = ran(checkout, 300)
        filled(checkout, 6, 5)
        stands = Found("C-08", "stands")
        found(checkout, fingerprint(stands), code="C-08", opened_by=opened)
        found(checkout, "ends", opened_by=ran(checkout, 299))

        def record() -> None:
            run = ran(checkout, 0)
            record_findings(run, [stands, Found("C-01", run.pk.hex)], lambda row: row.code == "C-13", NOON)

        with reported(reads_a_batch, record) as times:
            assert prune(BEFORE, batch=3) == Pruned(5, 7)
        assert len(times) == 5
        left = Finding.objects.exclude(code="C-01")
        assert list(left.order_by("code").values_list("code", "times_seen", "opened_by", "resolution")) == [
            ("C-08", 6, opened.pk, ""), ("C-13", 1, None, "gone"),
        ]  # fmt: skip

    def test_another_process_writes_all_the_time(self, checkout: Checkout) -> None:
        filled(checkout, 60, 60)
        over, recorded = threading.Event(), []

        def record() -> None:
            try:
                while not over.is_set():
                    run = ran(checkout, 0)
                    record_findings(run, [Found("C-01", "away")], lambda row: True, NOON)
                    recorded.append(run.pk)
            finally:
                connection.close()

        thread = threading.Thread(target=record)
        thread.start()
        try:
            while not recorded and thread.is_alive():
                time.sleep(0.01)
            assert prune(BEFORE, batch=1) == Pruned(60, 60)
        finally:
            over.set()
            thread.join()
        assert set(recorded) <= runs_left()
        assert Finding.objects.get().times_seen == len(recorded)
