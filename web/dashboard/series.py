"""Rows of counts, arranged by day, and checkouts, arranged by repo and host. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from web.dashboard.dto import DayOfFindings, DayOfTasks, GridCheckout, GridRow, StatusChangeCount

DAY = timedelta(days=1)


def reconstruct(
    current: Mapping[str, int], changes: Iterable[StatusChangeCount], today: date, first: date
) -> list[DayOfTasks]:
    """Return the counts at the end of each day from *first* to *today*: *current* with the *changes* undone.

    A change that a fast clock dated after *today* counts as one of today.
    """
    by_day: dict[date, list[StatusChangeCount]] = defaultdict(list)
    for change in changes:
        by_day[min(change.day, today)].append(change)
    counts, day = Counter(dict(current)), today
    days = []
    while True:
        # The numbers come from several queries, and the hub may change between them: never below zero.
        days.append(DayOfTasks(day, {status: max(0, number) for status, number in counts.items()}))
        if day <= first:
            return days[::-1]
        for change in by_day[day]:
            counts[change.new] -= change.number
            if change.old:
                counts[change.old] += change.number
        day -= DAY


def first_drawn_day(known: Iterable[date], today: date, days: int) -> date:
    """Return the first day to draw: the earliest of *known*, but at most *days* days up to *today*."""
    return min(today, max(min(known, default=today), today - (days - 1) * DAY))


def findings_by_day(
    opened: Mapping[date, int], resolved: Mapping[date, int], today: date, days: int
) -> list[DayOfFindings]:
    """Return each of the *days* days up to *today*, with zeros for days without findings."""
    span = (today - back * DAY for back in reversed(range(days)))
    return [DayOfFindings(day, opened.get(day, 0), resolved.get(day, 0)) for day in span]


def grid(
    repos: Iterable[tuple[int, str]], checkouts: Iterable[GridCheckout], max_hosts: int, max_per_cell: int
) -> tuple[list[str], list[GridRow]]:
    """Return the hosts that have most of *checkouts*, and a row for each of *repos* with its checkouts on them."""
    by_repo: dict[int, list[GridCheckout]] = defaultdict(list)
    by_host: Counter[str] = Counter()
    for checkout in checkouts:
        by_repo[checkout.repo].append(checkout)
        by_host[checkout.host] += 1
    hosts = sorted(sorted(by_host, key=lambda host: (-by_host[host], host))[:max_hosts])
    rows = []
    for repo, slug in repos:
        mine = by_repo[repo]
        cells = [[checkout for checkout in mine if checkout.host == host][:max_per_cell] for host in hosts]
        rows.append(GridRow(repo, slug, cells, len(mine) - sum(map(len, cells))))
    return hosts, rows
