"""Records in the checkout's row how its fetches went: since when its remote has not answered, how long it takes."""

from __future__ import annotations

from django.utils import timezone

from consistency.core.comparison.reachability import Reachability, unreachable
from consistency.core.finding import Finding
from consistency.runs.fetching import OpenCheckout
from statehub.models import Checkout


def remember_fetch(opened: OpenCheckout, hours: int) -> list[Finding]:
    """Record how the fetch of *opened* went; C-26 if the remote has not answered for *hours* or longer.

    Does nothing if the run did not fetch; writes only changes.
    """
    checkout, fetched = opened.checkout, opened.fetched
    if opened.tried_at is None:
        return []
    before = Reachability(checkout.unreachable_since, checkout.fetch_timeouts)
    after = before.after(fetched.failed, fetched.received, opened.tried_at)
    if after != before:
        checkout.unreachable_since, checkout.fetch_timeouts = after.since, after.timeouts
        changed = {"unreachable_since": after.since, "fetch_timeouts": after.timeouts}
        Checkout.objects.filter(pk=checkout.pk).update(**changed)
    return unreachable(fetched.outcome, after.since, timezone.now(), hours)
