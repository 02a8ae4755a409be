"""Small pieces of the pages: who has a task and since when, the names of statuses and days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from statehub.models import StatusChange, Task
from web.admin import formatting
from web.admin.formatting import Cell

NAMES_SHOWN = 3


def status_name(status: str) -> str:
    """Return the name of a status for people: `In progress`."""
    return "To do" if status == "todo" else status.replace("_", " ").capitalize()


def short_time(value: datetime, now: datetime) -> SafeString:
    """Return a time in UTC as briefly as it is clear: `14:05` today, `25 Nov` this year, else `25 Nov 2025`."""
    value, now = value.astimezone(UTC), now.astimezone(UTC)
    if value.date() == now.date():
        shown = f"{value:%H:%M}"
    else:
        shown = f"{value.day} {value:%b}" if value.year == now.year else f"{value.day} {value:%b %Y}"
    return format_html(
        '<time datetime="{}" title="{} UTC" class="sh-time">{}</time>',
        value.isoformat(), f"{value:%Y-%m-%d %H:%M:%S}", shown,
    )  # fmt: skip


def holder_cell(task: Task, now: datetime) -> Cell:
    """Return who has *task* and since when; of one that no one has, since when it has its status."""
    if task.taken_by:
        name = formatting.text(task.taken_by, 40)
        since = format_html(" since {}", short_time(task.taken_at, now)) if task.taken_at else ""
        return format_html("<b>{}</b>{}", name, since)
    return format_html("since {}", short_time(task.status_changed_at, now))


def names_cell(names: Sequence[str]) -> Cell:
    """Return the first few of the ids in *names*, and how many more there are; '' without any."""
    if not names:
        return ""
    shown = format_html_join(", ", "{}", ((formatting.mono(name, 40),) for name in names[:NAMES_SHOWN]))
    more = len(names) - NAMES_SHOWN
    return format_html("{} and {} more", shown, more) if more > 0 else shown


def change_cell(change: StatusChange) -> SafeString:
    """Return from which status to which *change* led, and whether it was a reopen."""
    pair = format_html(
        '<span class="sh-pair">{} <span aria-label="to" role="img">→</span> {}</span>',
        formatting.status(change.old),
        formatting.status(change.new),
    )
    return format_html("{} {}", pair, formatting.badge("reopened", "warn")) if change.reopen else pair


def day_name(day: datetime) -> str:
    """Return the day of *day* in UTC: `Saturday, 28 November 2026`."""
    return f"{day.astimezone(UTC):%A, %-d %B %Y}"
