"""Tasks: as the hub mirrors them, with their status history, and the two ways a person moves a status."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from consistency.models import Finding
from statehub.models import StatusChange, Task
from statehub.statuses import TASK_STATUSES, is_regress
from statehub.transitions import delete_tasks
from web.admin import formatting, task_actions
from web.admin.components import Event, Facts, MoveForm, Section, Table, Timeline
from web.admin.deletable import DeletableAdmin
from web.admin.filters import PriorityFilter, TaskStatusFilter

if TYPE_CHECKING:
    from django.contrib.admin import RelatedFieldListFilter as AutocompleteSelectFilter
else:
    from unfold.contrib.filters.admin import AutocompleteSelectFilter

EVENTS_SHOWN = 200
FINDINGS_SHOWN = 20


@admin.register(Task)
class TaskAdmin(DeletableAdmin):
    """The mirrored fields are the file's; the status moves by *advance* and *reopen* alone."""

    list_display = ("key_link", "title_text", "status_badge", "priority_badge", "workstream_link", "repo_link", "moved")
    list_filter = (TaskStatusFilter, PriorityFilter, ("workstream__repo", AutocompleteSelectFilter))
    ordering = ("-status_changed_at", "-id")
    sortable_by = ("key_link", "moved")
    search_fields = ("key", "title")
    search_help_text = "Id or title"
    empty_text = "Tasks come from workplans. On the machine of a checkout run: manage.py fix_consistency --all"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        """Tasks with their workstreams and repos."""
        rows: QuerySet[Task] = super().get_queryset(request)
        return rows.select_related("workstream__repo")

    def delete_model(self, _request: HttpRequest, obj: Task) -> None:
        """Delete one, through `moves`."""
        delete_tasks(Task.objects.filter(pk=obj.pk))

    def get_urls(self) -> list[URLPattern]:
        """The pages, and the two moves."""
        view = self.admin_site.admin_view
        return [
            path("<uuid:pk>/advance/", view(task_actions.advance_view), name="statehub_task_advance"),
            path("<uuid:pk>/reopen/", view(task_actions.reopen_view), name="statehub_task_reopen"),
            *super().get_urls(),
        ]

    @admin.display(description="Task", ordering="key")
    def key_link(self, obj: Task) -> SafeString:
        """Its id."""
        return formatting.mono(obj.key, 40)

    @admin.display(description="Title")
    def title_text(self, obj: Task) -> SafeString:
        """Its title."""
        return formatting.text(obj.title, 80)

    @admin.display(description="Status")
    def status_badge(self, obj: Task) -> SafeString:
        """Its status."""
        return formatting.status(obj.status)

    @admin.display(description="Priority")
    def priority_badge(self, obj: Task) -> SafeString:
        """Its priority."""
        return formatting.priority(obj.priority)

    @admin.display(description="Workplan")
    def workstream_link(self, obj: Task) -> SafeString:
        """Its workstream's page."""
        return formatting.link("statehub_workstream", obj.workstream_id, formatting.mono(obj.workstream.key, 30))

    @admin.display(description="Repo")
    def repo_link(self, obj: Task) -> SafeString:
        """Its repo's page."""
        return formatting.link("statehub_repo", obj.workstream.repo_id, obj.workstream.repo.slug, 30)

    @admin.display(description="Status since", ordering="status_changed_at")
    def moved(self, obj: Task) -> SafeString:
        """Since when it has its status."""
        return formatting.time(obj.status_changed_at)

    def heading(self, obj: Task) -> SafeString:
        """Its title and status."""
        return format_html("{} {}", formatting.text(obj.title, 160), formatting.status(obj.status))

    def sections(self, request: HttpRequest, obj: Task) -> Iterable[Section]:
        """What the file says of it, the moves that are open to the user, its history, its findings."""
        yield Facts("Task", list(_facts(obj)))
        yield from _moves(request, obj)
        changes = list(obj.changes.order_by("-at", "-id")[: EVENTS_SHOWN + 1])
        note = f"Only the newest {EVENTS_SHOWN} changes are shown." if len(changes) > EVENTS_SHOWN else ""
        events = [_event(change) for change in changes[:EVENTS_SHOWN]] or [
            Event(obj.status_changed_at, format_html("Created in the hub as {}", formatting.status(obj.status)))
        ]
        yield Timeline("Status history (UTC), newest first", events, note)
        workstream = obj.workstream
        # Also those of the repos that the workplan has moved from.
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


def _facts(task: Task) -> Iterator[tuple[str, SafeString | str]]:
    workstream = task.workstream
    yield "Id", formatting.mono(task.key)
    yield "Title", formatting.text(task.title)
    yield "Status", formatting.status(task.status)
    yield "Status since", formatting.time(task.status_changed_at, seconds=True)
    yield "Priority", formatting.priority(task.priority)
    yield "Workplan", formatting.link("statehub_workstream", workstream.pk, str(workstream), 100)
    yield "Repo", formatting.link("statehub_repo", workstream.repo_id, workstream.repo.slug)
    yield "File", formatting.mono(workstream.path)
    yield "UUID", formatting.mono(str(task.pk))


def _moves(request: HttpRequest, task: Task) -> Iterator[MoveForm]:
    """The forms for the moves that *task* and the user's permissions allow."""
    others = [status for status in TASK_STATUSES if status != task.status]
    forward = [status for status in others if not is_regress(task.status, status)]
    back = [status for status in others if is_regress(task.status, status)]
    if forward and request.user.has_perm(task_actions.ADVANCE):
        url = reverse("admin:statehub_task_advance", args=(task.pk,))
        help_ = "To a status of the same or a higher rank; the next fix writes it into the file."
        yield MoveForm("Advance", url, "Advance", forward, reason=False, help=help_)
    if back and request.user.has_perm(task_actions.REOPEN):
        url = reverse("admin:statehub_task_reopen", args=(task.pk,))
        help_ = "Moves it backwards and records the reason. A run never does that."
        yield MoveForm("Reopen", url, "Reopen", back, reason=True, help=help_)


def _event(change: StatusChange) -> Event:
    words = format_html(
        '<span class="sh-pair">{} <span aria-label="to">→</span> {}</span>',
        formatting.status(change.old),
        formatting.status(change.new),
    )
    if change.reopen:
        words = format_html("{} {}", words, formatting.badge("reopened", "warn"))
    return Event(change.at, words, _origin(change), formatting.STATUS_TONES.get(change.new, "plain"))


def _origin(change: StatusChange) -> SafeString:
    parts = [format_html("by {} ({})", formatting.text(change.who, 60) if change.who else "unknown", change.source)]
    if change.host:
        parts.append(format_html("on {}", formatting.text(change.host, 60)))
    if change.commit:
        parts.append(format_html("at {}", formatting.commit(change.commit)))
    if change.reason:
        parts.append(format_html("– {}", formatting.text(change.reason)))
    return format_html("{} " * len(parts), *parts)
