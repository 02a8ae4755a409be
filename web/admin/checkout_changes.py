"""Changes of chosen checkouts: the page that asks for confirmation first, and the entries in the admin's log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.http import HttpRequest
from django.template.response import TemplateResponse

from statehub.models import Checkout, CheckoutQuerySet
from statehub.text import plural
from web.admin import formatting
from web.admin.readonly import ReadOnlyAdmin

PERMISSION = "statehub.retire_checkout"
"""The permission to retire, bring back and move checkouts."""

CHECKOUTS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Change:
    """A change of checkouts: its action in the lists and its texts; *asks_host* if the user must name a host."""

    action: str
    title: str
    help: str
    button: str
    nothing: str
    done: str
    asks_host: bool = False


def change_checkouts(
    admin: ReadOnlyAdmin,
    request: HttpRequest,
    change: Change,
    checkouts: CheckoutQuerySet,
    apply: Callable[[], list[Checkout]],
) -> TemplateResponse | None:
    """Return the page that asks whether to change *checkouts*, or None after *apply* if the user has confirmed.

    *apply* changes and logs the checkouts, and returns those that it has changed.
    """
    if request.POST.get("confirmed") == "yes":
        number = len(apply())
        level = messages.SUCCESS if number else messages.INFO
        messages.add_message(request, level, f"{number} {plural(number, 'checkout')} {change.done}")
        return None
    rows = list(checkouts.select_related("repo").order_by("repo__slug", "host", "path")[: CHECKOUTS_SHOWN + 1])
    if not rows:
        messages.info(request, change.nothing)
        return None
    context = {
        "title": change.title,
        "change": change,
        "rows": [
            (formatting.text(row.repo.slug), formatting.text(row.host), formatting.mono(row.path))
            for row in rows[:CHECKOUTS_SHOWN]
        ],
        "more": len(rows) > CHECKOUTS_SHOWN,
        "checkbox": ACTION_CHECKBOX_NAME,
        "chosen": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "select_across": "1" if request.POST.get("select_across") == "1" else "0",
        "back": request.get_full_path(),
    }
    return admin.render(request, "web/admin/confirm.html", context)


def log_change(request: HttpRequest, checkouts: list[Checkout], message: str) -> None:
    """Write into the admin's log that the user has changed *checkouts*."""
    if checkouts:
        user: Any = request.user.pk
        LogEntry.objects.log_actions(user, checkouts, CHANGE, change_message=message)
