"""Workstreams: the workplans as the hub mirrors them, with how far their tasks are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from statehub.models import Task, Workstream
from statehub.statuses import TASK_STATUSES
from web.admin import formatting
from web.admin.components import Bar, Bars, Facts, Section, Table
from web.admin.deletable import DeletableAdmin
from web.admin.filters import WorkstreamStatusFilter
from web.admin.readonly import more

if TYPE_CHECKING:
    from django.contrib.admin import RelatedFieldListFilter as AutocompleteSelectFilter
else:
    from unfold.contrib.filters.admin import AutocompleteSelectFilter

SHOWN = 200


def progress(workstreams: Iterable[object]) -> dict[Any, Counter[str]]:
    """The number of tasks by status of each of *workstreams*, in one query."""
    found: dict[Any, Counter[str]] = {pk: Counter() for pk in workstreams}
    rows = Task.objects.filter(workstream__in=list(found)).order_by().values_list("workstream", "status")
    for pk, status, number in rows.annotate(number=Count("pk")):
        found[pk][status] = number
    return found


@admin.register(Workstream)
class WorkstreamAdmin(DeletableAdmin):
    """The mirrored fields are the file's: nobody edits them here."""

    list_display = ("key_link", "title_text", "repo_link", "status_badge", "done", "owner_text", "domain_text", "moved")
    list_filter = (WorkstreamStatusFilter, ("repo", AutocompleteSelectFilter))
    ordering = ("repo__slug", "key")
    sortable_by = ("key_link", "title_text", "moved")
    search_fields = ("key", "title", "owner", "domain")
    search_help_text = "Id, title, owner or domain"
    empty_text = "Workstreams come from workplans. On the machine of a checkout run: manage.py fix_consistency --all"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workstream]:
        """Workstreams with their repos."""
        rows: QuerySet[Workstream] = super().get_queryset(request)
        return rows.select_related("repo")

    def complete(self, rows: list[Workstream]) -> None:
        """Count the tasks of the workstreams of a page."""
        counts = progress(row.pk for row in rows)
        for row in rows:
            row.counts = counts[row.pk]  # type: ignore[attr-defined]  # for the columns

    @admin.display(description="Workplan", ordering="key")
    def key_link(self, obj: Workstream) -> SafeString:
        """Its id."""
        return formatting.mono(obj.key, 40)

    @admin.display(description="Title", ordering="title")
    def title_text(self, obj: Workstream) -> SafeString:
        """Its title."""
        return formatting.text(obj.title, 70)

    @admin.display(description="Repo")
    def repo_link(self, obj: Workstream) -> SafeString:
        """Its repo's page."""
        return formatting.link("statehub_repo", obj.repo_id, obj.repo.slug, 30)

    @admin.display(description="Status")
    def status_badge(self, obj: Workstream) -> SafeString:
        """Its status."""
        return formatting.status(obj.status)

    @admin.display(description="Done")
    def done(self, obj: Any) -> SafeString:
        """How many of its tasks are over."""
        over, whole = _over(obj.counts), obj.counts.total()
        share = round(100 * over / whole) if whole else 0
        return format_html(
            '<span class="sh-meter" aria-hidden="true"><span style="width:{}%"></span></span> {} / {}',
            share,
            over,
            whole,
        )

    @admin.display(description="Owner")
    def owner_text(self, obj: Workstream) -> SafeString:
        """Its owner."""
        return formatting.text(obj.owner, 24)

    @admin.display(description="Domain")
    def domain_text(self, obj: Workstream) -> SafeString:
        """Its domain."""
        return formatting.text(obj.domain, 24)

    @admin.display(description="Status since", ordering="status_changed_at")
    def moved(self, obj: Workstream) -> SafeString:
        """Since when it has its status."""
        return formatting.time(obj.status_changed_at)

    def heading(self, obj: Workstream) -> SafeString:
        """Its title and status."""
        return format_html("{} {}", formatting.text(obj.title, 160), formatting.status(obj.status))

    def sections(self, request: HttpRequest, obj: Workstream) -> Iterable[Section]:  # noqa: ARG002 - the base's signature
        """What the file says of it, how far it is, its tasks."""
        yield Facts("Workplan", list(_facts(obj)))
        counts = progress([obj.pk])[obj.pk]
        whole = counts.total()
        if whole:
            yield Bars(
                "Tasks by status",
                [
                    _bar(status, counts[status], whole)
                    for status in TASK_STATUSES
                    if counts[status]
                ],
            )  # fmt: skip
        url = formatting.listing("statehub_task", workstream__id__exact=obj.pk)
        yield Table(
            "Tasks",
            ("Id", "Title", "Status", "Priority", "Status since"),
            [
                (
                    formatting.link("statehub_task", task.pk, formatting.mono(task.key, 40)),
                    formatting.text(task.title, 90),
                    formatting.status(task.status),
                    formatting.priority(task.priority),
                    formatting.time(task.status_changed_at),
                )
                for task in obj.tasks.order_by("key")[:SHOWN]
            ],
            note=more(SHOWN, whole, url),
        )


def _bar(status: str, number: int, whole: int) -> Bar:
    return Bar(status.replace("_", " "), f"{number:,}", 100 * number / whole, formatting.STATUS_TONES[status])


def _over(counts: Counter[str]) -> int:
    return counts["done"] + counts["cancelled"]


def _facts(row: Workstream) -> Iterator[tuple[str, SafeString | str]]:
    findings = formatting.listing("consistency_finding", q=row.key, checkout__repo__id__exact=row.repo_id)
    yield "Id", formatting.mono(row.key)
    yield "Repo", formatting.link("statehub_repo", row.repo_id, row.repo.slug)
    for move in row.moves.all():
        yield (
            "Moved here",
            format_html("from repo {}, {}", formatting.text(move.from_slug, 60), formatting.time(move.at)),
        )
    yield "File", formatting.mono(row.path)
    yield "Status", formatting.status(row.status)
    yield "Status since", formatting.time(row.status_changed_at)
    yield "Owner", formatting.text(row.owner)
    yield "Domain", formatting.text(row.domain)
    yield "Front matter's repo", formatting.text(row.repo_name)
    yield "Topic", formatting.text(row.topic_slug)
    yield "Created", formatting.text(row.created)
    yield "Updated", formatting.text(row.updated)
    yield "UUID", formatting.mono(str(row.pk))
    yield "Version", f"{row.version:,}"
    yield "Findings", format_html('<a class="sh-link" href="{}">history</a>', findings)
