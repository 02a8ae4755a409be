"""Runs: the list, and a page for each with its findings, the durations of its phases and its freshness receipt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.text import smart_split, unescape_string_literal

from consistency.core.codes import CODES
from consistency.core.comparison.gates import NOT_ASKED, is_failure
from consistency.models import Finding, Run, RunState
from statehub.models import Checkout
from web.admin import formatting
from web.admin.columns import HOST, REPO, column
from web.admin.components import Bar, Bars, Facts, Note, Section, Table
from web.admin.filters import HostFilter, ModeFilter, OutcomeFilter, TriggerFilter
from web.admin.formatting import Cell
from web.admin.readonly import ReadOnlyAdmin, first_rows
from web.admin.unfold import AutocompleteSelectFilter

FINDINGS_SHOWN = 25
"""Rows of each table of findings on a run's page; a link leads to the rest."""

COMMIT_START = re.compile(r"[0-9a-fA-F]*")

FINDING_HEADER = ("Code", "Message", "Task", "Hub", "File")


def _trigger(run: Run) -> Cell:
    user = formatting.text(run.user, 24)
    return format_html("{} {}", run.trigger, user) if run.user else formatting.text(run.trigger)


def _counts(run: Run) -> Cell:
    counts = ((_code(code), count) for code, count in sorted(run.counts.items()))
    return format_html_join(" ", "{} {}", counts) or formatting.NONE


def _writeback(run: Run) -> Cell:
    commit = formatting.commit(run.writeback_commit)
    suffix = {"": "", "ok": " pushed"}.get(run.push, " committed, not pushed")
    return format_html("{}{}", commit, suffix) if suffix else commit


def _mode(run: Run) -> str:
    return f"{run.mode} (dry run)" if run.dry_run else run.mode


def _code(code_id: str) -> Cell:
    return formatting.code(code_id, CODES[code_id].severity) if code_id in CODES else formatting.badge(code_id)


def _duration(run: Run) -> Cell:
    if run.finished_at is None:
        return formatting.NONE
    return formatting.seconds((run.finished_at - run.started_at).total_seconds())


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    """Only commands record runs."""

    list_display = (
        column("Started", lambda row: formatting.time(row.started_at, seconds=True), ordering="started_at"),
        column("Mode", _mode),
        column("Outcome", lambda row: formatting.outcome(row.outcome)),
        REPO,
        HOST,
        column("Trigger", _trigger),
        column("Freshness", lambda row: formatting.freshness(row.freshness, row.fetch)),
        column("Findings", _counts),
        column("Duration", _duration),
        column("Written back", _writeback),
    )
    list_filter = (
        OutcomeFilter,
        ModeFilter,
        TriggerFilter,
        ("checkout__repo", AutocompleteSelectFilter),
        HostFilter,
    )
    list_select_related = ("checkout__repo",)
    date_hierarchy = "started_at"
    empty_text = "No runs yet. On the machine of the checkouts run: manage.py check_consistency --all"
    ordering = ("-started_at", "-id")
    search_fields = ("user", "checkout__repo__slug", "writeback_commit__startswith", "head__startswith")
    search_help_text = "User, repo or commit"

    def get_search_results(
        self, _request: HttpRequest, queryset: QuerySet[Run], search_term: str
    ) -> tuple[QuerySet[Run], bool]:
        """Return the runs that have each word in one of the fields, as the default does, and that none is there twice.

        Repos are searched first, not the repo of each run: PostgreSQL takes half the time. A word that cannot begin a
        commit is not compared with commits.
        """
        for word in smart_split(search_term):
            text = unescape_string_literal(word) if word[0] in "\"'" and word[0] == word[-1] else word
            found = Q(checkout__in=Checkout.objects.filter(repo__slug__icontains=text).order_by())
            found |= Q(user__icontains=text)
            if COMMIT_START.fullmatch(text):
                found |= Q(writeback_commit__startswith=text) | Q(head__startswith=text)
            queryset = queryset.filter(found)
        return queryset, False

    def heading(self, obj: Run) -> Cell:
        return format_html(
            "{} of {} {}", _mode(obj).capitalize(), obj.checkout.repo.slug, formatting.outcome(obj.outcome)
        )

    def sections(self, request: HttpRequest, obj: Run) -> Iterable[Section]:
        if obj.error:
            yield Note("The run was aborted", formatting.text(obj.error), "bad")
        elif obj.outcome == RunState.RUNNING:
            yield Note("Not finished", "It is still running, or its process died.", "info")
        yield Facts("Run", list(_facts(obj)))
        yield Facts("Freshness receipt", list(_receipt(obj)))
        if obj.seconds:
            whole = sum(obj.seconds.values()) or 1
            bars = [Bar(name, formatting.seconds(value), 100 * value / whole) for name, value in obj.seconds.items()]
            yield Bars("Duration by phase", bars)
        yield _counts_table(obj)
        for title, related in (("Opened by this run", "opened_by"), ("Resolved by this run", "resolved_by")):
            findings = Finding.objects.filter(**{related: obj.pk}).order_by("code", "file", "line", "id")
            url = formatting.listing("consistency_finding", **{f"{related}__id__exact": obj.pk})
            shown, note = first_rows(findings, FINDINGS_SHOWN, url)
            if shown:
                yield Table(title, FINDING_HEADER, [_finding(row) for row in shown], note=note)


def _finding(row: Finding) -> tuple[Cell, ...]:
    return (
        formatting.link("consistency_finding", row.pk, formatting.code(row.code, row.severity)),
        formatting.text(row.message, 160),
        formatting.mono(row.task or row.workplan, 40),
        formatting.status(row.db_status),
        formatting.status(row.file_status),
    )


def _facts(run: Run) -> Iterator[tuple[str, Cell]]:
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
    yield "Duration", _duration(run)
    yield "Run ID", formatting.mono(str(run.pk))


def _receipt(run: Run) -> Iterator[tuple[str, Cell]]:
    yield "Freshness", formatting.freshness(run.freshness, run.fetch)
    yield "Fetch", _fetch(run.fetch)
    yield "HEAD", formatting.mono(run.head)
    yield "Branch", formatting.mono(run.branch)
    yield "Upstream", formatting.mono(run.upstream)
    yield "Ahead / behind", formatting.distance(run.ahead, run.behind)
    yield "Upstream commit", formatting.mono(run.tip)
    yield "Writeback commit", formatting.mono(run.writeback_commit)
    yield "Push", _push(run)


def _fetch(outcome: str) -> Cell:
    if is_failure(outcome):
        return format_html("the remote could not be reached: {}", formatting.mono(outcome))
    return "the remote was not asked" if outcome == NOT_ASKED else formatting.mono(outcome)


def _push(run: Run) -> Cell:
    if run.push == "ok":
        return "pushed"
    if run.push:
        return format_html("committed, not pushed: {}", formatting.text(run.push))
    return "committed, not pushed: no push was requested" if run.writeback_commit else formatting.NONE


def _counts_table(run: Run) -> Table:
    rows = []
    for code_id, count in sorted(run.counts.items()):
        url = formatting.listing("consistency_finding", code=code_id, checkout__id__exact=run.checkout_id)
        title = CODES[code_id].title if code_id in CODES else ""
        rows.append((_code(code_id), title, f"{count:,}", formatting.anchor(url, f"history of {code_id} here")))
    return Table("Findings by code", ("Code", "Meaning", "Count", "History"), rows, empty="No findings.")
