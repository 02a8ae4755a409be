"""The webhook of a repo on its page: what was delivered and refused, and what to enter at its forge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.http import HttpRequest
from django.utils.html import format_html

from statehub.models import Checkout, Forge, Repo
from web.admin import formatting
from web.admin.components import Facts, Note, Section
from web.admin.formatting import Cell
from web.hooks.instructions import forge_name, list_fields
from web.hooks.webhooks import get_path
from web.models import Webhook

STATES = {
    "refused": ("bad", "the last delivery was refused"),
    "silent": ("warn", "polling has found a push that was not announced"),
    "waiting": ("muted", "nothing was delivered yet"),
    "heard": ("good", "the last delivery was accepted"),
}
"""States of a webhook, each with its tone and its meaning; those that need attention come first."""


def with_state(rows: QuerySet[Webhook]) -> QuerySet[Any]:
    """Return *rows* with their `state`, with `missed_at`, the time of a push that they did not announce, or None, and
    with `attention`, by which the states that need it come first.
    """  # fmt: skip
    missed = Checkout.objects.active().filter(repo=OuterRef("repo"), unannounced_at__isnull=False)
    is_refused = Q(refused_at__isnull=False) & (Q(delivered_at=None) | Q(refused_at__gt=F("delivered_at")))
    state = Case(
        When(is_refused, then=Value("refused")),
        When(missed_at__isnull=False, then=Value("silent")),
        When(delivered_at=None, then=Value("waiting")),
        default=Value("heard"),
    )
    order = [When(state=name, then=Value(number)) for number, name in enumerate(STATES)]
    newest = missed.order_by("-unannounced_at").values("unannounced_at")[:1]
    return rows.annotate(missed_at=Subquery(newest)).annotate(state=state).annotate(attention=Case(*order))


def badge(state: str) -> Cell:
    """Return *state* as a badge, its meaning as the title."""
    tone, meaning = STATES[state]
    return formatting.badge(state, tone, meaning)


def list_sections(request: HttpRequest, repo: Repo, checkouts: Sequence[Checkout]) -> Iterator[Section]:
    """Yield the sections about the webhook of *repo*; for one without, a note if workers run one of its *checkouts*."""
    webhook = with_state(Webhook.objects.filter(repo=repo)).first()
    if webhook is not None:
        yield Facts("Webhook", list(_facts(request, webhook)))
        yield Facts(f"To enter at {forge_name(webhook.forge)}", list(_fields(request, webhook, repo)))
    elif any((checkout.managed or checkout.watch) and checkout.retired_at is None for checkout in checkouts):
        command = format_html('<code class="sh-mono">manage.py webhook {}</code>', repo.slug)
        yield Note(
            "No webhook",
            format_html("Pushes are found when the hub polls the remote. With a webhook they are at once: {}", command),
            "plain",
        )


def _facts(request: HttpRequest, webhook: Any) -> Iterator[tuple[str, Cell]]:
    """Yield the facts of *webhook*, which has its state."""
    yield "State", badge(webhook.state)
    yield "Forge", Forge(webhook.forge).label
    yield "URL", formatting.mono(request.build_absolute_uri(get_path(webhook)))
    yield "Last delivery", _time_and_text(webhook.delivered_at, webhook.event)
    yield "Last refused", _time_and_text(webhook.refused_at, webhook.refused_reason)
    if webhook.missed_at is not None:
        yield "Not announced", _time_and_text(webhook.missed_at, "a push that polling found")
    yield "Created", formatting.time(webhook.created_at)
    if webhook.previous_until is not None:
        yield "Previous secret until", formatting.time(webhook.previous_until)


def _fields(request: HttpRequest, webhook: Webhook, repo: Repo) -> Iterator[tuple[str, Cell]]:
    url = request.build_absolute_uri(get_path(webhook))
    for name, value in list_fields(webhook.forge, url, "the secret that manage.py webhook printed once"):
        yield name, formatting.mono(value) if url in value else formatting.text(value)
    yield (
        "Secret lost",
        format_html('<code class="sh-mono">manage.py webhook {} --rotate</code> prints a new one', repo.slug),
    )


def _time_and_text(at: datetime | None, text: str) -> Cell:
    if at is None:
        return formatting.NONE
    return format_html("{} {}", formatting.time(at, seconds=True), formatting.text(text) if text else "")
