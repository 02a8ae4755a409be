"""Checkouts: the list, and a page for each with its newest runs and the forms that run, move and retire it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import LogEntry
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from consistency.models import Finding, Run
from statehub.models import Checkout, CheckoutQuerySet, Repo
from statehub.text import escape_control
from web.admin import checkout_actions, formatting, move_actions
from web.admin.checkout_changes import Change, change_checkouts
from web.admin.columns import column
from web.admin.components import ButtonForm, Facts, RunForm, Section, Table
from web.admin.filters import CheckoutHostFilter, RetiredFilter
from web.admin.formatting import Cell
from web.admin.retire_actions import BRING_BACK, RETIRE, RetiringAdmin

RUNS_SHOWN = 10
CHANGES_SHOWN = 20


def count_by(column: str, rows: QuerySet[Any], pks: Iterable[object]) -> Counter[Any]:
    """Count *rows* for each of *pks* in *column*, in one query."""
    counted = rows.filter(**{f"{column}__in": list(pks)}).order_by().values_list(column).annotate(number=Count("*"))
    return Counter(dict(counted))


def load_newest_runs(checkouts: Iterable[int]) -> dict[int, Run]:
    """Return the newest run of each of *checkouts* that has one, by checkout."""
    newest = Run.objects.newest_per_checkout("pk")
    pks = Checkout.objects.filter(pk__in=list(checkouts)).order_by().values_list(newest, flat=True)
    return {run.checkout_id: run for run in Run.objects.filter(pk__in=[pk for pk in pks if pk])}


def freshness(checkout: Checkout, run: Run | None) -> Cell:
    """Return the freshness of *checkout* as of *run*, its newest one."""
    if checkout.retired_at:
        return formatting.badge("retired", title="No longer run or shown as overdue.")
    return formatting.freshness(run.freshness, run.fetch) if run else formatting.NONE


def newest_run(run: Run | None) -> Cell:
    """Return the time and the outcome of *run*, with a link to its page."""
    if run is None:
        return formatting.NONE
    when = formatting.link("consistency_run", run.pk, formatting.time(run.started_at))
    return format_html('<span class="sh-pair">{} {}</span>', when, formatting.outcome(run.outcome))


def open_findings(number: int, lookup: str, pk: int) -> Cell:
    """Return the number of open findings, with a link to their list, which *lookup* filters by *pk*."""
    if not number:
        return "0"
    return formatting.anchor(formatting.listing("consistency_finding", state="open", **{lookup: pk}), f"{number:,}")


def action_form(title: str, change: Change, row: Repo | Checkout, help: str) -> ButtonForm:
    """Return the button that starts *change* for *row*."""
    url = formatting.listing(f"statehub_{row._meta.model_name}")
    return ButtonForm(title, url, change.button, help, {"action": change.action, ACTION_CHECKBOX_NAME: row.pk})


@admin.register(Checkout)
class CheckoutAdmin(RetiringAdmin):
    """Checkouts of this host can be checked and fixed from here."""

    actions = (*RetiringAdmin.actions, move_actions.MOVE.action)
    list_display = (
        column("Repo", lambda row: formatting.text(row.repo.slug, 40), ordering="repo__slug"),
        column("Host", lambda row: formatting.text(row.host, 30), ordering="host"),
        column("Path", lambda row: formatting.mono(row.path, 60)),
        column("Freshness", lambda row: freshness(row, row.newest_run)),
        column("Ahead / behind", lambda row: _distance(row.newest_run)),
        column("Newest run", lambda row: newest_run(row.newest_run)),
        column("Open findings", lambda row: open_findings(row.open_count, "checkout__id__exact", row.pk)),
    )
    list_filter = (CheckoutHostFilter, RetiredFilter)
    list_select_related = ("repo",)
    ordering = ("repo__slug", "host", "path")
    search_fields = ("repo__slug", "host", "path")
    search_help_text = "Repo, host or path"
    empty_text = "No checkouts yet. On the machine of the clone run: manage.py register_repo PATH"

    def checkouts_of(self, rows: QuerySet[Any]) -> CheckoutQuerySet:
        return Checkout.objects.filter(pk__in=rows)

    @admin.action(description="Move the selected checkouts to another host", permissions=["retire"])
    def move_chosen(self, request: HttpRequest, queryset: QuerySet[Checkout]) -> TemplateResponse | None:
        checkouts = self.checkouts_of(queryset.order_by()).active().select_related("repo")
        apply = partial(move_actions.move_to_host, request, checkouts)
        return change_checkouts(self, request, move_actions.MOVE, checkouts, apply)

    def annotate_page(self, rows: list[Any]) -> None:
        pks = [checkout.pk for checkout in rows]
        runs = load_newest_runs(pks)
        opened = count_by("checkout", Finding.objects.open(), pks)
        for checkout in rows:
            checkout.newest_run = runs.get(checkout.pk)
            checkout.open_count = opened[checkout.pk]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        move = view(partial(move_actions.move_view, model_admin=self))
        wait = view(partial(checkout_actions.wait, model_admin=self))
        return [
            path("<int:pk>/run/", view(checkout_actions.start), name="statehub_checkout_run"),
            path("<int:pk>/move/", move, name="statehub_checkout_move"),
            path("<int:pk>/run/<uuid:job>/", wait, name="statehub_checkout_job"),
            *super().get_urls(),
        ]

    def heading(self, obj: Checkout) -> Cell:
        return format_html("{} on {}", formatting.text(obj.repo.slug), formatting.text(obj.host))

    def sections(self, request: HttpRequest, obj: Checkout) -> Iterable[Section]:
        runs = list(obj.runs.order_by("-started_at")[:RUNS_SHOWN])
        yield Facts("Checkout", list(_facts(obj, runs[0] if runs else None)))
        if request.user.has_perm(checkout_actions.PERMISSION):
            yield RunForm("Run now", reverse("admin:statehub_checkout_run", args=(obj.pk,)), _run_refusal(obj))
        if self.has_retire_permission(request):
            yield from _forms(obj)
        counts = obj.findings.open().values_list("code", "severity").order_by("code")
        yield Table(
            "Open findings",
            ("Code", "Count", "List"),
            [
                (formatting.code(code, severity), f"{number:,}", _list_link(code, obj))
                for code, severity, number in counts.annotate(number=Count("pk"))
            ],
            empty="No open findings.",
        )
        yield Table(
            "Newest runs",
            ("Started (UTC)", "Mode", "Trigger", "Outcome", "Freshness"),
            [
                (
                    formatting.link("consistency_run", run.pk, formatting.time(run.started_at, seconds=True)),
                    run.mode,
                    formatting.text(f"{run.trigger} {run.user}".strip(), 40),
                    formatting.outcome(run.outcome),
                    formatting.freshness(run.freshness, run.fetch),
                )
                for run in runs
            ],
            empty="No runs yet.",
            note=formatting.anchor(formatting.listing("consistency_run", checkout__id__exact=obj.pk), "all runs"),
        )
        yield from _changes(obj)


def _distance(run: Run | None) -> Cell:
    return formatting.distance(run.ahead, run.behind) if run else formatting.NONE


def _facts(checkout: Checkout, run: Run | None) -> Iterator[tuple[str, Cell]]:
    yield "Repo", formatting.link("statehub_repo", checkout.repo_id, checkout.repo.slug)
    yield "Host", formatting.text(checkout.host)
    yield "Path", formatting.mono(checkout.path)
    yield "Registered", formatting.time(checkout.created_at)
    if checkout.retired_at:
        yield "Retired", formatting.time(checkout.retired_at)
    if run:
        yield "Freshness", formatting.freshness(run.freshness, run.fetch)
        yield "Ahead / behind", _distance(run)


def _run_refusal(checkout: Checkout) -> str:
    """Return why the checkout cannot be run from here, or ''."""
    if checkout.retired_at:
        return checkout_actions.RETIRED
    here = settings.STATEHUB_HOST
    if checkout.host == here:
        return ""
    return escape_control(f"This checkout is on '{checkout.host}'; only checkouts on '{here}' can be run from here.")


def _forms(checkout: Checkout) -> Iterator[Section]:
    """Yield the forms that change the checkout."""
    if checkout.retired_at is not None:
        help = "It is run and shown again, with its history."
        yield action_form("Bring it back", BRING_BACK, checkout, help)
        return
    help = "If the clone is in another directory, or its machine was renamed. Its history is kept."
    yield ButtonForm("Move it", reverse("admin:statehub_checkout_move", args=(checkout.pk,)), "Move", help)
    help = "It is no longer run or shown as overdue. Its history is kept, and it can be brought back."
    yield action_form("Retire it", RETIRE, checkout, help)


def _changes(checkout: Checkout) -> Iterator[Table]:
    """Yield the table of the changes of the checkout in the admin, if there are any."""
    entries = LogEntry.objects.filter(
        content_type__app_label="statehub", content_type__model="checkout", object_id=str(checkout.pk)
    ).select_related("user")
    rows = [
        (
            formatting.time(entry.action_time),
            formatting.text(entry.user.get_username(), 40),
            formatting.text(entry.get_change_message()),
        )
        for entry in entries.order_by("-action_time", "-pk")[:CHANGES_SHOWN]
    ]
    if rows:
        yield Table("Changes in the admin", ("Time (UTC)", "User", "Change"), rows)


def _list_link(code: str, checkout: Checkout) -> Cell:
    url = formatting.listing("consistency_finding", state="open", code=code, checkout__id__exact=checkout.pk)
    return formatting.anchor(url, f"show {code}")
