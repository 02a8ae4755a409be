"""Days and ages: what was counted, brought into the rows that are drawn. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from web.dashboard.dto import CheckoutStatus, DayOfFindings, DayOfTasks, Grid, GridRow, StatusChangeCount

DAY = timedelta(days=1)


def replay(
    current: Mapping[str, int], moves: Iterable[StatusChangeCount], today: date, first: date
) -> list[DayOfTasks]:
    """The counts at the end of each day from *first* to *today*: from *current* backwards, each day's *moves* undone.

    A clock that runs ahead may have dated a move after *today*; it counts as today's.
    """
    by_day: dict[date, list[StatusChangeCount]] = defaultdict(list)
    for move in moves:
        by_day[min(move.day, today)].append(move)
    counts, day = Counter(dict(current)), today
    found = []
    while True:
        # The numbers come from several queries, between which the hub may move: never below none.
        found.append(DayOfTasks(day, {status: max(0, number) for status, number in counts.items()}))
        if day <= first:
            return found[::-1]
        for move in by_day[day]:
            counts[move.new] -= move.number
            if move.old:
                counts[move.old] += move.number
        day -= DAY


def beginning(known: Iterable[date], today: date, days: int) -> date:
    """The first day to draw: the earliest that anything is *known* of, but at most *days* up to *today*."""
    return min(today, max(min(known, default=today), today - (days - 1) * DAY))


def flow(opened: Mapping[date, int], resolved: Mapping[date, int], today: date, days: int) -> list[DayOfFindings]:
    """Each of the *days* up to *today*, those on which nothing happened too."""
    span = (today - back * DAY for back in reversed(range(days)))
    return [DayOfFindings(day, opened.get(day, 0), resolved.get(day, 0)) for day in span]


def grid(repos: Iterable[tuple[int, str]], places: Iterable[CheckoutStatus], hosts: int, per_cell: int) -> Grid:
    """*repos*, in their order, by the *hosts* hosts that have most of *places*; at most *per_cell* in each cell."""
    every = list(places)
    often = Counter(place.host for place in every)
    names = sorted(sorted(often, key=lambda host: (-often[host], host))[:hosts])
    cells: dict[tuple[int, str], list[CheckoutStatus]] = defaultdict(list)
    for place in every:
        cells[place.repo, place.host].append(place)
    whole = Counter(place.repo for place in every)
    rows = []
    for repo, slug in repos:
        shown = tuple(tuple(cells.get((repo, host), ())[:per_cell]) for host in names)
        rows.append(GridRow(repo, slug, shown, whole[repo] - sum(map(len, shown))))
    return Grid(tuple(names), tuple(rows))
