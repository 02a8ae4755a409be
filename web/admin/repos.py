"""Repos and checkouts: where they are, how fresh, what is open, and the two buttons that run a checkout now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from consistency.models import Finding, Run
from statehub.models import Checkout, CheckoutQuerySet, Repo, Task, Workstream
from statehub.text import escape_control
from web.admin import checkout_actions, formatting, relocate
from web.admin.components import ActionForm, Facts, LinkForm, Note, RunForm, Section, Table
from web.admin.filters import CheckoutHostFilter, RetiredFilter
from web.admin.readonly import more
from web.admin.retire_actions import BRING_BACK, RETIRE, Change, RetiringAdmin

SHOWN = 50
RUNS_SHOWN = 10
CHANGES_SHOWN = 20


def _grouped(rows: QuerySet[Any], by: str, pks: Iterable[object]) -> dict[Any, int]:
    """The number of *rows* for each of *pks*, in one query."""
    found = rows.filter(**{f"{by}__in": list(pks)}).order_by().values(by).annotate(number=Count("pk"))
    return {row[by]: row["number"] for row in found.values(by, "number")}


def newest_runs(checkouts: Iterable[int]) -> dict[int, Run]:
    """The newest run of each of *checkouts* that has one."""
    newest = Run.objects.filter(checkout=OuterRef("pk")).order_by("-started_at").values("pk")[:1]
    pks = Checkout.objects.filter(pk__in=list(checkouts)).order_by().values_list(Subquery(newest), flat=True)
    return {run.checkout_id: run for run in Run.objects.filter(pk__in=[pk for pk in pks if pk])}


@admin.register(Repo)
class RepoAdmin(RetiringAdmin):
    """Every repo with its numbers. To retire one is to retire all of its checkouts."""

    list_display = ("slug_link", "origin_text", "checkouts", "workstreams", "tasks", "open_findings")
    ordering = ("slug",)
    sortable_by = ("slug_link",)
    search_fields = ("slug", "origin")
    search_help_text = "Slug or origin"
    empty_text = "No repos yet. On the machine of the clone run: manage.py register_repo PATH"

    def checkouts_of(self, rows: QuerySet[Any]) -> CheckoutQuerySet:
        """All of theirs, on every host."""
        return Checkout.objects.filter(repo__in=rows)

    def complete(self, rows: list[Repo]) -> None:
        """Count what belongs to the repos of a page."""
        pks = [repo.pk for repo in rows]
        numbers = (
            _grouped(Checkout.objects.all(), "repo", pks),
            _grouped(Workstream.objects.all(), "repo", pks),
            _grouped(Task.objects.all(), "workstream__repo", pks),
            _grouped(Finding.objects.filter(resolved_at=None), "checkout__repo", pks),
        )
        for repo in rows:
            repo.numbers = [number.get(repo.pk, 0) for number in numbers]  # type: ignore[attr-defined]  # for the columns

    @admin.display(description="Repo", ordering="slug")
    def slug_link(self, obj: Repo) -> SafeString:
        """Its slug."""
        return formatting.text(obj.slug, 60)

    @admin.display(description="Origin")
    def origin_text(self, obj: Repo) -> SafeString:
        """Its remote."""
        return formatting.mono(obj.origin, 60)

    @admin.display(description="Checkouts")
    def checkouts(self, obj: Any) -> str:
        """How many clones are known."""
        return f"{obj.numbers[0]:,}"

    @admin.display(description="Workstreams")
    def workstreams(self, obj: Any) -> str:
        """How many it has."""
        return f"{obj.numbers[1]:,}"

    @admin.display(description="Tasks")
    def tasks(self, obj: Any) -> str:
        """How many it has."""
        return f"{obj.numbers[2]:,}"

    @admin.display(description="Open findings")
    def open_findings(self, obj: Any) -> SafeString | str:
        """How many are open in all of its checkouts."""
        return _open(obj.numbers[3], "checkout__repo__id__exact", obj.pk)

    def sections(self, request: HttpRequest, obj: Repo) -> Iterable[Section]:
        """The repo, its checkouts, its workstreams."""
        tasks = formatting.listing("statehub_task", workstream__repo__id__exact=obj.pk)
        findings = formatting.listing("consistency_finding", checkout__repo__id__exact=obj.pk)
        yield Facts(
            "Repo",
            [
                ("Slug", formatting.text(obj.slug)),
                ("Origin", formatting.mono(obj.origin)),
                *(("Other addresses", _lines(obj.aliases)) for _ in obj.aliases[:1]),
                *(("Former origins", _lines(obj.former_origins)) for _ in obj.former_origins[:1]),
                ("First commits", _lines([commit[:12] for commit in obj.first_commits])),
                ("Workplans", _lines(obj.workplans.split("\n"))),
                ("Excluded", _lines(obj.exclude.split("\n"))),
                ("Branch", formatting.mono(obj.branch) if obj.branch else "any"),
                ("Registered", formatting.time(obj.created_at)),
                (
                    "Lists",
                    format_html("{} · {}", formatting.anchor(tasks, "tasks"), formatting.anchor(findings, "findings")),
                ),
            ],
        )  # fmt: skip
        checkouts = list(obj.checkouts.all()[:SHOWN])
        runs, opened = _of_checkouts(checkouts)
        yield Table(
            "Checkouts",
            ("Host", "Path", "Freshness", "Newest run", "Open findings"),
            [
                (
                    formatting.link("statehub_checkout", checkout.pk, checkout.host),
                    formatting.mono(checkout.path, 70),
                    _freshness(checkout, runs.get(checkout.pk)),
                    _run(runs.get(checkout.pk)),
                    _open(opened.get(checkout.pk, 0), "checkout__id__exact", checkout.pk),
                )
                for checkout in checkouts
            ],
        )
        workstreams = obj.workstreams.order_by("key")
        shown = list(workstreams[: SHOWN + 1])
        count = len(shown) if len(shown) <= SHOWN else workstreams.count()
        url = formatting.listing("statehub_workstream", repo__id__exact=obj.pk)
        yield Table(
            "Workstreams",
            ("Id", "Title", "Status"),
            [
                (
                    formatting.link("statehub_workstream", row.pk, formatting.mono(row.key, 40)),
                    formatting.text(row.title, 90),
                    formatting.status(row.status),
                )
                for row in shown[:SHOWN]
            ],
            note=more(SHOWN, count, url),
        )  # fmt: skip
        if self.has_retire_permission(request):
            yield from _repo_forms(obj)


@admin.register(Checkout)
class CheckoutAdmin(RetiringAdmin):
    """Every clone, with *check now* and *fix now* for those of this host."""

    actions = (*RetiringAdmin.actions, relocate.MOVE.action)
    list_display = ("repo_link", "host_text", "path_text", "freshness", "ahead_behind", "newest", "open_findings")
    list_filter = (CheckoutHostFilter, RetiredFilter)
    ordering = ("repo__slug", "host", "path")
    sortable_by = ("repo_link", "host_text")
    search_fields = ("repo__slug", "host", "path")
    search_help_text = "Repo, host or path"
    empty_text = "No checkouts yet. On the machine of the clone run: manage.py register_repo PATH"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Checkout]:
        """Checkouts with their repos."""
        rows: QuerySet[Checkout] = super().get_queryset(request)
        return rows.select_related("repo")

    def checkouts_of(self, rows: QuerySet[Any]) -> CheckoutQuerySet:
        """These themselves."""
        return Checkout.objects.filter(pk__in=rows)

    @admin.action(description="Move the selected checkouts to another host", permissions=["retire"])
    def move_chosen(self, request: HttpRequest, queryset: QuerySet[Checkout]) -> TemplateResponse | None:
        """Ask for the host; once that is confirmed, they are checkouts on it."""
        wanted = self.checkouts_of(queryset.order_by()).active().select_related("repo")
        return self.change_chosen(request, relocate.MOVE, wanted, lambda: relocate.move_to_host(request, list(wanted)))

    def complete(self, rows: list[Checkout]) -> None:
        """Find the newest runs of the checkouts of a page, and count their open findings."""
        runs, opened = _of_checkouts(rows)
        for checkout in rows:
            checkout.newest = runs.get(checkout.pk)  # type: ignore[attr-defined]  # for the columns
            checkout.opened = opened.get(checkout.pk, 0)  # type: ignore[attr-defined]  # for the columns

    def get_urls(self) -> list[URLPattern]:
        """The pages, and those that start a run and wait for it."""
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/run/", view(checkout_actions.start), name="statehub_checkout_run"),
            path("<int:pk>/move/", view(relocate.mover(self)), name="statehub_checkout_move"),
            path("<int:pk>/run/<uuid:job>/", view(checkout_actions.waiter(self)), name="statehub_checkout_job"),
            *super().get_urls(),
        ]

    @admin.display(description="Repo", ordering="repo__slug")
    def repo_link(self, obj: Checkout) -> SafeString:
        """Its repo's slug."""
        return formatting.text(obj.repo.slug, 40)

    @admin.display(description="Host", ordering="host")
    def host_text(self, obj: Checkout) -> SafeString:
        """Its host."""
        return formatting.text(obj.host, 30)

    @admin.display(description="Path")
    def path_text(self, obj: Checkout) -> SafeString:
        """Where it is."""
        return formatting.mono(obj.path, 60)

    @admin.display(description="Freshness")
    def freshness(self, obj: Any) -> SafeString:
        """As of its newest run, unless it is retired."""
        return _freshness(obj, obj.newest)

    @admin.display(description="Ahead / behind")
    def ahead_behind(self, obj: Any) -> SafeString | str:
        """As of its newest run."""
        return formatting.distance(obj.newest.ahead, obj.newest.behind) if obj.newest else formatting.NONE

    @admin.display(description="Newest run")
    def newest(self, obj: Any) -> SafeString:
        """When, and how it ended."""
        return _run(obj.newest)

    @admin.display(description="Open findings")
    def open_findings(self, obj: Any) -> SafeString | str:
        """How many are open."""
        return _open(obj.opened, "checkout__id__exact", obj.pk)

    def heading(self, obj: Checkout) -> SafeString:
        """The repo and the host."""
        return format_html("{} on {}", formatting.text(obj.repo.slug), formatting.text(obj.host))

    def sections(self, request: HttpRequest, obj: Checkout) -> Iterable[Section]:
        """The checkout, its buttons, its open findings, its newest runs."""
        runs = list(obj.runs.order_by("-started_at")[:RUNS_SHOWN])
        yield Facts("Checkout", list(_checkout_facts(obj, runs)))
        if request.user.has_perm(checkout_actions.PERMISSION):
            here = settings.STATEHUB_HOST
            refusal = f"This checkout is on '{obj.host}'; only checkouts on '{here}' can be run from here."
            refusal = "" if obj.host == here else escape_control(refusal)
            refusal = checkout_actions.RETIRED if obj.retired_at else refusal
            yield RunForm("Run now", reverse("admin:statehub_checkout_run", args=(obj.pk,)), refusal)
        if self.has_retire_permission(request):
            yield from _checkout_forms(obj)
        counts = obj.findings.filter(resolved_at=None).values_list("code", "severity").order_by("code")
        yield Table(
            "Open findings",
            ("Code", "Count", "List"),
            [
                (formatting.code(code, severity), f"{number:,}", _list_link(code, obj.pk))
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
        )  # fmt: skip
        yield from _changes(obj)


def _checkout_facts(checkout: Checkout, runs: list[Run]) -> Iterator[tuple[str, SafeString | str]]:
    yield "Repo", formatting.link("statehub_repo", checkout.repo_id, checkout.repo.slug)
    yield "Host", formatting.text(checkout.host)
    yield "Path", formatting.mono(checkout.path)
    yield "Registered", formatting.time(checkout.created_at)
    if checkout.retired_at:
        yield "Retired", formatting.time(checkout.retired_at)
    if runs:
        yield "Freshness", formatting.freshness(runs[0].freshness, runs[0].fetch)
        yield "Ahead / behind", formatting.distance(runs[0].ahead, runs[0].behind)


def _freshness(checkout: Checkout, run: Run | None) -> SafeString:
    if checkout.retired_at:
        return formatting.badge("retired", title="No longer run or shown as overdue.")
    return formatting.freshness(run.freshness, run.fetch) if run else formatting.NONE


def _repo_forms(repo: Repo) -> Iterator[Section]:
    """What a person may do with the repo."""
    retired = [at is not None for at in repo.checkouts.values_list("retired_at", flat=True)]
    if not all(retired):
        help = "Its checkouts, on every host, are no longer run or shown as overdue. Its history is kept."
        yield _action_form("Retire it", RETIRE, "statehub_repo", repo.pk, help)
        words = (
            "If its remote has a new address: git remote set-url origin URL in a registered clone, then "
            "manage.py register_repo PATH there. The clone's history shows that it is the same repository."
        )
        yield Note("Move it", words, "plain")
    if any(retired):
        help = "Its retired checkouts, on every host, are run and shown again. Each can be brought back separately."
        yield _action_form("Bring it back", BRING_BACK, "statehub_repo", repo.pk, help)


def _checkout_forms(checkout: Checkout) -> Iterator[Section]:
    """What a person may do with the checkout, besides running it."""
    if checkout.retired_at is not None:
        help = "It is run and shown again, with its history."
        yield _action_form("Bring it back", BRING_BACK, "statehub_checkout", checkout.pk, help)
        return
    help = "If the clone is in another directory, or its machine was renamed. Its history is kept."
    yield LinkForm("Move it", reverse("admin:statehub_checkout_move", args=(checkout.pk,)), "Move", help)
    help = "It is no longer run or shown as overdue. Its history is kept, and it can be brought back."
    yield _action_form("Retire it", RETIRE, "statehub_checkout", checkout.pk, help)


def _action_form(title: str, change: Change, model: str, pk: int, help: str) -> ActionForm:
    return ActionForm(title, formatting.listing(model), change.action, pk, change.button, help)


def _changes(checkout: Checkout) -> Iterator[Table]:
    """What people have done with the checkout in the admin, as far as they have."""
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


def _lines(values: Iterable[str]) -> SafeString:
    """One below the other."""
    return (
        format_html_join(mark_safe("<br>"), "{}", ((formatting.mono(value),) for value in values if value))
        or formatting.NONE
    )


def _of_checkouts(checkouts: list[Checkout]) -> tuple[dict[int, Run], dict[Any, int]]:
    pks = [checkout.pk for checkout in checkouts]
    return newest_runs(pks), _grouped(Finding.objects.filter(resolved_at=None), "checkout", pks)


def _run(run: Run | None) -> SafeString:
    if run is None:
        return formatting.NONE
    when = formatting.link("consistency_run", run.pk, formatting.time(run.started_at))
    return format_html('<span class="sh-pair">{} {}</span>', when, formatting.outcome(run.outcome))


def _open(number: int, lookup: str, pk: int) -> SafeString | str:
    if not number:
        return "0"
    url = formatting.listing("consistency_finding", state="open", **{lookup: pk})
    return formatting.anchor(url, f"{number:,}")


def _list_link(code: str, checkout: int) -> SafeString:
    url = formatting.listing("consistency_finding", state="open", code=code, checkout__id__exact=checkout)
    return formatting.anchor(url, f"show {code}")
