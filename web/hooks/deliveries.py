"""Records deliveries, accepted and refused, and queues the checkouts of a repo that was pushed to."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import DateTimeField, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from consistency.db.queue import queue_checkouts
from statehub.database_errors import is_overtaken
from statehub.models import Checkout, Repo
from web.api import throttling
from web.api.throttling import Failure
from web.models import Webhook

TRIGGER = "webhook"

ATTEMPTS = 3
"""Attempts to record a delivery."""


def record_delivery(webhook: Webhook, event: str) -> int:
    """Record an accepted delivery and queue the checkouts that workers run. Return how many were queued.

    A checkout that waits already is not queued twice; one that is at work is queued once more. It is tried again if
    another process locks the same rows in another order: not every forge delivers again after an error.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return _record_delivery(webhook, event)
        except OperationalError as error:
            if not is_overtaken(error):
                raise
    return _record_delivery(webhook, event)


def record_refusal(pk: UUID, address: str, reason: str) -> Failure:
    """Count a refused delivery from *address* and record its *reason*, if there is a webhook with that *pk*.

    Beyond the limit nothing is written. An unknown webhook costs the same statements as a known one.
    """
    with transaction.atomic():
        failure = throttling.record_failure(address)
        if not failure.is_over_limit:
            Webhook.objects.filter(pk=pk).update(refused_at=timezone.now(), refused_reason=reason)
    return failure


@transaction.atomic
def _record_delivery(webhook: Webhook, event: str) -> int:
    now = timezone.now()
    checkouts = _lock_checkouts(webhook.repo_id)
    if checkouts:
        _announce(checkouts, now)
    Repo.objects.filter(pk=webhook.repo_id).update(hook_heard_at=now)
    Webhook.objects.filter(pk=webhook.pk).update(delivered_at=now, event=event)
    return queue_checkouts(checkouts, TRIGGER)


def _lock_checkouts(repo: int) -> list[int]:
    """Return the ids of the checkouts of *repo* that workers run, locked in the order of their ids."""
    rows = Checkout.objects.served().filter(repo=repo).order_by("pk")
    if connection.features.has_select_for_no_key_update:
        rows = rows.select_for_update(no_key=True)  # a run may add rows that refer to the checkout
    return list(rows.values_list("pk", flat=True))


def _announce(checkouts: list[int], now: datetime) -> None:
    """Record in the rows of *checkouts* that a push is known, since when, and that a webhook has announced it."""
    since = Coalesce("rung_at", Value(now, output_field=DateTimeField()))
    Checkout.objects.filter(pk__in=checkouts).update(unannounced_at=None, rung_at=since)
