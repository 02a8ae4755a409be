"""The cards of the dashboard: values made ready for their templates, with words, links and places. No queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from consistency.core.codes import CODES
from consistency.core.comparison.gates import FETCHED
from web.admin import formatting
from web.dashboard import geometry, readiness
from web.dashboard.dto import (
    Age,
    Checkouts,
    CheckoutStatus,
    DayOfFindings,
    DayOfTasks,
    Grid,
    OpenFindings,
    Overdue,
    WorkstreamProgress,
    Writeback,
)
from web.dashboard.queries import OPEN_STATUSES

DRAWN = ("done", "cancelled", "in_progress", "blocked", "todo")
"""Statuses in the order in which they are stacked: what is over is the ground."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One number with its name; *tone* where it wants attention."""

    name: str
    value: str
    detail: str
    url: str
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Card:
    """A titled card: *template* shows *data*; *note* stands beside the title, *link* leads to the whole."""

    id: str
    title: str
    data: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    link: SafeString | str = ""
    empty: str = ""
    wide: bool = False

    @property
    def template(self) -> str:
        """Where its body is."""
        return f"dashboard/{self.id}.html"


# ---- The numbers at the top ------------------------------------------------------------------------------------------


def task_tiles(tasks: Mapping[str, int]) -> list[Tile]:
    """Open tasks, and how much is over."""
    unfinished, whole = sum(tasks[status] for status in OPEN_STATUSES), sum(tasks.values())
    share = f"{100 * (whole - unfinished) // whole} %" if whole else "–"
    blocked = tasks["blocked"]
    detail = f"{tasks['in_progress']:,} in progress, {blocked:,} blocked"
    over = formatting.listing("statehub_task", status="done")
    return [
        Tile("Open tasks", f"{unfinished:,}", detail, formatting.listing("statehub_task"), "info"),
        Tile("Tasks finished", share, f"{whole - unfinished:,} of {whole:,}", over, "good"),
    ]  # fmt: skip


def finding_tiles(findings: Sequence[OpenFindings]) -> list[Tile]:
    """Open findings, and the worst of them."""
    whole = sum(row.total for row in findings)
    failures = sum(row.total for row in findings if row.severity == "FAIL")
    tone = "bad" if failures else "warn" if whole else "good"
    detail = f"{failures:,} FAIL" if whole else "hub and files agree"
    return [Tile("Open findings", f"{whole:,}", detail, formatting.listing("consistency_finding", state="open"), tone)]


def checkout_tiles(counted: Checkouts, patience: timedelta) -> list[Tile]:
    """Checkouts held back, and overdue."""
    url, of = formatting.listing("statehub_checkout"), f"of {_many(counted.total, 'checkout')}"
    late = f"no run for {_span(patience)}"
    return [
        Tile("Held back", f"{counted.held:,}", of, url, "warn" if counted.held else "good"),
        Tile("Overdue", f"{counted.overdue:,}", late, url, "warn" if counted.overdue else "good"),
    ]


# ---- Places ----------------------------------------------------------------------------------------------------------


def grid(drawn: Grid, counted: Checkouts, now: datetime, patience: timedelta, lookback: timedelta) -> Card:
    """The repo × host grid."""
    hosts = [formatting.text(host, 40) for host in drawn.hosts]
    rows = [
        {
            "name": formatting.link("statehub_repo", row.repo, row.slug, 60),
            "cells": [
                {"host": host, "places": [_place(place, now, patience, lookback) for place in cell]}
                for host, cell in zip(hosts, row.cells, strict=True)
            ],
            "hidden": _all(f"{row.hidden:,} more", formatting.listing("statehub_checkout", q=row.slug))
            if row.hidden
            else "",
        }
        for row in drawn.rows
    ]
    note = "" if not rows else "As of each checkout's newest run. Those that need attention come first."
    link = (
        _all(f"All {_many(counted.total, 'checkout')}", formatting.listing("statehub_checkout"))
        if counted.total
        else ""
    )
    words = [{"word": item.word, "tone": item.tone, "why": item.why} for item in readiness.VERDICTS]
    return Card(
        "grid", "Would a fix write from here?", {"hosts": hosts, "rows": rows, "words": words}, note, link,
        "" if rows else "No checkouts yet.", wide=True,
    )  # fmt: skip


def _place(place: CheckoutStatus, now: datetime, patience: timedelta, lookback: timedelta) -> dict[str, Any]:
    word, run = readiness.verdict(place, now, patience), place.run
    found: dict[str, Any] = {
        "word": word,
        "url": formatting.url("statehub_checkout", place.checkout),
        "label": formatting.text(f"{place.slug} on {place.host}: {word.word}. {place.path}"),
        "findings": formatting.listing("consistency_finding", state="open", checkout__id__exact=place.checkout),
        "number": place.findings,
        "run": run,
    }
    if run is not None:
        never = f"not fetched in {_span(lookback)}" if run.freshness != "no_upstream" else "no remote"
        found |= {
            "freshness": formatting.freshness(run.freshness, run.fetch),
            "ran": _ago(run.finished, now, readiness.what_it_did(run)),
            "run_url": formatting.url("consistency_run", run.pk),
            "fetched": _ago(place.fetched, now, "last fetched") if place.fetched else never,
            "has_fetched": run.fetch == FETCHED,
            "error": run.outcome == "error",
        }
    return found


def overdue(rows: Sequence[Overdue], counted: Checkouts, now: datetime, patience: timedelta) -> Card:
    """Checkouts with no finished run for too long."""
    data = [
        {
            "repo": formatting.link("statehub_checkout", row.checkout, row.slug, 50),
            "host": formatting.text(row.host, 30),
            "path": formatting.mono(row.path, 60),
            "last": _ago(row.finished, now) if row.finished else "never",
        }
        for row in rows
    ]
    more = counted.overdue - len(rows)
    empty = f"Every checkout had a run within the last {_span(patience)}." if counted.total else "No checkout yet."
    link = _all(f"and {more:,} more", formatting.listing("statehub_checkout")) if more > 0 else ""
    note = f"No finished run for {_span(patience)}."
    return Card("overdue", "Overdue runs", {"rows": data}, note, link, "" if rows else empty)


def written(rows: Sequence[Writeback], now: datetime, url: str) -> Card:
    """The newest writeback commits."""
    data = [
        {
            "commit": formatting.link("consistency_run", row.run, formatting.commit(row.commit)),
            "repo": formatting.text(row.slug, 50),
            "host": formatting.text(row.host, 30),
            "ago": _ago(row.at, now),
            "moves": [
                {
                    "task": formatting.mono(move.task, 40),
                    "old": formatting.status(move.old),
                    "new": formatting.status(move.new),
                    "more": f"+ {move.number - 1:,} more" if move.number > 1 else "",
                }
                for move in row.moves
            ],
        }
        for row in rows
    ]
    empty = "Nothing was written back in the last 90 days."
    return Card("written", "Last written back", {"rows": data}, "", _all("All runs", url), "" if rows else empty)


# ---- Work ------------------------------------------------------------------------------------------------------------


def legend(counts: Mapping[str, int] | None = None) -> list[dict[str, str]]:
    """The statuses with their colours, in the order in which they are stacked."""
    return [
        {"status": status, "name": _name(status), "number": f"{counts[status]:,}" if counts else ""} for status in DRAWN
    ]


def progress(rows: Sequence[WorkstreamProgress]) -> Card:
    """A stacked bar for each workstream."""
    data = []
    for row in rows:
        numbers = [row.counts[status] for status in DRAWN]
        over = row.counts["done"] + row.counts["cancelled"]
        parts = zip(DRAWN, numbers, geometry.shares(numbers), strict=True)
        data.append(
            {
                "title": formatting.link("statehub_workstream", row.pk, row.title or row.key, 90),
                "key": formatting.mono(row.key, 40),
                "repo": formatting.text(row.repo, 40),
                "over": f"{over:,} / {sum(numbers):,}",
                "parts": [
                    {"status": status, "share": f"{share:.2f}", "hint": f"{_name(status)}: {number:,}"}
                    for status, number, share in parts
                    if number
                ],
                "numbers": [f"{number:,}" for number in numbers],
            }
        )
    return Card(
        "progress", "Workstreams", {"rows": data, "legend": legend()}, "Open work first, then the most recent change.",
        _all("All workstreams", formatting.listing("statehub_workstream")),
        "" if rows else "No workstream has tasks yet. A fix brings them in from the workplans.", wide=True,
    )  # fmt: skip


def tasks_over_time(days: Sequence[DayOfTasks], statuses: Sequence[str]) -> Card:
    """A stacked area of the tasks by status."""
    columns = [[day.counts.get(status, 0) for status in DRAWN] for day in days]
    most = max(map(sum, columns))
    top = geometry.ceiling(most)
    areas = [
        {"status": status, "path": path}
        for status, path in zip(DRAWN, geometry.layers(columns, top), strict=True)
    ]  # fmt: skip
    hints = [
        {"box": box, "text": f"{day.day:%d %b %Y}: {_words(day.counts)}"}
        for box, day in zip(geometry.slots(len(days)), days, strict=True)
    ]
    labels = [f"{day.day:%d %b}" for day in days]
    rows = [
        {"day": f"{day.day:%Y-%m-%d}", "numbers": [f"{day.counts.get(status, 0):,}" for status in statuses]}
        for day in reversed(days)
    ]
    span = f"{days[0].day:%d %B} to {days[-1].day:%d %B %Y}"
    data = {
        "areas": areas, "hints": hints, "across": geometry.spaced(labels, 6), "up": geometry.levels(top), "rows": rows,
        "statuses": [_name(status) for status in statuses], "legend": legend(days[-1].counts),
        "label": f"Tasks by status, {span}: {_words(days[0].counts)} at first, {_words(days[-1].counts)} at last.",
    }  # fmt: skip
    return Card(
        "tasks", "Tasks by status", data, "At the end of each day (UTC).",
        _all("All tasks", formatting.listing("statehub_task")), "" if most else "No task yet.", wide=True,
    )  # fmt: skip


# ---- Drift -----------------------------------------------------------------------------------------------------------


def open_findings(rows: Sequence[OpenFindings]) -> Card:
    """Codes by ages, the more the darker."""
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
        "findings", "Open findings by code and age",
        {"rows": data, "ages": list(Age), "sums": sums, "total": f"{sum(row.total for row in rows):,}"},
        "Since first seen; the darker, the more.",
        _all("All open", formatting.listing("consistency_finding", state="open")),
        "" if rows else "No open findings in the checkouts that were checked.",
    )  # fmt: skip


def findings_per_day(days: Sequence[DayOfFindings]) -> Card:
    """Bars up for what was opened, down for what was resolved."""
    opened, resolved = [day.opened for day in days], [day.resolved for day in days]
    most = max(*opened, *resolved)
    top = geometry.ceiling(most, 2)
    up, down = geometry.mirrored(opened, resolved, top)
    ticks = [
        geometry.Tick(f"{top:,}", 0), geometry.Tick(f"{top // 2:,}", 25), geometry.Tick("0", 50),
        geometry.Tick(f"{top // 2:,}", 75), geometry.Tick(f"{top:,}", 100),
    ]  # fmt: skip
    hints = [
        {"box": box, "text": f"{day.day:%d %b}: {day.opened:,} opened, {day.resolved:,} resolved"}
        for box, day in zip(geometry.slots(len(days)), days, strict=True)
    ]
    data = {
        "opened": up, "resolved": down, "hints": hints, "up": ticks,
        "across": geometry.spaced([f"{day.day:%d %b}" for day in days], 6, middle=True),
        "rows": [
            {"day": f"{day.day:%Y-%m-%d}", "opened": f"{day.opened:,}", "resolved": f"{day.resolved:,}"}
            for day in reversed(days)
        ],
        "sums": (f"{sum(opened):,}", f"{sum(resolved):,}"),
        "label": f"Findings per day over {len(days)} days: {sum(opened):,} opened, {sum(resolved):,} resolved.",
    }  # fmt: skip
    return Card(
        "flow", "Findings opened and resolved", data, f"Per day (UTC), the last {len(days)} days.",
        _all("History", formatting.listing("consistency_finding")),
        "" if most else "No findings were opened or resolved.",
    )  # fmt: skip


# ---- Words -----------------------------------------------------------------------------------------------------------


def _name(status: str) -> str:
    return status.replace("_", " ")


def _words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts.get(status, 0):,} {_name(status)}" for status in DRAWN)


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _span(length: timedelta) -> str:
    hours = int(length.total_seconds() // 3600)
    return _many(hours, "hour") if hours % 24 else _many(hours // 24, "day")


def _ago(then: datetime, now: datetime, what: str = "") -> SafeString:
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        then.isoformat(), f"{then:%Y-%m-%d %H:%M}", f"{what} {readiness.ago(then, now)}".lstrip(),
    )  # fmt: skip


def _all(words: str, url: str) -> SafeString:
    return format_html('<a class="sh-link" href="{}">{}</a>', url, words)
