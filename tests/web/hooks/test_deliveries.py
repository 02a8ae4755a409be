"""The rows that a delivery writes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.utils import timezone

from statehub.models import Checkout, Repo
from testing.hub import Hub
from tests.web.hooks.helpers import new_webhook
from web.hooks.deliveries import record_delivery, record_refusal
from web.models import FailedAuthAttempts, Webhook

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def test_delivery_announces_the_push(db: None) -> None:
    webhook, other = new_webhook(), new_webhook(slug="other")
    Checkout.objects.update(unannounced_at=NOON)
    watched = webhook.repo.checkouts.create(host="laptop", path="/home/ada/net", watch=True, rung_at=NOON)
    ordinary = webhook.repo.checkouts.create(host="desk", path="/home/bob/net", unannounced_at=NOON)
    before = timezone.now()
    record_delivery(webhook, "push")
    after = timezone.now()

    mine = Checkout.objects.get(repo=webhook.repo, managed=True)
    assert mine.unannounced_at is None
    assert mine.rung_at is not None
    assert before <= mine.rung_at <= after
    watched.refresh_from_db()
    assert (watched.unannounced_at, watched.rung_at) == (None, NOON)  # an older push waits
    ordinary.refresh_from_db()
    assert (ordinary.unannounced_at, ordinary.rung_at) == (NOON, None)
    assert Checkout.objects.values_list("unannounced_at", "rung_at").get(repo=other.repo) == (NOON, None)

    heard = dict(Repo.objects.values_list("slug", "hook_heard_at"))
    assert heard["other"] is None
    assert heard["net"] == mine.rung_at
    assert Webhook.objects.values_list("delivered_at", "event").get(pk=webhook.pk) == (heard["net"], "push")
    assert Webhook.objects.values_list("delivered_at", "event").get(pk=other.pk) == (None, "")


def test_nothing_of_a_delivery_is_recorded_if_it_cannot_be_queued(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The forge then gets an error and shows it, and the polling finds the push."""
    webhook = new_webhook()

    def fail(*_: object) -> int:
        raise RuntimeError("no queue")

    monkeypatch.setattr("web.hooks.deliveries.queue_checkouts", fail)
    with pytest.raises(RuntimeError, match="no queue"):
        record_delivery(webhook, "push")
    assert Webhook.objects.values_list("delivered_at", "event").get() == (None, "")
    assert Repo.objects.values_list("hook_heard_at", flat=True).get() is None
    assert Checkout.objects.values_list("rung_at", flat=True).get() is None


def test_deadlock_does_not_lose_a_delivery(hub: Hub) -> None:
    """Another process has locked the second checkout and waits for the first, as a poll of both may."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one lock")
    import psycopg

    webhook = new_webhook()
    first = webhook.repo.checkouts.get()
    second = webhook.repo.checkouts.create(host="hub", path="/srv/second", managed=True)
    update = "UPDATE statehub_checkout SET poll_failures = 7 WHERE id = %s"
    with psycopg.connect(hub.url) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SET deadlock_timeout = '30s'")  # so that the delivery is the one that is rolled back
        other.execute(update, (second.pk,))

        def finish() -> None:
            with psycopg.connect(hub.url, autocommit=True) as watching:  # until the delivery has the first
                blocked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                deadline = time.monotonic() + 30
                while watching.execute(blocked).fetchone() == (0,) and time.monotonic() < deadline:
                    time.sleep(0.02)
            other.execute(update, (first.pk,))
            other.commit()

        finished = pool.submit(finish)
        assert record_delivery(webhook, "push") == 2
        finished.result(30)
    assert list(Checkout.objects.values_list("poll_failures", flat=True)) == [7, 7]
    assert Webhook.objects.values_list("event", flat=True).get() == "push"


def test_refusal_is_counted_and_recorded(db: None) -> None:
    webhook = new_webhook()
    assert record_refusal(webhook.pk, "192.0.2.7", "because") == (False, False)
    refused = Webhook.objects.get()
    assert refused.refused_at is not None
    assert (refused.refused_reason, refused.delivered_at) == ("because", None)
    assert FailedAuthAttempts.objects.values_list("address", "count").get() == ("192.0.2.7", 1)
