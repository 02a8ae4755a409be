"""Formats single values: badges, times, commits, links. Text from outside is escaped here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from consistency.core.codes import CODES
from consistency.core.comparison.gates import NOT_ASKED, is_failure
from consistency.models import RunState
from statehub.text import escape_control

Cell = SafeString | str
"""HTML, or text that the template escapes."""

NONE = format_html('<span class="sh-none" aria-label="{}">–</span>', "none")

SEVERITY_TONES = {"FAIL": "bad", "WARN": "warn", "INFO": "info"}
STATUS_TONES = {
    "todo": "plain",
    "draft": "plain",
    "in_progress": "info",
    "active": "info",
    "blocked": "bad",
    "done": "good",
    "cancelled": "muted",
}
OUTCOME_TONES = {RunState.OK: "good", RunState.SKIPPED: "warn", RunState.ERROR: "bad", RunState.RUNNING: "info"}
FRESHNESS_TONES = {
    "fresh": "good",
    "behind": "warn",
    "diverged": "bad",
    "unknown": "muted",
    "no_upstream": "muted",
    "gone": "bad",
}
PRIORITY_TONES = {"low": "muted", "medium": "plain", "high": "warn", "critical": "bad"}

MAX_TEXT_LENGTH = 2000
"""Characters of one text that a page shows at most, so that it remains usable whatever a file contains."""


def badge(text: str, tone: str = "plain", title: str = "") -> SafeString:
    """Return *text* in a coloured box; the colour carries no information of its own."""
    hint = format_html(' title="{}"', title) if title else ""
    return format_html('<span class="sh-badge sh-{}"{}>{}</span>', tone, hint, escape_control(text))


def code(code_id: str, severity: str) -> SafeString:
    """Return a check code as a badge in the colour of *severity*."""
    known = CODES.get(code_id)
    return badge(code_id, SEVERITY_TONES.get(severity, "plain"), known.title if known else "")


def severity(value: str) -> SafeString:
    """Return a severity as a badge."""
    return badge(value, SEVERITY_TONES.get(value, "plain"))


def status(value: str) -> SafeString:
    """Return the status of a task or workstream as a badge, or a dash if there is none."""
    return badge(value.replace("_", " "), STATUS_TONES.get(value, "plain")) if value else NONE


def priority(value: str) -> SafeString:
    """Return the priority of a task as a badge."""
    return badge(value, PRIORITY_TONES.get(value, "plain"))


def outcome(value: str) -> SafeString:
    """Return the outcome of a run as a badge."""
    return badge(value, OUTCOME_TONES.get(RunState(value), "plain"))


def distance(ahead: int | None, behind: int | None) -> str:
    """Return the numbers of commits ahead and behind as `1 / 0`, with a question mark for an unknown number."""
    return " / ".join("?" if number is None else str(number) for number in (ahead, behind))


def freshness(value: str, fetch: str) -> SafeString:
    """Return the freshness of a checkout as a badge, or a dash if no run has checked it.

    *fetch* is the result of the run's fetch: it says why a freshness is unknown, with git's message as the title.
    """
    word, tone, title = value.replace("_", " "), FRESHNESS_TONES.get(value, "plain"), ""
    if is_failure(fetch):
        title = f"the remote could not be reached: {line(fetch)}"
        word, tone = ("not reached", "warn") if value == "unknown" else (word, tone)
    elif fetch == NOT_ASKED:
        title = "the run was not asked to fetch"
        word = "not asked" if value == "unknown" else word
    return badge(word, tone, title) if value else NONE


def line(value: str, limit: int = MAX_TEXT_LENGTH) -> str:
    """Return text from outside on one line, cut to *limit* characters."""
    shown = escape_control(value[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def text(value: str, limit: int = 0) -> SafeString:
    """Return text from outside, cut to *limit* characters; the title then has more of it."""
    limit = limit or MAX_TEXT_LENGTH
    shown = escape_control(value[: MAX_TEXT_LENGTH + 1])
    if not shown:
        return NONE
    if len(shown) > limit:
        return format_html('<span title="{}">{}…</span>', shown[:MAX_TEXT_LENGTH], shown[: limit - 1])
    return format_html("{}", shown)


def mono(value: str, limit: int = 0) -> SafeString:
    """Return an id, a path or a message of git in a font of fixed width."""
    return format_html('<span class="sh-mono">{}</span>', text(value, limit)) if value else NONE


def commit(value: str) -> SafeString:
    """Return the first ten digits of a commit."""
    return format_html('<code class="sh-mono" title="{}">{}</code>', value, value[:10]) if value else NONE


def time(value: datetime | None, *, seconds: bool = False) -> SafeString:
    """Return a time in UTC, to the minute or to the second."""
    if value is None:
        return NONE
    value = value.astimezone(UTC)
    form = "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M"
    return format_html(
        '<time datetime="{}" title="{} UTC" class="sh-time">{}</time>',
        value.isoformat(), f"{value:%Y-%m-%d %H:%M:%S}", value.strftime(form),
    )  # fmt: skip


def url(model: str, pk: object) -> str:
    """Return the URL of a row's page; *model* is `app_model`."""
    return reverse(f"admin:{model}_change", args=(pk,))


def listing(model: str, **filters: Any) -> str:
    """Return the URL of the list of *model*; *filters* are its query."""
    return reverse(f"admin:{model}_changelist", query=filters or None)


def link(model: str, pk: int | str | UUID | None, label: str | SafeString, limit: int = 0) -> SafeString:
    """Return a link to a row's page, or only the label if *pk* is None."""
    shown = label if isinstance(label, SafeString) else text(label, limit)
    return format_html('<a class="sh-link" href="{}">{}</a>', url(model, pk), shown) if pk is not None else shown


def anchor(address: str, label: str) -> SafeString:
    """Return a link to *address*."""
    return format_html('<a class="sh-link" href="{}">{}</a>', address, label)


def seconds(value: float) -> str:
    """Return a duration in a unit that reads well; *value* is in seconds."""
    if value >= 120:
        return f"{value / 60:.1f} min"
    return f"{value:.1f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def size(value: int) -> str:
    """Return a size in a unit that reads well; *value* is in bytes."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if value >= factor:
            return f"{value / factor:.1f} {unit}"
    return f"{value} bytes"


def join(cells: Iterable[Cell]) -> SafeString:
    """Return *cells* with dots between them."""
    return format_html_join(" · ", "{}", ((cell,) for cell in cells))
