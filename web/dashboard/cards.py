"""The tiles and cards of the dashboard: rows, made ready for their templates. No queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from consistency.core.codes import CODES
from consistency.core.comparison.gates import FETCHED
from consistency.models import Run
from statehub.models import Workstream
from statehub.statuses import FINISHED, TASK_STATUSES, rank
from statehub.text import plural
from web.admin import formatting
from web.dashboard import geometry, readiness
from web.dashboard.dto import (
    Age,
    CheckoutCounts,
    DayOfFindings,
    DayOfTasks,
    GridCheckout,
    GridRow,
    OpenFindings,
    OverdueCheckouts,
)
from web.dashboard.queries import OPEN_STATUSES

DRAWN = sorted(TASK_STATUSES, key=rank, reverse=True)
"""Statuses in the order in which they are stacked, from the bottom: the finished ones first."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A number with its name; its *tone* says whether it needs attention."""

    name: str
    value: str
    detail: str
    url: str
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Card:
    """A card: *template* shows *data*, or *empty* is shown; *note* is below the title, *link* leads to a list."""

    id: str
    title: str
    data: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    link: SafeString | str = ""
    empty: str = ""
    wide: bool = False

    @property
    def template(self) -> str:
        """Return the template of the body."""
        return f"dashboard/{self.id}.html"


def task_tiles(tasks: Mapping[str, int], counted_at: datetime | None) -> list[Tile]:
    """Return the tiles of open and finished tasks, *counted_at* that time unless it is None."""
    unfinished = sum(tasks[status] for status in OPEN_STATUSES)
    whole = sum(tasks.values())
    share = f"{100 * (whole - unfinished) // whole} %" if whole else "–"
    since = f", as of {counted_at:%H:%M}" if counted_at else ""
    detail = f"{tasks['in_progress']:,} in progress, {tasks['blocked']:,} blocked{since}"
    finished = formatting.listing("statehub_task", status="done")
    return [
        Tile("Open tasks", f"{unfinished:,}", detail, formatting.listing("statehub_task"), "info"),
        Tile("Tasks finished", share, f"{whole - unfinished:,} of {whole:,}{since}", finished, "good"),
    ]


def finding_tiles(findings: Sequence[OpenFindings]) -> list[Tile]:
    """Return the tile of open findings."""
    whole = sum(row.total for row in findings)
    failures = sum(row.total for row in findings if row.severity == "FAIL")
    tone = "bad" if failures else "warn" if whole else "good"
    detail = f"{failures:,} FAIL" if whole else "hub and files agree"
    return [Tile("Open findings", f"{whole:,}", detail, formatting.listing("consistency_finding", state="open"), tone)]


def checkout_tiles(counts: CheckoutCounts, overdue: int, overdue_after: timedelta) -> list[Tile]:
    """Return the tiles of checkouts that are held back or overdue."""
    url = formatting.listing("statehub_checkout")
    of, late = f"of {_many(counts.total, 'checkout')}", f"no run for {_duration(overdue_after)}"
    return [
        Tile("Held back", f"{counts.held:,}", of, url, "warn" if counts.held else "good"),
        Tile("Overdue", f"{overdue:,}", late, url, "warn" if overdue else "good"),
    ]


def grid(
    hosts: Sequence[str],
    rows: Sequence[GridRow],
    counts: CheckoutCounts,
    now: datetime,
    overdue_after: timedelta,
    lookback: timedelta,
) -> Card:
    """Return the grid of repos by hosts."""
    names = [formatting.text(host, 40) for host in hosts]
    checkouts = formatting.listing("statehub_checkout")
    data = {
        "hosts": names,
        "rows": [
            {
                "name": formatting.link("statehub_repo", row.repo, row.slug, 60),
                "cells": [
                    {"host": name, "checkouts": [_grid_checkout(item, now, overdue_after, lookback) for item in cell]}
                    for name, cell in zip(names, row.cells, strict=True)
                ],
                "hidden": _hidden(row),
            }
            for row in rows
        ],
        "legend": readiness.ALL,
    }
    return Card(
        "grid",
        "Would a fix write from here?",
        data,
        note="As of each checkout's newest run. Those that need attention come first.",
        link=formatting.anchor(checkouts, f"All {_many(counts.total, 'checkout')}") if counts.total else "",
        empty="" if rows else "No checkouts yet.",
        wide=True,
    )


def _hidden(row: GridRow) -> SafeString | str:
    if not row.hidden:
        return ""
    return formatting.anchor(formatting.listing("statehub_checkout", q=row.slug), f"{row.hidden:,} more")


def _grid_checkout(
    checkout: GridCheckout, now: datetime, overdue_after: timedelta, lookback: timedelta
) -> dict[str, Any]:
    ready, run = readiness.assess(checkout, now, overdue_after), checkout.run
    found: dict[str, Any] = {
        "readiness": ready,
        "url": formatting.url("statehub_checkout", checkout.checkout),
        "title": formatting.text(f"{checkout.slug} on {checkout.host}: {ready.label}. {checkout.path}"),
        "findings": formatting.listing("consistency_finding", state="open", checkout__id__exact=checkout.checkout),
        "number": checkout.findings,
        "run": run,
    }
    if run is not None and run.finished_at is not None:
        never = f"not fetched in {_duration(lookback)}" if run.freshness != "no_upstream" else "no remote"
        found |= {
            "freshness": formatting.freshness(run.freshness, run.fetch),
            "ran": _ago(run.finished_at, now, readiness.describe_run(run)),
            "run_url": formatting.url("consistency_run", run.pk),
            "fetched": _ago(checkout.fetched, now, "last fetched") if checkout.fetched else never,
            "has_fetched": run.fetch == FETCHED,
            "error": run.outcome == "error",
        }
    return found


def overdue(checkouts: OverdueCheckouts, counts: CheckoutCounts, now: datetime, overdue_after: timedelta) -> Card:
    """Return the card of checkouts with no finished run for too long."""
    data = [
        {
            "repo": formatting.link("statehub_checkout", row.pk, row.slug, 50),
            "host": formatting.text(row.host, 30),
            "path": formatting.mono(row.path, 60),
            "last": _ago(row.finished, now) if row.finished else "never",
        }
        for row in checkouts.rows
    ]
    more = checkouts.number - len(checkouts.rows)
    link = formatting.anchor(formatting.listing("statehub_checkout"), f"and {more:,} more") if more > 0 else ""
    note = f"No finished run for {_duration(overdue_after)}."
    if checkouts.number:
        empty = ""
    elif counts.total:
        empty = f"Every checkout had a run within the last {_duration(overdue_after)}."
    else:
        empty = "No checkouts yet."
    return Card("overdue", "Overdue runs", {"rows": data}, note, link, empty)


def writebacks(rows: Sequence[tuple[Run, Sequence[Any]]], now: datetime) -> Card:
    """Return the card of the newest writeback commits."""
    data = [
        {
            "commit": formatting.link("consistency_run", run.pk, formatting.commit(run.writeback_commit)),
            "repo": formatting.text(run.checkout.repo.slug, 50),
            "host": formatting.text(run.checkout.host, 30),
            "ago": _ago(run.finished_at or run.started_at, now),
            "changes": [
                {
                    "task": formatting.mono(change.task, 40),
                    "old": formatting.status(change.file_status),
                    "new": formatting.status(change.db_status),
                    "more": f"+ {change.number - 1:,} more" if change.number > 1 else "",
                }
                for change in changes
            ],
        }
        for run, changes in rows
    ]
    link = formatting.anchor(formatting.listing("consistency_run"), "All runs")
    empty = "" if rows else "Nothing was written back in the last 90 days."
    return Card("written", "Last written back", {"rows": data}, link=link, empty=empty)


def legend(counts: Mapping[str, int] | None = None) -> list[dict[str, str]]:
    """Return the statuses with their colours, in the order in which they are stacked."""
    return [
        {"status": status, "name": _name(status), "number": f"{counts[status]:,}" if counts else ""} for status in DRAWN
    ]


def progress(rows: Sequence[tuple[Workstream, Mapping[str, int]]]) -> Card:
    """Return the card with a stacked bar for each workstream."""
    data = []
    for workstream, counts in rows:
        numbers = [counts[status] for status in DRAWN]
        finished = sum(counts[status] for status in FINISHED)
        parts = zip(DRAWN, numbers, geometry.shares(numbers), strict=True)
        data.append(
            {
                "title": formatting.link("statehub_workstream", workstream.pk, workstream.title or workstream.key, 90),
                "key": formatting.mono(workstream.key, 40),
                "repo": formatting.text(workstream.repo.slug, 40),
                "finished": f"{finished:,} / {sum(numbers):,}",
                "parts": [
                    {"status": status, "share": f"{share:.2f}", "hint": f"{_name(status)}: {number:,}"}
                    for status, number, share in parts
                    if number
                ],
                "numbers": [f"{number:,}" for number in numbers],
            }
        )
    return Card(
        "progress",
        "Workstreams",
        {"rows": data, "legend": legend()},
        note="Open work first, then the most recent change.",
        link=formatting.anchor(formatting.listing("statehub_workstream"), "All workstreams"),
        empty="" if rows else "No workstream has tasks yet. A fix brings them in from the workplans.",
        wide=True,
    )


def tasks_over_time(days: Sequence[DayOfTasks], made_at: datetime | None, statuses: Sequence[str]) -> Card:
    """Return the card with the stacked area of tasks by status, *made_at* that time unless it is None."""
    columns = [[day.counts.get(status, 0) for status in DRAWN] for day in days]
    most = max(map(sum, columns))
    top = geometry.ceiling(most)
    layers = zip(DRAWN, geometry.layers(columns, top), strict=True)
    hints = _hints([f"{day.day:%d %b %Y}: {_describe(day.counts)}" for day in days])
    rows = [
        {"day": f"{day.day:%Y-%m-%d}", "numbers": [f"{day.counts.get(status, 0):,}" for status in statuses]}
        for day in reversed(days)
    ]
    span = f"{days[0].day:%d %B} to {days[-1].day:%d %B %Y}"
    start, end = _describe(days[0].counts), _describe(days[-1].counts)
    data = {
        "areas": [{"status": status, "path": path} for status, path in layers],
        "hints": hints,
        "across": geometry.spaced([f"{day.day:%d %b}" for day in days], 6),
        "up": geometry.levels(top),
        "rows": rows,
        "statuses": [_name(status) for status in statuses],
        "legend": legend(days[-1].counts),
        "label": f"Tasks by status, {span}: {start} at first, {end} at last.",
    }
    return Card(
        "tasks",
        "Tasks by status",
        data,
        note="At the end of each day (UTC)." + _made(made_at),
        link=formatting.anchor(formatting.listing("statehub_task"), "All tasks"),
        empty="" if most else "No tasks yet.",
        wide=True,
    )


def open_findings(rows: Sequence[OpenFindings]) -> Card:
    """Return the table of codes by ages; the more findings, the darker."""
    most = max((row.ages[age] for row in rows for age in Age), default=0)
    data = [
        {
            "code": formatting.code(row.code, row.severity),
            "title": CODES[row.code].title,
            "ages": [{"number": f"{row.ages[age]:,}", "heat": geometry.heat(row.ages[age], most)} for age in Age],
            "total": f"{row.total:,}",
            "url": formatting.listing("consistency_finding", state="open", code=row.code),
            "row": row.code,
        }
        for row in rows
    ]
    sums = [f"{sum(row.ages[age] for row in rows):,}" for age in Age]
    return Card(
        "findings",
        "Open findings by code and age",
        {"rows": data, "ages": list(Age), "sums": sums, "total": f"{sum(row.total for row in rows):,}"},
        note="Age since first seen. The more findings, the darker.",
        link=formatting.anchor(formatting.listing("consistency_finding", state="open"), "All open"),
        empty="" if rows else "No open findings in the checkouts that were checked.",
    )


def findings_per_day(days: Sequence[DayOfFindings], made_at: datetime | None) -> Card:
    """Return the card with bars up for opened and down for resolved findings, *made_at* that time unless it is None."""
    opened, resolved = [day.opened for day in days], [day.resolved for day in days]
    most = max(*opened, *resolved)
    top = geometry.ceiling(most, 2)
    up, down = geometry.mirrored(opened, resolved, top)
    values = (top, top // 2, 0, top // 2, top)
    hints = _hints([f"{day.day:%d %b}: {day.opened:,} opened, {day.resolved:,} resolved" for day in days])
    data = {
        "opened": up,
        "resolved": down,
        "hints": hints,
        "up": [geometry.Tick(f"{value:,}", 25 * index) for index, value in enumerate(values)],
        "across": geometry.spaced([f"{day.day:%d %b}" for day in days], 6, middle=True),
        "rows": [
            {"day": f"{day.day:%Y-%m-%d}", "opened": f"{day.opened:,}", "resolved": f"{day.resolved:,}"}
            for day in reversed(days)
        ],
        "sums": (f"{sum(opened):,}", f"{sum(resolved):,}"),
        "label": f"Findings per day over {len(days)} days: {sum(opened):,} opened, {sum(resolved):,} resolved.",
    }
    return Card(
        "flow",
        "Findings opened and resolved",
        data,
        note=f"Per day (UTC), the last {len(days)} days." + _made(made_at),
        link=formatting.anchor(formatting.listing("consistency_finding"), "History"),
        empty="" if most else "No findings were opened or resolved.",
    )


def _hints(texts: Sequence[str]) -> dict[str, Any]:
    """Return the texts of a chart's columns, each with the place of its column."""
    starts, width = geometry.slots(len(texts))
    return {"width": width, "columns": list(zip(starts, texts, strict=True))}


def _made(at: datetime | None) -> str:
    return f" As of {at:%H:%M}." if at else ""


def _name(status: str) -> str:
    return status.replace("_", " ")


def _describe(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts.get(status, 0):,} {_name(status)}" for status in DRAWN)


def _many(number: int, noun: str) -> str:
    return f"{number:,} {plural(number, noun)}"


def _duration(length: timedelta) -> str:
    hours = int(length.total_seconds() // 3600)
    return _many(hours, "hour") if hours % 24 else _many(hours // 24, "day")


def _ago(then: datetime, now: datetime, event: str = "") -> SafeString:
    age = f"{event} {readiness.format_age(then, now)}".lstrip()
    title = f"{then:%Y-%m-%d %H:%M}"
    return format_html('<time datetime="{}" title="{} UTC">{}</time>', then.isoformat(), title, age)
