"""Counts refused tokens by address, in the database: every worker process sees the same number."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from web.middleware.proxy import parse_address
from web.models import FailedAuthAttempts

RETENTION = timedelta(hours=1)


def record_failure(address: str) -> tuple[bool, bool]:
    """Count one more refusal of *address*: whether it is over the limit, and whether that began just now.

    Beyond the limit nothing more is written: a flood costs one look-up each.
    """
    minute = _minute()
    rows = FailedAuthAttempts.objects.filter(address=network(address), minute=minute)
    count = rows.values_list("count", flat=True).first()
    if count is not None and count >= settings.STATEHUB_REFUSED_PER_MINUTE:
        return True, False
    if count is None:
        FailedAuthAttempts.objects.filter(minute__lt=minute - RETENTION).delete()
        FailedAuthAttempts.objects.bulk_create(
            [FailedAuthAttempts(address=network(address), minute=minute)], ignore_conflicts=True
        )
    rows.update(count=F("count") + 1)
    return False, (count or 0) + 1 >= settings.STATEHUB_REFUSED_PER_MINUTE


def seconds_left() -> int:
    """Until the next minute begins, and with it the next count."""
    return max(1, 60 - timezone.now().second)


def network(address: str) -> str:
    """Who counts as one: an IPv4 address, or an IPv6 /64, which one household or machine has all of."""
    parsed = parse_address(address)
    if parsed is None:
        return "unknown"  # a Unix socket, say
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def _minute() -> datetime:
    return timezone.now().replace(second=0, microsecond=0)
