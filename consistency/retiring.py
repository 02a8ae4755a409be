"""Retires checkouts: they are no longer run or shown as overdue; their history stays, and nothing is deleted."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from consistency.models import Finding
from statehub.models import Checkout

RETIRED = "retired"
"""How a finding ends whose checkout is retired: nobody looks at it any more."""


def retire(checkouts: Iterable[Checkout]) -> list[Checkout]:
    """Retire those of *checkouts* that are not retired yet, and end their open findings; returns these."""
    pks, now = [checkout.pk for checkout in checkouts], timezone.now()
    with transaction.atomic():
        rows = Checkout.objects.active().select_for_update(of=("self",)).filter(pk__in=pks)
        done = list(rows.select_related("repo").order_by("repo__slug", "host", "path"))
        Checkout.objects.filter(pk__in=[checkout.pk for checkout in done]).update(retired_at=now)
        # Of all: a run that was at work while its checkout was retired may have opened some since.
        findings = Finding.objects.filter(checkout__in=pks, resolved_at=None)
        findings.update(resolved_at=now, resolution=RETIRED)
    return done
