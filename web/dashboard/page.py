"""The admin's first page: loads what the user may see and makes the tiles and cards of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.utils import timezone

from statehub.statuses import TASK_STATUSES
from web.dashboard import cards, checkouts, finished_days, queries, series
from web.dashboard.cards import Card, Tile
from web.dashboard.dto import ActiveCheckout, CheckoutCounts, DayOfFindings, DayOfTasks, OpenFindings, OverdueCheckouts
from web.dashboard.finished_days import Day
from web.dashboard.series import DAY

TASK_DAYS = 90
FINDING_DAYS = 30
MAX_WORKSTREAMS = 12
MAX_REPOS = 12
MAX_HOSTS = 6
MAX_PER_CELL = 3
MAX_GRID_CHECKOUTS = 200
MAX_OVERDUE = 8
MAX_WRITEBACKS = 6
LARGE_HUB = 100_000
"""Tasks of a hub whose tasks are not counted, and whose charts are not made, for each request: see KEPT_SECONDS."""
KEPT_SECONDS = 300
"""How long a large hub shows the same numbers of tasks and the same charts, with the time at which they were made.

The days of its charts that have ended are kept in the database.
"""
RUN_TIME = timedelta(hours=1)
"""The longest run: how long after midnight changes of the day before may still be recorded."""
FETCH_LOOKBACK = timedelta(days=30)
"""How far back the last successful fetch is looked for if the newest one failed."""


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return *context* with the tiles and cards; Unfold calls this for the admin's index."""
    now = timezone.now()
    first_day = queries.first_day()
    page = _load(request.user, now, first_day) if first_day else None
    return context | {
        "title": "Overview",
        "dashboard_now": now,
        "dashboard_empty": page is None,
        "dashboard_tiles": make_tiles(page) if page else [],
        "dashboard_cards": make_cards(page) if page else [],
    }


@dataclass(frozen=True, slots=True)
class Page:
    """The data that more than one tile or card shows; None if the user may not see it.

    *counted_at* is when the *tasks* of a large hub were counted, None for the others: theirs are current.
    """

    user: Any
    now: datetime
    first_day: date
    overdue_after: timedelta
    tasks: dict[str, int] | None
    counted_at: datetime | None
    findings: Sequence[OpenFindings] | None
    active: Sequence[ActiveCheckout]
    checkouts: CheckoutCounts | None
    overdue: OverdueCheckouts

    @property
    def cutoff(self) -> datetime:
        """Return the time before which a checkout's last finished run makes it overdue."""
        return self.now - self.overdue_after

    @property
    def is_large(self) -> bool:
        """Return whether the hub is known to have many tasks."""
        return self.counted_at is not None

    @property
    def today(self) -> date:
        """Return the current day in UTC."""
        return self.now.astimezone(UTC).date()

    def first_of_last(self, days: int) -> date:
        """Return the first of the *days* days that end today."""
        return self.today - timedelta(days=days - 1)


def _load(user: Any, now: datetime, first_day: date) -> Page:
    overdue_after = timedelta(hours=settings.STATEHUB_OVERDUE_HOURS)
    may_see_checkouts = _may_see(user, "statehub.checkout", "consistency.run")
    cutoff = now - overdue_after
    active = queries.active_checkouts(cutoff) if may_see_checkouts else []
    tasks, counted_at = _count_tasks(now) if _may_see(user, "statehub.task") else (None, None)
    return Page(
        user,
        now,
        first_day,
        overdue_after,
        tasks,
        counted_at,
        queries.open_findings(now) if _may_see(user, "consistency.finding") else None,
        active,
        checkouts.count(active) if may_see_checkouts else None,
        checkouts.select_overdue(active, cutoff, MAX_OVERDUE),
    )


def _count_tasks(now: datetime) -> tuple[dict[str, int], datetime | None]:
    """Return the number of tasks by status; of a large hub those of the last KEPT_SECONDS, and when they were counted.

    PostgreSQL counts rows one by one: a million take longer than the rest of the page.
    """
    if (kept := cache.get("tasks")) is not None:
        return kept  # type: ignore[no-any-return]  # what was set below
    tasks = queries.tasks_by_status()
    if sum(tasks.values()) < LARGE_HUB:
        return tasks, None
    cache.set("tasks", (tasks, now), KEPT_SECONDS)
    return tasks, now


def _may_see(user: Any, *models: str) -> bool:
    return all(user.has_perm(model.replace(".", ".view_")) for model in models)


def make_tiles(page: Page) -> list[Tile]:
    """Return the numbers at the top."""
    tiles: list[Tile] = []
    if page.tasks is not None:
        tiles += cards.task_tiles(page.tasks, page.counted_at)
    if page.findings is not None:
        tiles += cards.finding_tiles(page.findings)
    if page.checkouts is not None:
        tiles += cards.checkout_tiles(page.checkouts, page.overdue.number, page.overdue_after)
    return tiles


def make_cards(page: Page) -> list[Card]:
    """Return all cards in the order in which they are shown."""
    found: list[Card] = []
    if page.checkouts is not None:
        found.append(_grid(page, page.checkouts))
    if page.tasks is not None:
        found += _task_cards(page, page.tasks)
    if page.findings is not None:
        found += _finding_cards(page, page.findings)
    if page.checkouts is not None:
        found += _run_cards(page, page.checkouts)
    return found


def _grid(page: Page, counts: CheckoutCounts) -> Card:
    repos = checkouts.worst_repos(page.active, page.cutoff, MAX_REPOS)
    shown = checkouts.of_repos(page.active, repos, MAX_GRID_CHECKOUTS)
    loaded = queries.grid_checkouts(shown, page.now, FETCH_LOOKBACK)
    hosts, rows = series.grid(repos, loaded, MAX_HOSTS, MAX_PER_CELL)
    return cards.grid(hosts, rows, counts, page.now, page.overdue_after, FETCH_LOOKBACK)


def _task_cards(page: Page, current: dict[str, int]) -> list[Card]:
    found = []
    if _may_see(page.user, "statehub.workstream"):
        found.append(cards.progress(queries.workstream_progress(MAX_WORKSTREAMS)))
    if _may_see(page.user, "statehub.statuschange"):
        days, made_at = _chart(page, DayOfTasks, TASK_DAYS, lambda after: _task_days(page, current, after))
        found.append(cards.tasks_over_time(days, made_at, TASK_STATUSES))
    return found


def _task_days(page: Page, current: dict[str, int], after: date | None) -> list[DayOfTasks]:
    """Return the days of the chart, those *after* one if there is one."""
    if page.counted_at not in (None, page.now):
        current = queries.tasks_by_status()  # Of the same moment as the changes, which are undone in it.
    if after is not None:
        first = after + DAY
        changes = queries.status_changes(first + DAY) if first < page.today else []  # Those of the first day stay.
        return series.reconstruct(current, changes, page.today, first)
    changes = queries.status_changes(page.first_of_last(TASK_DAYS))
    known = [page.first_day, *(change.day for change in changes)]
    first = series.first_drawn_day(known, page.today, TASK_DAYS)
    return series.reconstruct(current, changes, page.today, first)


def _finding_cards(page: Page, findings: Sequence[OpenFindings]) -> list[Card]:
    days, made_at = _chart(page, DayOfFindings, FINDING_DAYS, lambda after: _finding_days(page, after))
    return [cards.open_findings(findings), cards.findings_per_day(days, made_at)]


def _finding_days(page: Page, after: date | None) -> list[DayOfFindings]:
    """Return the days of the chart, those *after* one if there is one."""
    first = page.first_of_last(FINDING_DAYS) if after is None else after + DAY
    opened = queries.findings_per_day("first_seen", first)
    resolved = queries.findings_per_day("resolved_at", first)
    return series.findings_by_day(opened, resolved, page.today, (page.today - first).days + 1)


def _chart(
    page: Page, kind: type[Day], number: int, make: Callable[[date | None], list[Day]]
) -> tuple[list[Day], datetime | None]:
    """Return the last *number* days of the chart whose days are of *kind*.

    Of a large hub those that were made in the last KEPT_SECONDS, and the time of that.
    """
    if not page.is_large:
        return make(None), None
    kept: Any = cache.get_or_set(
        f"{kind.__name__}-{page.today}", lambda: (_add_days(page, kind, number, make), page.now), KEPT_SECONDS
    )
    return kept  # type: ignore[no-any-return]  # what the function above has made


def _add_days(page: Page, kind: type[Day], number: int, make: Callable[[date | None], list[Day]]) -> list[Day]:
    """Return the last *number* days of a chart: the finished days as they were made first, and new ones after them.

    To make all of them reads all rows of these days.
    """
    first, unfinished = page.first_of_last(number), (page.now - RUN_TIME).astimezone(UTC).date()
    kept = finished_days.load(kind, first, unfinished)
    made = make(kept[-1].day if kept else None)
    finished_days.save([day for day in made if day.day < unfinished], first)
    return kept + made


def _run_cards(page: Page, counts: CheckoutCounts) -> list[Card]:
    found = [cards.overdue(page.overdue, counts, page.now, page.overdue_after)]
    if _may_see(page.user, "consistency.finding"):
        found.append(cards.writebacks(queries.writebacks(page.first_of_last(TASK_DAYS), MAX_WRITEBACKS), page.now))
    return found
