"""*Retire*: an action of the lists of checkouts and repos, after a page that asks; nothing is deleted."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from consistency.retiring import retire
from statehub.models import Checkout
from web.admin import look
from web.admin.record import RecordAdmin

PERMISSION = "statehub.retire_checkout"
ACTION = "retire_chosen"

SHOWN = 100


class RetiringAdmin(RecordAdmin):
    """An admin of checkouts, or of what has some, that can retire them."""

    actions = (ACTION,)  # type: ignore[assignment]  # the base has none

    def has_retire_permission(self, request: HttpRequest) -> bool:
        """By a permission of its own, which operators have."""
        return bool(request.user.has_perm(PERMISSION))

    def checkouts_of(self, rows: QuerySet[Any]) -> QuerySet[Checkout]:
        """The checkouts that *rows* of this admin's list stand for."""
        raise NotImplementedError

    @admin.action(description="Retire the chosen", permissions=["retire"])
    def retire_chosen(self, request: HttpRequest, queryset: QuerySet[Any]) -> TemplateResponse | None:
        """Ask first; once that is confirmed, they are no longer run or shown as overdue."""
        wanted = self.checkouts_of(queryset.order_by()).active().select_related("repo")  # type: ignore[attr-defined]  # its own queryset
        if request.POST.get("confirmed") == "yes":
            number = len(retire(wanted))
            messages.success(request, f"{number} {'checkout' if number == 1 else 'checkouts'} retired")
            return None
        found = list(wanted.order_by("repo__slug", "host", "path")[: SHOWN + 1])
        if not found:
            messages.info(request, "There is no checkout to retire: they are retired already.")
            return None
        across = request.POST.get("select_across") == "1"
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Retire checkouts",
            "rows": [(look.text(row.repo.slug), look.text(row.host), look.mono(row.path)) for row in found[:SHOWN]],
            "more": len(found) > SHOWN,
            "action": ACTION,
            "checkbox": ACTION_CHECKBOX_NAME,
            "chosen": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": "1" if across else "0",
            "back": request.get_full_path(),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "web/admin/retire.html", context)
