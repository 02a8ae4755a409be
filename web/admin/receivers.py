"""The page of the receivers of notifications: whether each takes its messages, and what waits for it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from consistency.db.receivers import ReceiverState, read_receivers
from web.admin import formatting
from web.admin.components import Table
from web.admin.formatting import Cell

PERMISSION = "consistency.view_finding"


@require_safe
@permission_required(PERMISSION, raise_exception=True)
def receivers_view(request: HttpRequest) -> HttpResponse:
    """Show the page."""
    context = {
        **admin.site.each_context(request),
        "title": "Notifications",
        "heading": "Notifications",
        "sections": [make_table(timezone.now())],
    }
    request.current_app = admin.site.name
    return TemplateResponse(request, "web/admin/record.html", context)


def make_table(now: datetime) -> Table:
    """Return the table of the receivers: first those that fail. One query."""
    receivers = read_receivers(now, timedelta(hours=settings.STATEHUB_OVERDUE_HOURS))
    return Table(
        "Receivers",
        ("Receiver", "State", "Failing since", "Failed tries", "Next try", "Waiting", "Last error"),
        [
            (
                formatting.text(receiver.name, 70),
                _badge(receiver),
                formatting.time(receiver.failing_since),
                f"{receiver.failures:,}",
                formatting.time(receiver.retry_at),
                f"{receiver.waiting:,}",
                formatting.text(receiver.error, 70) if receiver.error else formatting.NONE,
            )
            for receiver in sorted(receivers, key=lambda receiver: not receiver.is_failing)
        ],
        empty="None yet. A run sends notifications to the receivers in the setting STATEHUB_NOTIFY.",
    )


def _badge(receiver: ReceiverState) -> Cell:
    if receiver.is_abandoned:
        return formatting.badge("abandoned", "muted", "it failed, and no process tries it any longer")
    if receiver.is_failing:
        return formatting.badge("failing", "bad", "the last message was not taken")
    return formatting.badge("ok", "good", "no message waits because of a failure")
