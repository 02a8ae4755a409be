"""*Retire* and *bring back*: actions of the lists of checkouts and repos; both ask for confirmation."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from consistency.cli.retiring import bring_back, retire
from statehub.models import Checkout, CheckoutQuerySet
from statehub.text import escape_control
from web.admin.checkout_changes import PERMISSION, Change, change_checkouts, log_change
from web.admin.readonly import ReadOnlyAdmin

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
    """An admin whose rows are checkouts or have checkouts; it can retire them and bring them back."""

    actions: tuple[str, ...] = (RETIRE.action, BRING_BACK.action)

    def has_retire_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(PERMISSION))

    def checkouts_of(self, rows: QuerySet[Any]) -> CheckoutQuerySet:
        """Return the checkouts of *rows* of this admin's list."""
        raise NotImplementedError

    @admin.action(description="Retire the selected", permissions=["retire"])
    def retire_chosen(self, request: HttpRequest, queryset: QuerySet[Any]) -> TemplateResponse | None:
        checkouts = self.checkouts_of(queryset.order_by()).active()

        def apply() -> list[Checkout]:
            with transaction.atomic():
                retired = retire(checkouts)
                log_change(request, retired, "Retired.")
            return retired

        return change_checkouts(self, request, RETIRE, checkouts, apply)

    @admin.action(description="Bring back the selected", permissions=["retire"])
    def bring_back_chosen(self, request: HttpRequest, queryset: QuerySet[Any]) -> TemplateResponse | None:
        checkouts = self.checkouts_of(queryset.order_by()).retired()

        def apply() -> list[Checkout]:
            with transaction.atomic():
                result = bring_back(checkouts)
                log_change(request, result.done, "Brought back.")
            for row, other in result.refused:
                reason = f"{row} is now a checkout of '{other.repo.slug}': retire that first"
                messages.error(request, escape_control(f"'{row.repo.slug}' stays retired: {reason}"))
            return result.done

        return change_checkouts(self, request, BRING_BACK, checkouts, apply)
