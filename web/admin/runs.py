"""Runs: what each was asked, what it found, how long its phases took, and its freshness receipt. Read-only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from consistency.core.codes import CODES
from consistency.core.comparison.gates import NOT_ASKED, is_failure
from consistency.models import Finding, Run, RunState
from web.admin import formatting
from web.admin.components import Bar, Bars, Facts, Note, Section, Table
from web.admin.filters import HostFilter, ModeFilter, OutcomeFilter, TriggerFilter
from web.admin.readonly import ReadOnlyAdmin, more

if TYPE_CHECKING:
    from django.contrib.admin import RelatedFieldListFilter as AutocompleteSelectFilter
else:
    from unfold.contrib.filters.admin import AutocompleteSelectFilter

SHOWN = 25
"""Findings on a run's page; the rest by a link."""


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    """Read-only for everybody: only commands run."""

    list_display = (
        "started", "mode_words", "outcome_badge", "repo", "host", "trigger_words", "freshness_badge", "counted",
        "duration", "commit",
    )  # fmt: skip
    list_filter = (
        OutcomeFilter,
        ModeFilter,
        TriggerFilter,
        ("checkout__repo", AutocompleteSelectFilter),
        HostFilter,
    )
    date_hierarchy = "started_at"
    empty_text = "No runs yet. On the machine of the checkouts run: manage.py check_consistency --all"
    ordering = ("-started_at", "-id")
    sortable_by = ("started",)
    search_fields = ("user", "checkout__repo__slug", "writeback_commit__startswith", "head__startswith")
    search_help_text = "User, repo or commit"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        """Runs with their checkouts."""
        rows: QuerySet[Run] = super().get_queryset(request)
        return rows.select_related("checkout__repo")

    @admin.display(description="Started", ordering="started_at")
    def started(self, obj: Run) -> SafeString:
        """When it began."""
        return formatting.time(obj.started_at, seconds=True)

    @admin.display(description="Mode")
    def mode_words(self, obj: Run) -> str:
        """Check, fix, or a fix that wrote nothing."""
        return _mode(obj)

    @admin.display(description="Outcome")
    def outcome_badge(self, obj: Run) -> SafeString:
        """How it ended."""
        return formatting.outcome(obj.outcome)

    @admin.display(description="Repo")
    def repo(self, obj: Run) -> SafeString:
        """The repo, with its page."""
        return formatting.link("statehub_repo", obj.checkout.repo_id, obj.checkout.repo.slug, 30)

    @admin.display(description="Host")
    def host(self, obj: Run) -> SafeString:
        """The host, with the checkout's page."""
        return formatting.link("statehub_checkout", obj.checkout_id, obj.checkout.host, 24)

    @admin.display(description="Trigger")
    def trigger_words(self, obj: Run) -> SafeString:
        """What started it, and who."""
        return (
            format_html("{} {}", obj.trigger, formatting.text(obj.user, 24))
            if obj.user
            else formatting.text(obj.trigger)
        )

    @admin.display(description="Freshness")
    def freshness_badge(self, obj: Run) -> SafeString:
        """What the fetch came to."""
        return formatting.freshness(obj.freshness, obj.fetch)

    @admin.display(description="Findings")
    def counted(self, obj: Run) -> SafeString:
        """Counts by code."""
        return format_html_join(" ", "{} {}", ((_code(code), count) for code, count in _counts(obj))) or formatting.NONE

    @admin.display(description="Duration")
    def duration(self, obj: Run) -> SafeString | str:
        """Beginning to end."""
        return _took(obj)

    @admin.display(description="Written back")
    def commit(self, obj: Run) -> SafeString:
        """The writeback commit, and whether it is known to others."""
        shown = formatting.commit(obj.writeback_commit)
        words = {"": "", "ok": " pushed"}.get(obj.push, " committed, not pushed")
        return format_html("{}{}", shown, words) if words else shown

    def heading(self, obj: Run) -> SafeString:
        """What it was, and how it ended."""
        return format_html(
            "{} of {} {}", _mode(obj).capitalize(), obj.checkout.repo.slug, formatting.outcome(obj.outcome)
        )

    def sections(self, request: HttpRequest, obj: Run) -> Iterable[Section]:  # noqa: ARG002 - the base's signature
        """The run, its receipt, its time, what it found."""
        if obj.error:
            yield Note("The run was aborted", formatting.text(obj.error), "bad")
        elif obj.outcome == RunState.RUNNING:
            yield Note("Not finished", "It is still running, or its process died.", "info")
        yield Facts("Run", list(_facts(obj)))
        yield Facts("Freshness receipt", list(_receipt(obj)))
        if obj.seconds:
            yield Bars("Duration by phase", _phases(obj))
        yield _counts_table(obj)
        for title, related in (("Opened by this run", "opened_by"), ("Resolved by this run", "resolved_by")):
            rows = Finding.objects.filter(**{related: obj.pk}).order_by("code", "file", "line", "id")
            shown = list(rows[: SHOWN + 1])
            count = len(shown) if len(shown) <= SHOWN else rows.count()
            if shown:
                url = formatting.listing("consistency_finding", **{f"{related}__id__exact": obj.pk})
                yield Table(title, _FINDING, [_finding(row) for row in shown[:SHOWN]], note=more(SHOWN, count, url))


_FINDING = ("Code", "Message", "Task", "Hub", "File")


def _finding(row: Finding) -> tuple[SafeString, ...]:
    badge = formatting.link("consistency_finding", row.pk, formatting.code(row.code, row.severity))
    message, task = formatting.text(row.message, 160), formatting.mono(row.task or row.workplan, 40)
    return badge, message, task, formatting.status(row.db_status), formatting.status(row.file_status)


def _mode(run: Run) -> str:
    return f"{run.mode} (dry run)" if run.dry_run else run.mode


def _code(code_id: str) -> SafeString:
    return formatting.code(code_id, CODES[code_id].severity) if code_id in CODES else formatting.badge(code_id)


def _counts(run: Run) -> list[tuple[str, int]]:
    return sorted(run.counts.items())


def _took(run: Run) -> SafeString | str:
    return (
        formatting.seconds((run.finished_at - run.started_at).total_seconds()) if run.finished_at else formatting.NONE
    )


def _facts(run: Run) -> Iterator[tuple[str, SafeString | str]]:
    checkout = run.checkout
    yield "Outcome", formatting.outcome(run.outcome)
    yield "Converged", "yes: no drift is left" if run.converged else "no"
    yield "Mode", _mode(run)
    yield "Trigger", formatting.text(run.trigger)
    yield "User", formatting.text(run.user)
    yield "Version", formatting.text(run.version)
    yield "Repo", formatting.link("statehub_repo", checkout.repo_id, checkout.repo.slug)
    yield "Host", formatting.text(checkout.host)
    yield "Checkout", formatting.link("statehub_checkout", checkout.pk, formatting.mono(checkout.path))
    yield "Started", formatting.time(run.started_at, seconds=True)
    yield "Finished", formatting.time(run.finished_at, seconds=True)
    yield "Duration", _took(run)
    yield "Run ID", formatting.mono(str(run.pk))


def _receipt(run: Run) -> Iterator[tuple[str, SafeString | str]]:
    yield "Freshness", formatting.freshness(run.freshness, run.fetch)
    yield "Fetch", _fetch(run.fetch)
    yield "HEAD", formatting.mono(run.head)
    yield "Branch", formatting.mono(run.branch)
    yield "Upstream", formatting.mono(run.upstream)
    yield "Ahead / behind", formatting.distance(run.ahead, run.behind)
    yield "Upstream commit", formatting.mono(run.tip)
    yield "Writeback commit", formatting.mono(run.writeback_commit)
    yield "Push", _push(run)


def _fetch(outcome: str) -> SafeString | str:
    if is_failure(outcome):
        return format_html("the remote could not be reached: {}", formatting.mono(outcome))
    return "the remote was not asked" if outcome == NOT_ASKED else formatting.mono(outcome)


def _push(run: Run) -> SafeString | str:
    if run.push == "ok":
        return "pushed"
    if run.push:
        return format_html("committed, not pushed: {}", formatting.text(run.push))
    return "committed, not pushed: no push was requested" if run.writeback_commit else formatting.NONE


def _phases(run: Run) -> list[Bar]:
    whole = sum(run.seconds.values()) or 1
    return [Bar(name, formatting.seconds(value), 100 * value / whole) for name, value in run.seconds.items()]


def _counts_table(run: Run) -> Table:
    rows = []
    for code_id, count in _counts(run):
        url = formatting.listing("consistency_finding", code=code_id, checkout__id__exact=run.checkout_id)
        title = CODES[code_id].title if code_id in CODES else ""
        rows.append((_code(code_id), title, f"{count:,}", formatting.anchor(url, f"history of {code_id} here")))
    return Table("Findings by code", ("Code", "Meaning", "Count", "History"), rows, empty="No findings.")
