"""Findings: the list with filters and exports, and a page for each finding with its timeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html

from consistency.core.codes import CODES, Kind, codes_of, find_remedy
from consistency.models import Finding
from web.admin import formatting
from web.admin.columns import HOST, REPO, column
from web.admin.components import Diff, Event, Facts, Note, Section, Timeline
from web.admin.export import Row, Value, as_csv, as_json
from web.admin.filters import CodeFilter, FirstSeenFilter, HostFilter, SeverityFilter, StateFilter
from web.admin.finding_state import FindingState, state_of, with_newest_run
from web.admin.formatting import Cell
from web.admin.readonly import ReadOnlyAdmin
from web.admin.related import FindingTargets, load_targets
from web.admin.unfold import AutocompleteSelectFilter

EXPORTED: dict[str, Callable[[Finding], Value]] = {
    "id": lambda row: row.pk,
    "code": lambda row: row.code,
    "severity": lambda row: row.severity,
    "state": lambda row: str(state_of(row)),
    "repo": lambda row: row.checkout.repo.slug,
    "host": lambda row: row.checkout.host,
    "path": lambda row: row.checkout.path,
    "workplan": lambda row: row.workplan,
    "task": lambda row: row.task,
    "file": lambda row: row.file,
    "line": lambda row: row.line,
    "hub_status": lambda row: row.db_status,
    "file_status": lambda row: row.file_status,
    "first_seen": lambda row: row.first_seen,
    "last_seen": lambda row: row.last_seen,
    "times_seen": lambda row: row.times_seen,
    "resolved_at": lambda row: row.resolved_at,
    "resolution": lambda row: row.resolution,
    "commit": lambda row: row.commit,
    "opened_by": lambda row: str(row.opened_by_id or ""),
    "resolved_by": lambda row: str(row.resolved_by_id or ""),
    "message": lambda row: row.message,
}
"""The fields of the exports, and their values."""

WRITEBACK_CODES = codes_of(Kind.WRITEBACK)


def _state(finding: Finding) -> Cell:
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


def _workplan(finding: Finding, targets: FindingTargets, limit: int = 0) -> Cell:
    return formatting.link("statehub_workstream", targets.workstream, formatting.mono(finding.workplan, limit))


def _task(finding: Finding, targets: FindingTargets, limit: int = 0) -> Cell:
    return formatting.link("statehub_task", targets.task, formatting.mono(finding.task, limit))


def _statuses(finding: Finding) -> Cell:
    if not (finding.db_status or finding.file_status):
        return formatting.NONE
    return format_html(
        '<span class="sh-pair">{} <span aria-hidden="true">/</span> {}</span>',
        formatting.status(finding.db_status),
        formatting.status(finding.file_status),
    )


def _resolution(finding: Finding) -> Cell:
    """Return how *finding* was resolved, with a link to the run and with the commit."""
    if finding.resolved_at is None:
        return formatting.NONE
    resolution = finding.resolution.replace("_", " ") or "resolved"
    link = formatting.link("consistency_run", finding.resolved_by_id, resolution)
    return format_html("{} {}", link, formatting.commit(finding.commit)) if finding.commit else link


@admin.register(Finding)
class FindingAdmin(ReadOnlyAdmin):
    """Only runs write findings."""

    list_display = (
        column("Code", lambda row: formatting.code(row.code, row.severity)),
        column("Severity", lambda row: formatting.severity(row.severity)),
        column("State", _state),
        REPO,
        HOST,
        column("Workplan", lambda row: _workplan(row, row.targets, 28)),
        column("Task", lambda row: _task(row, row.targets, 32)),
        column("Hub / file", _statuses),
        # The only sortable one: an index on last_seen would be written by every run, for every open finding.
        column("First seen", lambda row: formatting.time(row.first_seen), ordering="first_seen"),
        column("Last seen", lambda row: formatting.time(row.last_seen)),
        column("Times seen", lambda row: f"{row.times_seen:,}"),
        column("How resolved", _resolution),
    )
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
    list_select_related = ("checkout__repo", "opened_by", "resolved_by")
    ordering = ("-first_seen", "-id")
    search_fields = ("task", "workplan", "message", "file")
    search_help_text = "Task, workplan, message or file"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Finding]:
        return with_newest_run(super().get_queryset(request))

    def annotate_page(self, rows: list[Finding]) -> None:
        for finding, targets in zip(rows, load_targets(rows), strict=True):
            finding.targets = targets  # type: ignore[attr-defined]  # for the columns

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("export.csv", view(self.export_csv), name="consistency_finding_csv"),
            path("export.json", view(self.export_json), name="consistency_finding_json"),
            *super().get_urls(),
        ]

    def export_csv(self, request: HttpRequest) -> StreamingHttpResponse:
        """Stream all rows of the filtered list as CSV."""
        return as_csv(self._exported_rows(request), EXPORTED, _file_name())

    def export_json(self, request: HttpRequest) -> StreamingHttpResponse:
        """Stream all rows of the filtered list as JSON."""
        return as_json(self._exported_rows(request), _file_name())

    def _exported_rows(self, request: HttpRequest) -> Iterator[Row]:
        if not self.has_view_permission(request):
            raise PermissionDenied
        findings: QuerySet[Finding] = self.get_changelist_instance(request).get_queryset(request)
        return ({name: value(row) for name, value in EXPORTED.items()} for row in findings.iterator(2_000))

    def heading(self, obj: Finding) -> Cell:
        known = CODES.get(obj.code)
        return format_html("{} {}", formatting.code(obj.code, obj.severity), known.title if known else "")

    def sections(self, request: HttpRequest, obj: Finding) -> Iterable[Section]:
        known = CODES.get(obj.code)
        yield Note("Found", formatting.text(obj.message), formatting.SEVERITY_TONES.get(obj.severity, "plain"))
        if known and obj.resolved_at is None:
            yield Note("What to do", find_remedy(obj.code, obj.checkout.repo.writeback, obj.task), "plain")
        (targets,) = load_targets([obj])
        yield Facts("Location", list(_facts(obj, targets)))
        if obj.code in WRITEBACK_CODES and obj.db_status and obj.file_status:
            yield _diff(obj)
        yield Timeline("Timeline (UTC)", list(_events(obj)))


def _location(finding: Finding) -> str:
    return f"{finding.file}:{finding.line}" if finding.file and finding.line else finding.file


def _facts(finding: Finding, targets: FindingTargets) -> Iterator[tuple[str, Cell]]:
    checkout = finding.checkout
    yield "Severity", formatting.severity(finding.severity)
    yield "State", _state(finding)
    yield "Repo", formatting.link("statehub_repo", checkout.repo_id, checkout.repo.slug)
    yield "Host", formatting.text(checkout.host)
    yield "Checkout", formatting.link("statehub_checkout", checkout.pk, formatting.mono(checkout.path))
    yield "Workplan", _workplan(finding, targets)
    yield "Task", _task(finding, targets)
    yield "File", formatting.mono(_location(finding))
    yield "Hub's status", formatting.status(finding.db_status)
    yield "File's status", formatting.status(finding.file_status)
    yield "Times seen", f"{finding.times_seen:,}"
    yield "Last action", finding.action.replace("_", " ")


def _diff(finding: Finding) -> Diff:
    written = finding.resolution == "written_back"
    title = "What the writeback changed" if written else "What a writeback would change"
    note = "" if finding.resolved_at is None or written else "Resolved without a writeback."
    return Diff(title, formatting.line(_location(finding)), finding.file_status, finding.db_status, note)


def _events(finding: Finding) -> Iterator[Event]:
    opened = formatting.link("consistency_run", finding.opened_by_id, _run_name(finding.opened_by))
    yield Event(finding.first_seen, format_html("Opened by {}", opened), tone="warn")
    if finding.times_seen > 1:
        yield Event(finding.last_seen, f"Seen {finding.times_seen:,} times", "most recently at this time", "info")
    if finding.resolved_at is not None:
        resolved = formatting.link("consistency_run", finding.resolved_by_id, _run_name(finding.resolved_by))
        resolution = finding.resolution.replace("_", " ") or "gone"
        title = format_html("Resolved ({}) by {}", resolution, resolved)
        detail = format_html("commit {}", formatting.commit(finding.commit)) if finding.commit else ""
        yield Event(finding.resolved_at, title, detail, "good")
    elif state_of(finding) is FindingState.UNVERIFIED:
        newest: datetime = finding.newest_run  # type: ignore[attr-defined]  # annotated
        yield Event(newest, "Unverified", "later runs of this checkout did not check it", "muted")


def _run_name(run: Any) -> str:
    return f"the {run.mode} of {run.started_at.astimezone(UTC):%Y-%m-%d %H:%M}" if run else "a deleted run"


def _file_name() -> str:
    return f"findings-{datetime.now(UTC):%Y%m%d-%H%M%S}"
