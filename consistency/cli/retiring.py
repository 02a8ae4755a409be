"""Retires checkouts and brings them back. Retired ones are not run or shown as overdue; their history is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.utils import timezone

from consistency.models import Finding
from statehub.models import Checkout, Repo

RETIRED = "retired"
"""The resolution of a finding of a retired checkout: no run checks it again."""


def retire(checkouts: Iterable[Checkout]) -> list[Checkout]:
    """Retire those of *checkouts* that are active, and resolve their open findings; return those retired."""
    pks, now = [checkout.pk for checkout in checkouts], timezone.now()
    with transaction.atomic():
        rows = Checkout.objects.active().select_for_update(of=("self",)).filter(pk__in=pks)
        done = list(rows.select_related("repo").order_by("repo__slug", "host", "path"))
        Checkout.objects.filter(pk__in=[checkout.pk for checkout in done]).update(retired_at=now)
        # Of all: a run that was running while its checkout was retired may have opened some since.
        findings = Finding.objects.open().filter(checkout__in=pks)
        findings.update(resolved_at=now, resolution=RETIRED)
    return done


@dataclass(slots=True)
class BroughtBack:
    """The checkouts that are active again, and those that are not, each with the active one at its path."""

    done: list[Checkout] = field(default_factory=list)
    refused: list[tuple[Checkout, Checkout]] = field(default_factory=list)


def bring_back(checkouts: Iterable[Checkout]) -> BroughtBack:
    """Make those of *checkouts* that are retired active again, unless another checkout is at their path now.

    Of several that were retired from one path, the last one comes back.
    """
    pks, result = [checkout.pk for checkout in checkouts], BroughtBack()
    with transaction.atomic():
        lock_places()
        rows = Checkout.objects.retired().select_related("repo").filter(pk__in=pks).order_by("-retired_at", "pk")
        wanted = list(rows)
        active = Checkout.objects.active().select_related("repo").filter(path__in={row.path for row in wanted})
        occupied = {(row.host, row.path): row for row in active}
        for row in wanted:
            if other := occupied.get((row.host, row.path)):
                result.refused.append((row, other))
            else:
                occupied[row.host, row.path] = row
                result.done.append(row)
        Checkout.objects.filter(pk__in=[row.pk for row in result.done]).update(retired_at=None)
    return result


def lock_places() -> None:
    """Keep other processes from giving a checkout a path until this transaction ends.

    On SQLite a transaction that writes has the database to itself.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {Repo._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")
