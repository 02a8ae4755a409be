"""The filters of the lists. Their choices come from the code tables, or from one small query each."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from consistency.core.codes import CODES, SEVERITIES
from consistency.models import Finding, Mode, RunState
from statehub.models import Checkout
from statehub.statuses import PRIORITIES, TASK_STATUSES, WORKSTREAM_STATUSES
from statehub.text import escape_control
from web.admin.finding_state import FindingState, in_state

if TYPE_CHECKING:
    from django.contrib.admin import SimpleListFilter as DropdownFilter
else:
    from unfold.contrib.filters.admin import DropdownFilter

Choices = list[tuple[str, str]]


class ChoiceFilter(DropdownFilter):
    """A column that equals one of a few words; an unknown word filters to nothing."""

    column: str
    words: tuple[str, ...] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:  # noqa: ARG002 - Django's signature
        """The words, as people read them."""
        return [(word, word.replace("_", " ")) for word in self.words]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002 - Django's signature
        """The rows with the word that was chosen."""
        value = self.value()
        return queryset.filter(**{self.column: value}) if value else queryset


class CodeFilter(ChoiceFilter):
    """By check code."""

    title, parameter_name, column = "code", "code", "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:  # noqa: ARG002 - Django's signature
        """Each code with what it means."""
        return [(code.id, f"{code.id} {code.title}") for code in CODES.values()]


class SeverityFilter(ChoiceFilter):
    """By severity, the worst first."""

    title, parameter_name, column = "severity", "severity", "severity"
    words = tuple(str(severity) for severity in reversed(SEVERITIES))


class StateFilter(DropdownFilter):
    """Open, open but unverified, resolved."""

    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:  # noqa: ARG002 - Django's signature
        """The states."""
        return [
            (FindingState.OPEN, "open"),
            (FindingState.UNVERIFIED, "open, unverified by a later run"),
            (FindingState.RESOLVED, "resolved"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Finding]) -> QuerySet[Finding]:  # noqa: ARG002 - Django's signature
        """The findings in that state."""
        value = self.value()
        return in_state(queryset, value) if value else queryset


class FirstSeenFilter(DropdownFilter):
    """How long ago it was first seen; the drill-down above the list goes by the calendar."""

    title, parameter_name = "first seen", "since"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:  # noqa: ARG002 - Django's signature
        """Numbers of days."""
        return [("1", "in the last day"), *((str(days), f"in the last {days} days") for days in (7, 30, 90))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Finding]) -> QuerySet[Finding]:  # noqa: ARG002 - Django's signature
        """The findings first seen in these days; a number that is not offered filters to nothing."""
        value = self.value()
        if not value:
            return queryset
        if value not in {"1", "7", "30", "90"}:
            return queryset.none()
        return queryset.filter(first_seen__gte=timezone.now() - timedelta(days=int(value)))


class HostFilter(ChoiceFilter):
    """By the checkout's host."""

    title, parameter_name, column = "host", "host", "checkout__host"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:  # noqa: ARG002 - Django's signature
        """Every host that has a checkout."""
        hosts = Checkout.objects.order_by("host").values_list("host", flat=True).distinct()
        return [(host, escape_control(host)) for host in hosts]


class CheckoutHostFilter(HostFilter):
    """By host, among checkouts themselves."""

    column = "host"


class RetiredFilter(DropdownFilter):
    """Active or retired, among checkouts."""

    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:  # noqa: ARG002 - Django's signature
        """The two."""
        return [("active", "active"), ("retired", "retired")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002 - Django's signature
        """The checkouts in that state."""
        value = self.value()
        return queryset.filter(retired_at__isnull=value != "retired") if value else queryset


class ModeFilter(ChoiceFilter):
    """Check or fix."""

    title, parameter_name, column, words = "mode", "mode", "mode", tuple(Mode.values)


class OutcomeFilter(ChoiceFilter):
    """How a run ended."""

    title, parameter_name, column, words = "outcome", "outcome", "outcome", tuple(RunState.values)


class TriggerFilter(ChoiceFilter):
    """What started a run."""

    title, parameter_name, column = "trigger", "trigger", "trigger"
    words = ("command", "cron", "admin", "api")


class TaskStatusFilter(ChoiceFilter):
    """By a task's status."""

    title, parameter_name, column, words = "status", "status", "status", TASK_STATUSES


class WorkstreamStatusFilter(ChoiceFilter):
    """By a workstream's status."""

    title, parameter_name, column, words = "status", "status", "status", WORKSTREAM_STATUSES


class PriorityFilter(ChoiceFilter):
    """By a task's priority, the highest first."""

    title, parameter_name, column, words = "priority", "priority", "priority", tuple(reversed(PRIORITIES))
