"""Findings history: the episodes, as a list with filters and exports, and a page for each with its timeline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from consistency.core.codes import CODES
from consistency.models import Finding
from web.admin import formatting
from web.admin.components import Diff, Event, Facts, Note, Section, Timeline
from web.admin.export import Row, as_csv, as_json
from web.admin.filters import CodeFilter, FirstSeenFilter, HostFilter, SeverityFilter, StateFilter
from web.admin.finding_state import FindingState, state_of, with_newest_run
from web.admin.readonly import ReadOnlyAdmin
from web.admin.related import FindingTargets, load_targets

if TYPE_CHECKING:
    from django.contrib.admin import RelatedFieldListFilter as AutocompleteSelectFilter
else:
    from unfold.contrib.filters.admin import AutocompleteSelectFilter

EXPORTED = (
    "id", "code", "severity", "state", "repo", "host", "path", "workplan", "task", "file", "line", "hub_status",
    "file_status", "first_seen", "last_seen", "times_seen", "resolved_at", "resolution", "commit", "opened_by",
    "resolved_by", "message",
)  # fmt: skip

WRITEBACK_CODES = ("C-13", "C-15")


@admin.register(Finding)
class FindingAdmin(ReadOnlyAdmin):
    """Read-only for everybody: only runs write findings."""

    list_display = (
        "code_badge", "severity_badge", "state_badge", "repo", "host", "workplan_link", "task_link", "statuses",
        "first", "last", "times", "how",
    )  # fmt: skip
    list_filter = (
        CodeFilter,
        SeverityFilter,
        StateFilter,
        ("checkout__repo", AutocompleteSelectFilter),
        HostFilter,
        FirstSeenFilter,
    )
    list_before_template = "web/admin/export_links.html"
    empty_text = "No findings yet."
    date_hierarchy = "first_seen"
    ordering = ("-first_seen", "-id")
    # By first_seen alone: an index on last_seen would be written by every run, for every finding that stands.
    sortable_by = ("first",)
    search_fields = ("task", "workplan", "message", "file")
    search_help_text = "Task, workplan, message or file"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Finding]:
        """Findings with what their state hangs on."""
        return with_newest_run(super().get_queryset(request)).select_related(
            "checkout__repo", "opened_by", "resolved_by"
        )

    def complete(self, rows: list[Finding]) -> None:
        """Find the tasks and workstreams that the rows of a page name."""
        for finding, found in zip(rows, load_targets(rows), strict=True):
            finding.named = found  # type: ignore[attr-defined]  # for the columns below

    def get_urls(self) -> list[URLPattern]:
        """The pages, and the exports of what the list shows."""
        view = self.admin_site.admin_view
        return [
            path("export.csv", view(self.export_csv), name="consistency_finding_csv"),
            path("export.json", view(self.export_json), name="consistency_finding_json"),
            *super().get_urls(),
        ]

    def export_csv(self, request: HttpRequest) -> StreamingHttpResponse:
        """The filtered list, whole, as CSV."""
        return as_csv(self._exported(request), EXPORTED, _file_name())

    def export_json(self, request: HttpRequest) -> StreamingHttpResponse:
        """The filtered list, whole, as JSON."""
        return as_json(self._exported(request), _file_name())

    def _exported(self, request: HttpRequest) -> Iterator[Row]:
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows: QuerySet[Finding] = self.get_changelist_instance(request).get_queryset(request)
        return map(_row, rows.iterator(2_000))

    @admin.display(description="Code")
    def code_badge(self, obj: Finding) -> SafeString:
        """The code, in its severity's colour."""
        return formatting.code(obj.code, obj.severity)

    @admin.display(description="Severity")
    def severity_badge(self, obj: Finding) -> SafeString:
        """The severity."""
        return formatting.severity(obj.severity)

    @admin.display(description="Repo")
    def repo(self, obj: Finding) -> SafeString:
        """The repo, with its page."""
        return formatting.link("statehub_repo", obj.checkout.repo_id, obj.checkout.repo.slug, 30)

    @admin.display(description="Host")
    def host(self, obj: Finding) -> SafeString:
        """The host, with the checkout's page."""
        return formatting.link("statehub_checkout", obj.checkout_id, obj.checkout.host, 24)

    @admin.display(description="Workplan")
    def workplan_link(self, obj: Finding) -> SafeString:
        """The workplan, with its workstream's page where the hub has one."""
        return _workplan(obj, obj.named, 28)  # type: ignore[attr-defined]  # from complete()

    @admin.display(description="Task")
    def task_link(self, obj: Finding) -> SafeString:
        """The task, with its page where the hub has one."""
        return _task(obj, obj.named, 32)  # type: ignore[attr-defined]  # from complete()

    @admin.display(description="Hub / file")
    def statuses(self, obj: Finding) -> SafeString:
        """Both statuses."""
        if not (obj.db_status or obj.file_status):
            return formatting.NONE
        return format_html(
            '<span class="sh-pair">{} <span aria-hidden="true">/</span> {}</span>',
            formatting.status(obj.db_status),
            formatting.status(obj.file_status),
        )

    @admin.display(description="First seen", ordering="first_seen")
    def first(self, obj: Finding) -> SafeString:
        """When it opened."""
        return formatting.time(obj.first_seen)

    @admin.display(description="Last seen")
    def last(self, obj: Finding) -> SafeString:
        """When a run saw it last."""
        return formatting.time(obj.last_seen)

    @admin.display(description="Times seen")
    def times(self, obj: Finding) -> str:
        """How many runs saw it."""
        return f"{obj.times_seen:,}"

    @admin.display(description="State")
    def state_badge(self, obj: Finding) -> SafeString:
        """Open, unverified since, resolved."""
        return _state(obj)

    @admin.display(description="How resolved")
    def how(self, obj: Finding) -> SafeString:
        """What ended it, with the run and the commit."""
        if obj.resolved_at is None:
            return formatting.NONE
        words = formatting.link("consistency_run", obj.resolved_by_id, obj.resolution.replace("_", " ") or "resolved")
        return format_html("{} {}", words, formatting.commit(obj.commit)) if obj.commit else words

    def heading(self, obj: Finding) -> SafeString:
        """The code and what it means."""
        known = CODES.get(obj.code)
        return format_html("{} {}", formatting.code(obj.code, obj.severity), known.title if known else "")

    def sections(self, request: HttpRequest, obj: Finding) -> Iterable[Section]:  # noqa: ARG002 - the base's signature
        """What was found, the line that a writeback changes, and what happened when."""
        known = CODES.get(obj.code)
        yield Note("Found", formatting.text(obj.message), formatting.SEVERITY_TONES.get(obj.severity, "plain"))
        if known and obj.resolved_at is None:
            yield Note("What to do", known.remedy, "plain")
        (found,) = load_targets([obj])
        yield Facts("Location", list(_facts(obj, found)))
        if obj.code in WRITEBACK_CODES and obj.db_status and obj.file_status:
            yield _diff(obj)
        yield Timeline("Timeline (UTC)", list(_events(obj)))


def _state(finding: Finding) -> SafeString:
    state = state_of(finding)
    if state is FindingState.RESOLVED:
        return formatting.badge("resolved", "good")
    if state is FindingState.OPEN:
        return formatting.badge("open", "warn")
    return format_html(
        '<span class="sh-pair">{} {}</span>',
        formatting.badge("unverified since", "muted"),
        formatting.time(finding.last_seen),
    )


def _workplan(finding: Finding, found: FindingTargets, limit: int = 0) -> SafeString:
    if not finding.workplan:
        return formatting.NONE
    return formatting.link("statehub_workstream", found.workstream, formatting.mono(finding.workplan, limit))


def _task(finding: Finding, found: FindingTargets, limit: int = 0) -> SafeString:
    if not finding.task:
        return formatting.NONE
    return formatting.link("statehub_task", found.task, formatting.mono(finding.task, limit))


def _place(finding: Finding) -> str:
    return f"{finding.file}:{finding.line}" if finding.file and finding.line else finding.file


def _facts(finding: Finding, found: FindingTargets) -> Iterator[tuple[str, SafeString | str]]:
    checkout = finding.checkout
    yield "Severity", formatting.severity(finding.severity)
    yield "State", _state(finding)
    yield "Repo", formatting.link("statehub_repo", checkout.repo_id, checkout.repo.slug)
    yield "Host", formatting.text(checkout.host)
    yield "Checkout", formatting.link("statehub_checkout", checkout.pk, formatting.mono(checkout.path))
    yield "Workplan", _workplan(finding, found)
    yield "Task", _task(finding, found)
    yield "File", formatting.mono(_place(finding))
    yield "Hub's status", formatting.status(finding.db_status)
    yield "File's status", formatting.status(finding.file_status)
    yield "Times seen", f"{finding.times_seen:,}"
    yield "Last action", finding.action.replace("_", " ")


def _diff(finding: Finding) -> Diff:
    written = finding.resolution == "written_back"
    title = "What the writeback changed" if written else "What a writeback would change"
    note = "" if finding.resolved_at is None or written else "Resolved without a writeback."
    return Diff(title, formatting.line(_place(finding)), finding.file_status, finding.db_status, note)


def _events(finding: Finding) -> Iterator[Event]:
    opened = formatting.link("consistency_run", finding.opened_by_id, _run_name(finding.opened_by))
    yield Event(finding.first_seen, format_html("Opened by {}", opened), tone="warn")
    if finding.times_seen > 1:
        yield Event(finding.last_seen, f"Seen {finding.times_seen:,} times", "most recently at this time", "info")
    if finding.resolved_at is not None:
        resolved = formatting.link("consistency_run", finding.resolved_by_id, _run_name(finding.resolved_by))
        how = finding.resolution.replace("_", " ") or "gone"
        title = format_html("Resolved ({}) by {}", how, resolved)
        detail = format_html("commit {}", formatting.commit(finding.commit)) if finding.commit else ""
        yield Event(finding.resolved_at, title, detail, "good")
    elif state_of(finding) is FindingState.UNVERIFIED:
        newest: datetime = finding.newest_run  # type: ignore[attr-defined]  # annotated
        yield Event(newest, "Unverified", "later runs of this checkout did not check it", "muted")


def _run_name(run: Any) -> str:
    return f"the {run.mode} of {run.started_at.astimezone(UTC):%Y-%m-%d %H:%M}" if run else "a deleted run"


def _row(finding: Finding) -> Row:
    checkout = finding.checkout
    return {
        "id": finding.pk, "code": finding.code, "severity": finding.severity, "state": str(state_of(finding)),
        "repo": checkout.repo.slug, "host": checkout.host, "path": checkout.path, "workplan": finding.workplan,
        "task": finding.task, "file": finding.file, "line": finding.line, "hub_status": finding.db_status,
        "file_status": finding.file_status, "first_seen": finding.first_seen, "last_seen": finding.last_seen,
        "times_seen": finding.times_seen, "resolved_at": finding.resolved_at, "resolution": finding.resolution,
        "commit": finding.commit, "opened_by": str(finding.opened_by_id or ""),
        "resolved_by": str(finding.resolved_by_id or ""), "message": finding.message,
    }  # fmt: skip


def _file_name() -> str:
    return f"findings-{datetime.now(UTC):%Y%m%d-%H%M%S}"
