"""Tasks: the list, and a page for each with its status history and the forms that change its status."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join

from consistency.models import Finding
from statehub.dependencies import split_names
from statehub.models import StatusChange, Task
from statehub.statuses import TASK_STATUSES, is_regress
from statehub.transitions import delete_tasks
from web.admin import formatting, task_actions
from web.admin.columns import column
from web.admin.components import Event, Facts, Section, StatusForm, Table, Timeline
from web.admin.filters import PriorityFilter, TaskStatusFilter
from web.admin.formatting import Cell
from web.admin.readonly import DeletableAdmin
from web.admin.unfold import AutocompleteSelectFilter

EVENTS_SHOWN = 200
FINDINGS_SHOWN = 20


def _workplan(task: Task) -> Cell:
    return formatting.link("statehub_workstream", task.workstream_id, formatting.mono(task.workstream.key, 30))


def _repo(task: Task) -> Cell:
    return formatting.link("statehub_repo", task.workstream.repo_id, task.workstream.repo.slug, 30)


@admin.register(Task)
class TaskAdmin(DeletableAdmin):
    """Users change only the status, by *advance* and *reopen*; all other fields mirror the file."""

    list_display = (
        column("Task", lambda row: formatting.mono(row.key, 40), ordering="key"),
        column("Title", lambda row: formatting.text(row.title, 80)),
        column("Status", lambda row: formatting.status(row.status)),
        column("Priority", lambda row: formatting.priority(row.priority)),
        column("Workplan", _workplan),
        column("Repo", _repo),
        column("Status since", lambda row: formatting.time(row.status_changed_at), ordering="status_changed_at"),
    )
    list_filter = (TaskStatusFilter, PriorityFilter, ("workstream__repo", AutocompleteSelectFilter))
    list_select_related = ("workstream__repo",)
    ordering = ("-status_changed_at", "-id")
    search_fields = ("key", "title")
    search_help_text = "Id or title"
    empty_text = "Tasks come from workplans. On the machine of a checkout run: manage.py fix_consistency --all"

    def delete_model(self, request: HttpRequest, obj: Task) -> None:
        delete_tasks(Task.objects.filter(pk=obj.pk))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<uuid:pk>/advance/", view(task_actions.advance_view), name="statehub_task_advance"),
            path("<uuid:pk>/reopen/", view(task_actions.reopen_view), name="statehub_task_reopen"),
            *super().get_urls(),
        ]

    def heading(self, obj: Task) -> Cell:
        return format_html("{} {}", formatting.text(obj.title, 160), formatting.status(obj.status))

    def sections(self, request: HttpRequest, obj: Task) -> Iterable[Section]:
        yield Facts("Task", list(_facts(obj)))
        yield from _status_forms(request, obj)
        changes = list(obj.changes.order_by("-at", "-id")[: EVENTS_SHOWN + 1])
        note = f"Only the newest {EVENTS_SHOWN} changes are shown." if len(changes) > EVENTS_SHOWN else ""
        events = [_event(change) for change in changes[:EVENTS_SHOWN]] or [
            Event(obj.status_changed_at, format_html("Created in the hub as {}", formatting.status(obj.status)))
        ]
        yield Timeline("Status history (UTC), newest first", events, note)
        workstream = obj.workstream
        # Also the findings in repos that the workplan has moved from.
        repos = [workstream.repo_id, *filter(None, workstream.moves.values_list("from_repo", flat=True))]
        findings = Finding.objects.filter(
            checkout__repo__in=repos, workplan=workstream.key, task=obj.key
        ).select_related("checkout")
        yield Table(
            "Findings about this task",
            ("Code", "Message", "Host", "First seen", "Resolved"),
            [
                (
                    formatting.link("consistency_finding", row.pk, formatting.code(row.code, row.severity)),
                    formatting.text(row.message, 140),
                    formatting.text(row.checkout.host, 30),
                    formatting.time(row.first_seen),
                    formatting.time(row.resolved_at) if row.resolved_at else formatting.badge("open", "warn"),
                )
                for row in findings.order_by("-first_seen", "-id")[:FINDINGS_SHOWN]
            ],
        )


def _facts(task: Task) -> Iterator[tuple[str, Cell]]:
    workstream = task.workstream
    yield "Id", formatting.mono(task.key)
    yield "Title", formatting.text(task.title)
    yield "Status", formatting.status(task.status)
    yield "Status since", formatting.time(task.status_changed_at, seconds=True)
    yield "Priority", formatting.priority(task.priority)
    yield "Owner", formatting.text(task.owner)
    if task.taken_by:
        yield (
            "Who has it",
            format_html("{} since {}", formatting.text(task.taken_by, 60), formatting.time(task.taken_at)),
        )
    if task.depends:
        yield (
            "Depends on",
            format_html_join(", ", "{}", ((formatting.mono(name),) for name in split_names(task.depends))),
        )
    yield "Workplan", formatting.link("statehub_workstream", workstream.pk, str(workstream), 100)
    yield "Repo", formatting.link("statehub_repo", workstream.repo_id, workstream.repo.slug)
    yield "File", formatting.mono(workstream.path)
    yield "UUID", formatting.mono(str(task.pk))


def _status_forms(request: HttpRequest, task: Task) -> Iterator[StatusForm]:
    """Yield the forms that the user may use, with the statuses that they may set."""
    back = [status for status in TASK_STATUSES if is_regress(task.status, status)]
    forward = [status for status in TASK_STATUSES if status not in (task.status, *back)]
    if forward and request.user.has_perm(task_actions.ADVANCE):
        url = reverse("admin:statehub_task_advance", args=(task.pk,))
        help = "To a status of the same or a higher rank; the next fix writes it into the file."
        yield StatusForm("Advance", url, "Advance", forward, reason=False, help=help)
    if back and request.user.has_perm(task_actions.REOPEN):
        url = reverse("admin:statehub_task_reopen", args=(task.pk,))
        help = "Moves it backwards and records the reason. A run never does that."
        yield StatusForm("Reopen", url, "Reopen", back, reason=True, help=help)


def _event(change: StatusChange) -> Event:
    title = format_html(
        '<span class="sh-pair">{} <span aria-label="to">→</span> {}</span>',
        formatting.status(change.old),
        formatting.status(change.new),
    )
    if change.reopen:
        title = format_html("{} {}", title, formatting.badge("reopened", "warn"))
    return Event(change.at, title, _actor(change), formatting.STATUS_TONES.get(change.new, "plain"))


def _actor(change: StatusChange) -> Cell:
    parts = [format_html("by {} ({})", formatting.text(change.who, 60) if change.who else "unknown", change.source)]
    if change.host:
        parts.append(format_html("on {}", formatting.text(change.host, 60)))
    if change.commit:
        parts.append(format_html("at {}", formatting.commit(change.commit)))
    if change.reason:
        parts.append(format_html("– {}", formatting.text(change.reason)))
    return format_html("{} " * len(parts), *parts)
