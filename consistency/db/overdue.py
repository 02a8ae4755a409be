"""Finds checkouts that no run has finished on for a long time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from consistency.models import Run
from statehub.models import Checkout


def match_overdue(cutoff: datetime) -> Q:
    """Match checkouts, annotated with `finished`, that are older than *cutoff* and have no finished run since."""
    return Q(finished__lt=cutoff) | Q(finished=None, created_at__lt=cutoff)


def select_overdue(cutoff: datetime) -> QuerySet[Any]:
    """Select the active checkouts without a finished run since *cutoff*; `finished` is the time of the last one."""
    active = Checkout.objects.active()
    return active.annotate(finished=Run.objects.finished().newest_per_checkout("finished_at")).filter(
        match_overdue(cutoff)
    )
