"""Counts failed authentication attempts by address, in the database: all worker processes share one count."""

from __future__ import annotations

import ipaddress
import logging
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from statehub.text import escape_control
from web.api.problems import TOO_MANY_REQUESTS, ProblemError
from web.middleware.proxy import parse_address
from web.models import FailedAuthAttempts

RETENTION = timedelta(hours=1)

_PLURALS = {"a token": "tokens", "a delivery": "deliveries"}


class Failure(NamedTuple):
    """A failed attempt: whether its address was over the limit before, and whether this one reaches the limit."""

    is_over_limit: bool
    reaches_limit: bool


def record_failure(address: str) -> Failure:
    """Count a failed attempt from *address*. Beyond the limit nothing is written: a flood costs one query each."""
    limit = settings.STATEHUB_REFUSED_PER_MINUTE
    minute = timezone.now().replace(second=0, microsecond=0)
    rows = FailedAuthAttempts.objects.filter(address=network(address), minute=minute)
    count = rows.values_list("count", flat=True).first()
    if count is not None and count >= limit:
        return Failure(is_over_limit=True, reaches_limit=False)
    if count is None:
        FailedAuthAttempts.objects.filter(minute__lt=minute - RETENTION).delete()
        new = FailedAuthAttempts(address=network(address), minute=minute)
        FailedAuthAttempts.objects.bulk_create([new], ignore_conflicts=True)
    rows.update(count=F("count") + 1)
    return Failure(is_over_limit=False, reaches_limit=(count or 0) + 1 >= limit)


def report_failure(request: HttpRequest, failure: Failure, refused: str, reason: str, log: logging.Logger) -> None:
    """Write to *log* that *request* was refused, with a *reason*. *refused* is `a token` or the like.

    Raises ProblemError without a line in the log if its address is over the limit.
    """
    if failure.is_over_limit:
        seconds = str(max(1, 60 - timezone.now().second))  # Until the next minute, and with it the next count, begins.
        raise ProblemError(
            TOO_MANY_REQUESTS,
            f"too many refused {_PLURALS[refused]} from this address; wait {seconds} s",
            headers={"Retry-After": seconds},
        )
    note = "; further ones in this minute are not logged" if failure.reaches_limit else ""
    address, path = str(request.META.get("REMOTE_ADDR", "")), request.path[:200]
    log.warning("refused %s from %s for %s: %s%s", refused, *map(escape_control, (address, path, reason)), note)


def network(address: str) -> str:
    """Return what is counted as one: an IPv4 address, or an IPv6 /64, all of which one household or machine has."""
    parsed = parse_address(address)
    if parsed is None:
        return "unknown"  # for example a Unix socket
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
