"""Reads which receivers of notifications take their messages, for the admin and the metrics."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Count, IntegerField, OuterRef, Subquery
from django.db.models.functions import Coalesce

from consistency.db.notifications import UNDELIVERED
from consistency.models import Notification, Receiver


class ReceiverState(NamedTuple):
    """The state of a receiver.

    `failures` counts the failed tries in a row, 0 if the last message was taken; `failing_since` is the time of the
    first of them, `error` why the last one failed, `retry_at` the time of the next. `waiting` counts the notifications
    that it has not taken. `is_abandoned` if no process has tried it again when it was due: it is most likely no longer
    in the settings.
    """

    name: str
    failures: int
    failing_since: datetime | None
    error: str
    retry_at: datetime | None
    waiting: int
    is_abandoned: bool

    @property
    def is_failing(self) -> bool:
        """Return whether it does not take its messages."""
        return self.failures > 0 and not self.is_abandoned


def read_receivers(now: datetime, longest_pause: timedelta) -> list[ReceiverState]:
    """Return the receivers, by name, in one query; *longest_pause* is the longest time between two runs."""
    undelivered = Notification.objects.filter(UNDELIVERED, receiver=OuterRef("pk")).order_by().values("receiver")
    counted = Subquery(undelivered.annotate(number=Count("pk")).values("number"), output_field=IntegerField())
    rows = Receiver.objects.annotate(waiting=Coalesce(counted, 0)).order_by("name", "pk")
    columns, earliest = ("name", "failures", "failing_since", "error", "retry_at", "waiting"), now - longest_pause
    return [
        ReceiverState(name, failures, since, error, retry_at, waiting, retry_at is not None and retry_at < earliest)
        for name, failures, since, error, retry_at, waiting in rows.values_list(*columns)
    ]
