"""Workstreams: the workplans as the hub mirrors them, with the progress of their tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html

from statehub.models import Task, Workstream
from statehub.statuses import TASK_STATUSES
from web.admin import formatting
from web.admin.columns import column
from web.admin.components import Bar, Bars, Facts, Section
from web.admin.filters import WorkstreamStatusFilter
from web.admin.formatting import Cell
from web.admin.readonly import DeletableAdmin
from web.admin.unfold import AutocompleteSelectFilter
from web.board.workplan import make_sections, meter


@admin.register(Workstream)
class WorkstreamAdmin(DeletableAdmin):
    """All fields mirror the file."""

    list_display = (
        column("Workplan", lambda row: formatting.mono(row.key, 40), ordering="key"),
        column("Title", lambda row: formatting.text(row.title, 70), ordering="title"),
        column("Repo", lambda row: formatting.link("statehub_repo", row.repo_id, row.repo.slug, 30)),
        column("Status", lambda row: formatting.status(row.status)),
        column("Done", lambda row: meter(row.counts)),
        column("Owner", lambda row: formatting.text(row.owner, 24)),
        column("Domain", lambda row: formatting.text(row.domain, 24)),
        column("Status since", lambda row: formatting.time(row.status_changed_at), ordering="status_changed_at"),
    )
    list_filter = (WorkstreamStatusFilter, ("repo", AutocompleteSelectFilter))
    list_select_related = ("repo",)
    ordering = ("repo__slug", "key")
    search_fields = ("key", "title", "owner", "domain")
    search_help_text = "Id, title, owner or domain"
    empty_text = "Workstreams come from workplans. On the machine of a checkout run: manage.py fix_consistency --all"

    def annotate_page(self, rows: list[Workstream]) -> None:
        counts = Task.objects.count_by_status(row.pk for row in rows)
        for row in rows:
            row.counts = counts[row.pk]  # type: ignore[attr-defined]  # for the columns

    def heading(self, obj: Workstream) -> Cell:
        return format_html("{} {}", formatting.text(obj.title, 160), formatting.status(obj.status))

    def sections(self, request: HttpRequest, obj: Workstream) -> Iterable[Section]:
        counts = Task.objects.count_by_status([obj.pk])[obj.pk]
        about_now, *about_tasks = make_sections(obj, counts)
        yield about_now
        bars = [_bar(status, counts[status], counts.total()) for status in TASK_STATUSES if counts[status]]
        if bars:
            yield Bars("Tasks by status", bars)
        yield from about_tasks
        yield Facts("Workplan", list(_facts(obj)))


def _bar(status: str, number: int, total: int) -> Bar:
    return Bar(
        status.replace("_", " "), f"{number:,}", 100 * number / total, formatting.STATUS_TONES.get(status, "plain")
    )


def _facts(row: Workstream) -> Iterator[tuple[str, Cell]]:
    findings = formatting.listing("consistency_finding", q=row.key, checkout__repo__id__exact=row.repo_id)
    yield "Id", formatting.mono(row.key)
    yield "Repo", formatting.link("statehub_repo", row.repo_id, row.repo.slug)
    for move in row.moves.all():
        origin = format_html("from repo {}, {}", formatting.text(move.from_slug, 60), formatting.time(move.at))
        yield "Moved here", origin
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
    yield "Findings", formatting.anchor(findings, "history")
