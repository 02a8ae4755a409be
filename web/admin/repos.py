"""Repos: the list, and a page for each with its checkouts and workstreams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe

from consistency.models import Finding, Proposal
from statehub.models import Checkout, CheckoutQuerySet, Forge, Repo, Task, Workstream
from web.admin import formatting, webhooks
from web.admin.checkouts import action_form, count_by, freshness, load_newest_runs, newest_run, open_findings
from web.admin.columns import column
from web.admin.components import ButtonForm, Facts, Note, Section, Table
from web.admin.formatting import Cell
from web.admin.readonly import first_rows
from web.admin.retire_actions import BRING_BACK, RETIRE, RetiringAdmin
from web.admin.writeback_actions import writeback_label, writeback_view
from web.board.filters import ActivityFilter, BoardFilter, filtered_url

ROWS_SHOWN = 50
"""Rows of each table on a repo's page."""


@admin.register(Repo)
class RepoAdmin(RetiringAdmin):
    """To retire a repo is to retire all of its checkouts."""

    list_display = (
        column("Repo", lambda row: formatting.text(row.slug, 60), ordering="slug"),
        column("Origin", lambda row: formatting.mono(row.origin, 60)),
        column("Checkouts", lambda row: f"{row.checkout_count:,}"),
        column("Workstreams", lambda row: f"{row.workstream_count:,}"),
        column("Tasks", lambda row: f"{row.task_count:,}"),
        column("Open findings", lambda row: open_findings(row.open_count, "checkout__repo__id__exact", row.pk)),
    )
    ordering = ("slug",)
    search_fields = ("slug", "origin")
    search_help_text = "Slug or origin"
    empty_text = "No repos yet. On the machine of the clone run: manage.py register_repo PATH"

    def checkouts_of(self, rows: QuerySet[Any]) -> CheckoutQuerySet:
        return Checkout.objects.filter(repo__in=rows)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(partial(writeback_view, model_admin=self))
        return [path("<int:pk>/writeback/", view, name="statehub_repo_writeback"), *super().get_urls()]

    def annotate_page(self, rows: list[Any]) -> None:
        pks = [repo.pk for repo in rows]
        checkouts = count_by("repo", Checkout.objects.all(), pks)
        workstreams = count_by("repo", Workstream.objects.all(), pks)
        tasks = count_by("workstream__repo", Task.objects.all(), pks)
        findings = count_by("checkout__repo", Finding.objects.open(), pks)
        for repo in rows:
            repo.checkout_count = checkouts[repo.pk]
            repo.workstream_count = workstreams[repo.pk]
            repo.task_count = tasks[repo.pk]
            repo.open_count = findings[repo.pk]

    def sections(self, request: HttpRequest, obj: Repo) -> Iterable[Section]:
        yield Facts("Repo", list(_facts(obj)))
        checkouts = list(obj.checkouts.all()[:ROWS_SHOWN])
        pks = [checkout.pk for checkout in checkouts]
        runs = load_newest_runs(pks)
        opened = count_by("checkout", Finding.objects.open(), pks)
        yield Table(
            "Checkouts",
            ("Host", "Path", "Freshness", "Newest run", "Open findings"),
            [
                (
                    formatting.link("statehub_checkout", checkout.pk, checkout.host),
                    formatting.mono(checkout.path, 70),
                    freshness(checkout, runs.get(checkout.pk)),
                    newest_run(runs.get(checkout.pk)),
                    open_findings(opened[checkout.pk], "checkout__id__exact", checkout.pk),
                )
                for checkout in checkouts
            ],
        )
        yield from webhooks.list_sections(request, obj, checkouts)
        url = formatting.listing("statehub_workstream", repo__id__exact=obj.pk)
        workstreams, note = first_rows(obj.workstreams.order_by("key"), ROWS_SHOWN, url)
        yield Table(
            "Workstreams",
            ("Id", "Title", "Status"),
            [
                (
                    formatting.link("statehub_workstream", row.pk, formatting.mono(row.key, 40)),
                    formatting.text(row.title, 90),
                    formatting.status(row.status),
                )
                for row in workstreams
            ],
            note=note,
        )
        if self.has_retire_permission(request):
            yield from _forms(obj)


def _facts(repo: Repo) -> Iterator[tuple[str, Cell]]:
    yield "Slug", formatting.text(repo.slug)
    yield "Origin", formatting.mono(repo.origin)
    if repo.aliases:
        yield "Other addresses", _lines(repo.aliases)
    if repo.former_origins:
        yield "Former origins", _lines(repo.former_origins)
    yield "First commits", _lines(commit[:12] for commit in repo.first_commits)
    yield "Workplans", _lines(repo.workplans.split("\n"))
    yield "Excluded", _lines(repo.exclude.split("\n"))
    yield "Branch", formatting.mono(repo.branch) if repo.branch else "any"
    yield "Writeback", writeback_label(repo)
    if repo.forge:
        yield "Forge", Forge(repo.forge).label
    yield from _proposal(repo)
    yield "Registered", formatting.time(repo.created_at)
    links = {
        "board": filtered_url("board", BoardFilter(repo=repo.slug)),
        "activity": filtered_url("activity", ActivityFilter(repo=repo.slug)),
        "tasks": formatting.listing("statehub_task", workstream__repo__id__exact=repo.pk),
        "findings": formatting.listing("consistency_finding", checkout__repo__id__exact=repo.pk),
    }
    yield "See also", formatting.join(formatting.anchor(url, name) for name, url in links.items())


def _proposal(repo: Repo) -> Iterator[tuple[str, Cell]]:
    """Yield what waits for a person to merge it."""
    proposal = Proposal.objects.filter(repo=repo.pk).exclude(proposed_at=None).first()
    if proposal is None:
        return
    shown = formatting.anchor(proposal.page, proposal.page) if proposal.page else formatting.mono(proposal.branch)
    yield "Proposal", format_html("{} since {}", shown, formatting.time(proposal.proposed_at))


def _lines(values: Iterable[str]) -> Cell:
    lines = ((formatting.mono(value),) for value in values if value)
    return format_html_join(mark_safe("<br>"), "{}", lines) or formatting.NONE


def _forms(repo: Repo) -> Iterator[Section]:
    """Yield the forms that change *repo* and its checkouts."""
    help = "How its files get the hub's statuses, and the forge on which they are proposed."
    yield ButtonForm("Writeback", reverse("admin:statehub_repo_writeback", args=(repo.pk,)), "Change", help)
    is_retired = [at is not None for at in repo.checkouts.values_list("retired_at", flat=True)]
    if not all(is_retired):
        help = "Its checkouts, on every host, are no longer run or shown as overdue. Its history is kept."
        yield action_form("Retire it", RETIRE, repo, help)
        yield Note(
            "Move it",
            "If its remote has a new address: git remote set-url origin URL in a registered clone, then "
            "manage.py register_repo PATH there. The clone's history shows that it is the same repository.",
            "plain",
        )
    if any(is_retired):
        help = "Its retired checkouts, on every host, are run and shown again. Each can be brought back separately."
        yield action_form("Bring it back", BRING_BACK, repo, help)
