"""The admin's first page: asks for what its reader may see, and hands each card to its template."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from statehub.statuses import TASK_STATUSES
from web.admin.formatting import listing
from web.dashboard import cards, queries, series
from web.dashboard.cards import Card
from web.dashboard.dto import Checkouts, OpenFindings

TASK_DAYS, FINDING_DAYS = 90, 30
WORKSTREAMS, REPOS, HOSTS, PER_CELL, OVERDUE, WRITTEN = 12, 12, 6, 3, 8, 6
LOOKBACK = timedelta(days=30)
"""How far back a fetch that worked, where the newest did not, is looked for."""


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """*context* with the cards; the look calls it for its index page."""
    now = timezone.now()
    first = queries.first_day()
    page = _Page(request, now, first)
    return context | {
        "title": "Overview",
        "dashboard_now": now,
        "dashboard_empty": first is None,
        "dashboard_tiles": page.tiles() if first else [],
        "dashboard_cards": page.cards() if first else [],
    }


class _Page:
    """What one reader sees at one time; no number is asked for twice."""

    def __init__(self, request: HttpRequest, now: datetime, first: date | None) -> None:
        self._user, self._now, self._first = request.user, now, first
        self._today = now.astimezone(UTC).date()
        self._patience = timedelta(hours=settings.STATEHUB_OVERDUE_HOURS)
        self._tasks = queries.tasks_by_status() if self._may("statehub.task") else None
        self._findings = queries.open_findings(now) if self._may("consistency.finding") else None
        self._checkouts = (
            queries.checkouts(now - self._patience) if self._may("statehub.checkout", "consistency.run") else None
        )

    def _may(self, *models: str) -> bool:
        return all(self._user.has_perm(model.replace(".", ".view_")) for model in models)

    def tiles(self) -> list[cards.Tile]:
        """The few numbers at the top."""
        return [
            *(cards.task_tiles(self._tasks) if self._tasks is not None else ()),
            *(cards.finding_tiles(self._findings) if self._findings is not None else ()),
            *(cards.checkout_tiles(self._checkouts, self._patience) if self._checkouts is not None else ()),
        ]

    def cards(self) -> list[Card]:
        """All cards, in the order in which they are read."""
        found: list[Card] = []
        if self._checkouts is not None:
            found.append(self._grid(self._checkouts))
        if self._tasks is not None:
            found += self._work(self._tasks)
        if self._findings is not None:
            found += self._drift(self._findings)
        if self._checkouts is not None:
            found += self._runs(self._checkouts)
        return found

    def _grid(self, counted: Checkouts) -> Card:
        repos = queries.worrying_repos(self._now - self._patience, REPOS)
        places = queries.checkout_statuses([pk for pk, _ in repos], self._now, LOOKBACK)
        drawn = series.grid(repos, places, HOSTS, PER_CELL)
        return cards.grid(drawn, counted, self._now, self._patience, LOOKBACK)

    def _work(self, current: dict[str, int]) -> list[Card]:
        found = []
        if self._may("statehub.workstream"):
            found.append(cards.progress(queries.progress(WORKSTREAMS)))
        if self._may("statehub.statuschange"):
            earliest = self._today - timedelta(days=TASK_DAYS - 1)
            moves = queries.status_changes(earliest)
            known = [move.day for move in moves] + ([self._first] if self._first else [])
            first = series.beginning(known, self._today, TASK_DAYS)
            found.append(cards.tasks_over_time(series.replay(current, moves, self._today, first), TASK_STATUSES))
        return found

    def _drift(self, opened: Sequence[OpenFindings]) -> list[Card]:
        first = self._today - timedelta(days=FINDING_DAYS - 1)
        days = series.flow(
            queries.findings_per_day("first_seen", first),
            queries.findings_per_day("resolved_at", first),
            self._today,
            FINDING_DAYS,
        )
        return [cards.open_findings(opened), cards.findings_per_day(days)]

    def _runs(self, counted: Checkouts) -> list[Card]:
        late = queries.overdue(self._now - self._patience, OVERDUE) if counted.overdue else []
        found = [cards.overdue(late, counted, self._now, self._patience)]
        if self._may("consistency.finding"):
            written = queries.written(self._today - timedelta(days=TASK_DAYS - 1), WRITTEN)
            found.append(cards.written(written, self._now, listing("consistency_run")))
        return found
