"""The filters of the lists. Their choices come from the table of codes or from one small query each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from consistency.core.codes import CODES, SEVERITIES
from consistency.models import TRIGGERS, Finding, Mode, RunState
from statehub.models import Checkout
from statehub.statuses import PRIORITIES, TASK_STATUSES, WORKSTREAM_STATUSES
from statehub.text import escape_control
from web.admin.finding_state import FindingState, in_state
from web.admin.unfold import DropdownFilter

Choices = list[tuple[str, str]]


class ChoiceFilter(DropdownFilter):
    """Filter by a column that has one of a few values; an unknown value matches no row."""

    column: str
    values: tuple[str, ...] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(value, value.replace("_", " ")) for value in self.values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(**{self.column: value}) if value else queryset


def choice_filter(name: str, choices: Iterable[str]) -> type[ChoiceFilter]:
    """Return a filter by the column *name*, which has one of *choices*."""

    class ColumnFilter(ChoiceFilter):
        title = parameter_name = column = name
        values = tuple(choices)

    return ColumnFilter


SeverityFilter = choice_filter("severity", map(str, reversed(SEVERITIES)))
ModeFilter = choice_filter("mode", Mode.values)
OutcomeFilter = choice_filter("outcome", RunState.values)
TriggerFilter = choice_filter("trigger", TRIGGERS)
TaskStatusFilter = choice_filter("status", TASK_STATUSES)
WorkstreamStatusFilter = choice_filter("status", WORKSTREAM_STATUSES)
PriorityFilter = choice_filter("priority", reversed(PRIORITIES))


class CodeFilter(ChoiceFilter):
    """Filter by check code."""

    title, parameter_name, column = "code", "code", "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(code.id, f"{code.id} {code.title}") for code in CODES.values()]


class StateFilter(DropdownFilter):
    """Filter by state; `open` includes the unverified."""

    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [
            (FindingState.OPEN, "open"),
            (FindingState.UNVERIFIED, "open, unverified by a later run"),
            (FindingState.RESOLVED, "resolved"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Finding]) -> QuerySet[Finding]:
        value = self.value()
        return in_state(queryset, value) if value else queryset


class FirstSeenFilter(DropdownFilter):
    """Filter by age; the drill-down above the list filters by date."""

    title, parameter_name = "first seen", "since"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("1", "in the last day"), *((str(days), f"in the last {days} days") for days in (7, 30, 90))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Finding]) -> QuerySet[Finding]:
        value = self.value()
        if not value:
            return queryset
        if value not in {"1", "7", "30", "90"}:  # typed into the address
            return queryset.none()
        return queryset.filter(first_seen__gte=timezone.now() - timedelta(days=int(value)))


class HostFilter(ChoiceFilter):
    """Filter by the checkout's host."""

    title, parameter_name, column = "host", "host", "checkout__host"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        hosts = Checkout.objects.order_by("host").values_list("host", flat=True).distinct()
        return [(host, escape_control(host)) for host in hosts]


class CheckoutHostFilter(HostFilter):
    """Filter checkouts by their host."""

    column = "host"


class RetiredFilter(ChoiceFilter):
    """Filter checkouts: active or retired."""

    title, parameter_name, values = "state", "state", ("active", "retired")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(retired_at__isnull=value != "retired") if value else queryset
