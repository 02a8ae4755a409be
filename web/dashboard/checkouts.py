"""The active checkouts, counted, and those that are overdue or need attention, by their newest finished runs. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from web.dashboard.dto import ActiveCheckout, CheckoutCounts, OverdueCheckouts

BLOCKING_FRESHNESS = ("behind", "diverged", "gone")
NEVER = datetime.min.replace(tzinfo=UTC)


def count(checkouts: Collection[ActiveCheckout]) -> CheckoutCounts:
    """Count the *checkouts*, and those of them that are held back."""
    return CheckoutCounts(len(checkouts), sum(row.freshness in BLOCKING_FRESHNESS for row in checkouts))


def select_overdue(checkouts: Sequence[ActiveCheckout], cutoff: datetime, limit: int) -> OverdueCheckouts:
    """Return those without a finished run since *cutoff*, as `consistency.db.overdue` does, *limit* rows at most.

    First come those that never had one, then the longest ago; otherwise the order stays.
    """
    late = [row for row in checkouts if (row.finished < cutoff if row.finished else not row.is_new)]
    return OverdueCheckouts(len(late), sorted(late, key=lambda row: row.finished or NEVER)[:limit])


def worst_repos(checkouts: Sequence[ActiveCheckout], cutoff: datetime, limit: int) -> list[tuple[int, str]]:
    """Return repos by how much attention they need: held back, in error, overdue, with open findings.

    Of those that need as much the order stays.
    """
    worst: dict[tuple[int, str], int] = {}
    for row in checkouts:
        repo = (row.repo, row.slug)
        worst[repo] = max(worst.get(repo, 0), _rate(row, cutoff))
    return sorted(worst, key=worst.__getitem__, reverse=True)[:limit]


def _rate(row: ActiveCheckout, cutoff: datetime) -> int:
    """Return how much attention a checkout needs."""
    if row.freshness in ("diverged", "gone"):
        worry = 10
    elif row.freshness == "behind":
        worry = 8
    elif row.outcome == "error":
        worry = 6
    elif row.finished is None:
        worry = 2
    elif row.finished < cutoff:
        worry = 4
    else:
        worry = 0
    return worry + row.has_finding


def of_repos(
    checkouts: Sequence[ActiveCheckout], repos: Sequence[tuple[int, str]], limit: int
) -> Sequence[ActiveCheckout]:
    """Return the checkouts of *repos*, *limit* at most."""
    pks = {pk for pk, _ in repos}
    return [row for row in checkouts if row.repo in pks][:limit]
