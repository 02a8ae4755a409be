"""*Retire* and *bring back*: actions of the lists of checkouts and repos, each after a page that asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from consistency.cli.retiring import bring_back, retire
from statehub.models import Checkout, CheckoutQuerySet
from statehub.text import escape_control
from web.admin import formatting
from web.admin.readonly import ReadOnlyAdmin

PERMISSION = "statehub.retire_checkout"

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Change:
    """What is done with the chosen checkouts: the action of the list, and the texts. *asks_host* for one that moves."""

    action: str
    title: str
    help: str
    button: str
    nothing: str
    done: str
    asks_host: bool = False


RETIRE = Change(
    action="retire_chosen",
    title="Retire checkouts",
    help="These checkouts will no longer be run or shown as overdue, and their open findings are closed. Their history "
    "is kept. Bring them back here or with register_repo PATH on their host.",
    button="Retire",
    nothing="Nothing to do: these checkouts are already retired.",
    done="retired",
)
BRING_BACK = Change(
    action="bring_back_chosen",
    title="Bring back checkouts",
    help="These checkouts will be run and shown again, with the history that they had. The next run on their host "
    "checks them.",
    button="Bring back",
    nothing="Nothing to do: none of these checkouts is retired.",
    done="brought back",
)


class RetiringAdmin(ReadOnlyAdmin):
    """An admin of checkouts, or of what has some, that can retire them and bring them back."""

    actions: tuple[str, ...] = (RETIRE.action, BRING_BACK.action)  # type: ignore[assignment]  # the base has none

    def has_retire_permission(self, request: HttpRequest) -> bool:
        """By a permission of its own, which operators have."""
        return bool(request.user.has_perm(PERMISSION))

    def checkouts_of(self, rows: QuerySet[Any]) -> CheckoutQuerySet:
        """The checkouts that *rows* of this admin's list stand for."""
        raise NotImplementedError

    @admin.action(description="Retire the selected", permissions=["retire"])
    def retire_chosen(self, request: HttpRequest, queryset: QuerySet[Any]) -> TemplateResponse | None:
        """Ask first; once that is confirmed, they are no longer run or shown as overdue."""
        wanted = self.checkouts_of(queryset.order_by()).active()

        def do() -> list[Checkout]:
            with transaction.atomic():
                done = retire(wanted)
                record(request, done, "Retired.")
            return done

        return self.change_chosen(request, RETIRE, wanted, do)

    @admin.action(description="Bring back the selected", permissions=["retire"])
    def bring_back_chosen(self, request: HttpRequest, queryset: QuerySet[Any]) -> TemplateResponse | None:
        """Ask first; once that is confirmed, those whose place is free are active again."""
        wanted = self.checkouts_of(queryset.order_by()).retired()

        def do() -> list[Checkout]:
            with transaction.atomic():
                result = bring_back(wanted)
                record(request, result.done, "Brought back.")
            for row, other in result.refused:
                words = f"{row} is now a checkout of '{other.repo.slug}': retire that first"
                messages.error(request, escape_control(f"'{row.repo.slug}' stays retired: {words}"))
            return result.done

        return self.change_chosen(request, BRING_BACK, wanted, do)

    def change_chosen(
        self, request: HttpRequest, change: Change, wanted: CheckoutQuerySet, do: Callable[[], list[Checkout]]
    ) -> TemplateResponse | None:
        """Ask about *wanted*, or *do* it if that is confirmed; it returns those that it has changed and recorded."""
        if request.POST.get("confirmed") == "yes":
            done = do()
            level = messages.SUCCESS if done else messages.INFO
            number = f"{len(done)} {'checkout' if len(done) == 1 else 'checkouts'}"
            messages.add_message(request, level, f"{number} {change.done}")
            return None
        found = list(wanted.select_related("repo").order_by("repo__slug", "host", "path")[: SHOWN + 1])
        if not found:
            messages.info(request, change.nothing)
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": change.title,
            "change": change,
            "rows": [
                (formatting.text(row.repo.slug), formatting.text(row.host), formatting.mono(row.path))
                for row in found[:SHOWN]
            ],
            "more": len(found) > SHOWN,
            "checkbox": ACTION_CHECKBOX_NAME,
            "chosen": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": "1" if request.POST.get("select_across") == "1" else "0",
            "back": request.get_full_path(),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "web/admin/confirm.html", context)


def record(request: HttpRequest, checkouts: list[Checkout], message: str) -> None:
    """Keep in the admin's log that the user has changed *checkouts*."""
    if checkouts:
        user: Any = request.user.pk
        LogEntry.objects.log_actions(user, checkouts, CHANGE, change_message=message)
