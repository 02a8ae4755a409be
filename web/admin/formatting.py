"""How single values look: badges, times, commits, links. What comes from outside is escaped and made visible here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from consistency.core.codes import CODES
from consistency.core.comparison.gates import NOT_ASKED, is_failure
from consistency.models import RunState
from statehub.text import escape_control

NONE = format_html('<span class="sh-none" aria-label="{}">–</span>', "none")

SEVERITY_TONES = {"FAIL": "bad", "WARN": "warn", "INFO": "info"}
STATUS_TONES = {
    "todo": "plain", "draft": "plain", "in_progress": "info", "active": "info", "blocked": "bad", "done": "good",
    "cancelled": "muted",
}  # fmt: skip
OUTCOME_TONES = {RunState.OK: "good", RunState.SKIPPED: "warn", RunState.ERROR: "bad", RunState.RUNNING: "info"}
FRESHNESS_TONES = {
    "fresh": "good", "behind": "warn", "diverged": "bad", "unknown": "muted", "no_upstream": "muted",
    "gone": "bad",
}  # fmt: skip
MAX_TEXT_LENGTH = 2000
"""Characters of one text that a page shows at most: whatever a file holds, the page stays usable."""

PRIORITY_TONES = {"low": "muted", "medium": "plain", "high": "warn", "critical": "bad"}


def badge(text: str, tone: str = "plain", title: str = "") -> SafeString:
    """A word in a coloured box; the colour only repeats what the word says."""
    hint = format_html(' title="{}"', title) if title else ""
    return format_html('<span class="sh-badge sh-{}"{}>{}</span>', tone, hint, escape_control(text))


def code(code_id: str, severity: str) -> SafeString:
    """A check code, coloured by the severity that it had."""
    known = CODES.get(code_id)
    return badge(code_id, SEVERITY_TONES.get(severity, "plain"), known.title if known else "")


def severity(value: str) -> SafeString:
    """FAIL, WARN or INFO."""
    return badge(value, SEVERITY_TONES.get(value, "plain"))


def status(value: str) -> SafeString:
    """A task's or workstream's status, a dash where there is none."""
    return badge(value.replace("_", " "), STATUS_TONES.get(value, "plain")) if value else NONE


def priority(value: str) -> SafeString:
    """A task's priority."""
    return badge(value, PRIORITY_TONES.get(value, "plain"))


def outcome(value: str) -> SafeString:
    """How a run ended."""
    return badge(value, OUTCOME_TONES.get(RunState(value), "plain"))


def distance(ahead: int | None, behind: int | None) -> str:
    """How many commits a checkout is ahead and behind: `1 / 0`, with a question mark for what is not known."""
    return " / ".join("?" if number is None else str(number) for number in (ahead, behind))


def freshness(value: str, fetch: str) -> SafeString:
    """A checkout's freshness, a dash if no run has looked; *fetch* is how the run's fetch ended.

    `unknown` says why: the remote was not asked, or it could not be reached, with git's message as the title.
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
    """Text from outside on one line; what is longer than *limit* characters is cut."""
    shown = escape_control(value[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def text(value: str, limit: int = 0) -> SafeString:
    """Text from outside; what is longer than *limit* characters is cut, with more of it as the title."""
    limit = limit or MAX_TEXT_LENGTH
    shown = escape_control(value[: MAX_TEXT_LENGTH + 1])
    if not shown:
        return NONE
    if len(shown) > limit:
        return format_html('<span title="{}">{}…</span>', shown[:MAX_TEXT_LENGTH], shown[: limit - 1])
    return format_html("{}", shown)


def mono(value: str, limit: int = 0) -> SafeString:
    """An id, a path, or git's words."""
    return format_html('<span class="sh-mono">{}</span>', text(value, limit)) if value else NONE


def commit(value: str) -> SafeString:
    """A commit by its first ten digits."""
    return format_html('<code class="sh-mono" title="{}">{}</code>', value, value[:10]) if value else NONE


def time(value: datetime | None, *, seconds: bool = False) -> SafeString:
    """A time in UTC, to the minute or to the second."""
    if value is None:
        return NONE
    value = value.astimezone(UTC)
    form = "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M"
    return format_html(
        '<time datetime="{}" title="{} UTC" class="sh-time">{}</time>',
        value.isoformat(), f"{value:%Y-%m-%d %H:%M:%S}", value.strftime(form),
    )  # fmt: skip


def url(model: str, pk: object) -> str:
    """The address of a page: *model* is `app_model`."""
    return reverse(f"admin:{model}_change", args=(pk,))


def listing(model: str, **wanted: Any) -> str:
    """The address of the list of *model*, filtered."""
    return reverse(f"admin:{model}_changelist", query=wanted or None)


def link(model: str, pk: int | str | UUID | None, label: str | SafeString, limit: int = 0) -> SafeString:
    """A link to a page, or only the label where there is no such page."""
    shown = label if isinstance(label, SafeString) else text(label, limit)
    return format_html('<a class="sh-link" href="{}">{}</a>', url(model, pk), shown) if pk is not None else shown


def anchor(address: str, label: str) -> SafeString:
    """A link to *address*."""
    return format_html('<a class="sh-link" href="{}">{}</a>', address, label)


def seconds(value: float) -> str:
    """A duration, in the unit that reads best."""
    if value >= 120:
        return f"{value / 60:.1f} min"
    return f"{value:.1f} s" if value >= 1 else f"{value * 1000:.0f} ms"
