"""The pages for monitors: healthz, readyz, metrics."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from consistency.cli.retiring import retire
from consistency.core.codes import CODES
from consistency.db.queue import LOST_WORKER, has_workers, queue_checkouts
from consistency.models import Notification, Receiver, Worker
from statehub.models import Checkout
from tests.web.api.helpers import Api, new_api
from tests.web.api.test_lists import new_checkout, new_finding, new_run


def plain(path: str) -> tuple[int, bytes]:
    response = Client().get(path)
    return response.status_code, response.content


@pytest.mark.django_db
def test_alive_and_ready() -> None:
    assert (plain("/healthz"), plain("/readyz")) == ((200, b"ok\n"), (200, b"ready\n"))


def test_alive_asks_no_database() -> None:
    assert plain("/healthz") == (200, b"ok\n")  # pytest-django would refuse a query


@pytest.mark.django_db
def test_not_ready_without_a_migration() -> None:
    MigrationRecorder.Migration.objects.filter(app="consistency").delete()
    assert plain("/readyz") == (503, b"not ready\n")


@pytest.mark.django_db
def test_not_ready_without_a_database() -> None:
    def gone(*_args: Any) -> None:
        raise OperationalError("connection to server at 10.0.0.1 refused")

    with connection.execute_wrapper(gone):
        assert plain("/readyz") == (503, b"not ready\n")


def scraped(api: Api) -> dict[str, float]:
    response = api.client.get("/metrics", headers={"Authorization": f"Bearer {api.secret}"})
    assert (response.status_code, response["Content-Type"].partition(";")[0]) == (200, "text/plain")
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


def test_metrics_need_a_token(api: Api) -> None:
    assert Api().get("/metrics").status == 401
    assert Api("wrong").get("/metrics").status == 401
    assert api.call("POST", "/metrics").status == 405


def test_metrics_of_a_hub(db: None) -> None:
    here, there = new_checkout(), new_checkout("other", "laptop", '/srv/"odd"\n')
    good = new_run(here, finished_at=timezone.now() - timedelta(seconds=90))
    new_run(here, outcome="error", started_at=timezone.now(), finished_at=timezone.now())
    new_run(there, outcome="skipped")
    new_finding(good, "a")
    new_finding(good, "b")
    new_finding(good, "c", resolved_at=timezone.now())
    found = scraped(new_api("prometheus", read_only=True))
    age = "statehub_checkout_last_good_run_age_seconds"
    assert 90 <= found.pop(f"{age}[('host', 'test-host'), ('path', '/srv/net'), ('repo', 'net')]") < 100
    odd = "('path', '/srv/\"odd\"\\n')"
    assert found == {
        f"{age}[('host', 'laptop'), {odd}, ('repo', 'other')]": float("inf"),
        **{f"statehub_findings_open[('code', '{code}')]": 2.0 if code == "C-13" else 0.0 for code in CODES},
        **{
            f"statehub_runs[('outcome', '{outcome}')]": number
            for outcome, number in {"ok": 1.0, "error": 1.0, "skipped": 1.0, "running": 0.0}.items()
        },
    }


def test_metrics_leave_retired_checkouts_out(db: None) -> None:
    here, gone = new_checkout(), new_checkout("other", "laptop")
    new_finding(new_run(gone), "a")
    retire([gone])
    found = scraped(new_api("prometheus", read_only=True))
    ages = [name for name in found if name.startswith("statehub_checkout_last_good_run_age_seconds")]
    assert (len(ages), here.repo.slug in ages[0]) == (1, True)
    assert found["statehub_findings_open[('code', 'C-13')]"] == 0


def test_metrics_take_as_many_queries_for_30_checkouts_as_for_1(api: Api) -> None:
    scraped(api)
    counts = list[int]()
    for number in (1, 29):
        for _ in range(number):
            new_run(new_checkout(path=f"/srv/{len(counts)}/{_}"))
        with CaptureQueriesContext(connection) as queries:
            scraped(api)
        counts.append(len(queries))
    assert counts == [5, 5]


def test_metrics_of_receivers(db: None) -> None:
    """Two receivers of one name, as webhooks of one host have it, are one line."""
    now = timezone.now()
    for number, failures in enumerate((0, 2, 3)):
        since = now - timedelta(seconds=100 * number) if failures else None
        name = "https://example.org/…" if number else "mailto:ada@example.org"
        receiver = Receiver.objects.create(
            name=name, address_hash=number, failures=failures, failing_since=since, retry_at=now if failures else None
        )
        Notification.objects.create(receiver=receiver, episode="e", subject="overdue", since=now)
    found = {name: value for name, value in scraped(new_api("ci")).items() if "receiver" in name}
    seconds = found.pop("statehub_receiver_failing_seconds[('receiver', 'https://example.org/…')]")
    assert 200 <= seconds < 300
    assert found == {
        "statehub_receiver_failing_seconds[('receiver', 'mailto:ada@example.org')]": 0,
        "statehub_notifications_waiting[('receiver', 'mailto:ada@example.org')]": 0,
        "statehub_notifications_waiting[('receiver', 'https://example.org/…')]": 2,
    }


def test_metrics_of_a_fleet(db: None) -> None:
    now = timezone.now()
    clone, watched = new_checkout(), new_checkout("other", "laptop", "/srv/other")
    Checkout.objects.filter(pk=clone.pk).update(
        managed=True, clone_size=4096, push_lag=0.5, rung_at=now - timedelta(seconds=30)
    )
    Checkout.objects.filter(pk=watched.pk).update(watch=True, push_lag=1.5)
    for host, seen in (("laptop", now), ("laptop", now - LOST_WORKER / 2), ("laptop", now - 2 * LOST_WORKER)):
        Worker.objects.create(host=host, pid=1, concurrency=4, seen_at=seen)
    queue_checkouts([watched.pk], "poll")
    found = scraped(new_api("prometheus", read_only=True))
    prefixes = ("statehub_clone_", "statehub_push_", "statehub_queue_", "statehub_workers")
    fleet = {name: value for name, value in found.items() if name.startswith(prefixes)}
    assert 30 <= fleet.pop("statehub_push_lag_seconds[('host', 'test-host'), ('repo', 'net')]") < 40
    assert 0 <= fleet.pop("statehub_queue_oldest_seconds[('host', 'laptop')]") < 10
    assert fleet == {
        "statehub_clone_size_bytes[('host', 'test-host'), ('repo', 'net')]": 4096,
        "statehub_push_lag_seconds[('host', 'laptop'), ('repo', 'other')]": 1.5,
        "statehub_queue_length[('host', 'laptop')]": 1 if has_workers() else 0,
        "statehub_queue_length[('host', 'test-host')]": 0,
        "statehub_queue_oldest_seconds[('host', 'test-host')]": 0,
        "statehub_workers[('host', 'laptop')]": 2,
        "statehub_workers[('host', 'test-host')]": 0,
    }
