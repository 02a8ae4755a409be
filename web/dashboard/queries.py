"""What the dashboard asks the database: a fixed number of queries, each aggregated there or bounded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, TruncDate

from consistency.core.codes import CODES
from consistency.core.finding import SAID_ONCE
from consistency.models import Finding, Run, RunState
from statehub.models import Checkout, Repo, StatusChange, Task, Workstream
from statehub.statuses import TASK_RANKS, TASK_STATUSES
from web.dashboard.dto import (
    Age,
    Checkouts,
    CheckoutStatus,
    LastRun,
    OpenFindings,
    Overdue,
    StatusChangeCount,
    StatusPair,
    WorkstreamProgress,
    Writeback,
)

HELD = ("behind", "diverged", "gone")
OPEN_STATUSES = tuple(status for status, rank in TASK_RANKS.items() if rank < 2)
CHECKOUT_LIMIT = 200
"""Checkouts of the grid that are looked at."""


def since(day: date) -> datetime:
    """The beginning of *day*."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def first_day() -> date | None:
    """The day on which the first repo was registered; None in an empty hub."""
    first: datetime | None = Repo.objects.aggregate(first=Min("created_at"))["first"]
    return first and first.astimezone(UTC).date()


# ---- Work ------------------------------------------------------------------------------------------------------------


def tasks_by_status() -> dict[str, int]:
    """The number of tasks that have each status now."""
    rows = Task.objects.order_by().values_list("status").annotate(number=Count("*"))
    return dict.fromkeys(TASK_STATUSES, 0) | dict(rows)


def status_changes(first: date) -> list[StatusChangeCount]:
    """Every move since *first*, counted by day; and the tasks created since that never moved."""
    start = since(first)
    changes = StatusChange.objects.filter(at__gte=start).order_by().annotate(day=TruncDate("at", tzinfo=UTC))
    found = [StatusChangeCount(*row) for row in changes.values_list("day", "old", "new").annotate(number=Count("*"))]
    # Creation leaves no change behind; of a task that never moved, status_changed_at is the time of it.
    # Of one that did, it is the time of its newest move: nothing older than *start* has to be looked at.
    moved = StatusChange.objects.filter(task=OuterRef("pk"), at__gte=start)
    unmoved = Task.objects.filter(~Exists(moved), status_changed_at__gte=start)
    rows = unmoved.order_by().annotate(day=TruncDate("status_changed_at", tzinfo=UTC)).values_list("day", "status")
    return found + [
        StatusChangeCount(day, "", status, number) for day, status, number in rows.annotate(number=Count("*"))
    ]


def progress(limit: int) -> list[WorkstreamProgress]:
    """Workstreams that have tasks: those with open work first, then by their newest move."""
    counts = {status: Count("pk", filter=Q(status=status)) for status in TASK_STATUSES}
    unfinished = Max(Case(When(status__in=OPEN_STATUSES, then=1), default=0))
    every: QuerySet[Any, Any] = Task.objects.order_by().values("workstream")
    counted = every.annotate(**counts, newest=Max("status_changed_at"), unfinished=unfinished)
    rows: list[dict[str, Any]] = list(counted.order_by("-unfinished", "-newest", "workstream")[:limit])
    named = Workstream.objects.select_related("repo").in_bulk([row["workstream"] for row in rows])
    return [
        WorkstreamProgress(pk, plan.key, plan.title, plan.repo.slug, {status: row[status] for status in TASK_STATUSES})
        for row in rows
        if (plan := named.get(pk := row["workstream"])) is not None
    ]


# ---- Findings --------------------------------------------------------------------------------------------------------


def open_findings(now: datetime) -> list[OpenFindings]:
    """The open findings by code and age, in the order of the table of codes."""
    day, week, month = (now - timedelta(days=days) for days in (1, 7, 30))
    ages = {
        Age.DAY: Q(first_seen__gt=day),
        Age.WEEK: Q(first_seen__gt=week, first_seen__lte=day),
        Age.MONTH: Q(first_seen__gt=month, first_seen__lte=week),
        Age.OLDER: Q(first_seen__lte=month),
    }
    counts = {age.name: Count("pk", filter=condition) for age, condition in ages.items()}
    rows = Finding.objects.filter(resolved_at=None).order_by().values("code").annotate(**counts)
    found: dict[str, dict[str, Any]] = {row["code"]: dict(row) for row in rows}
    return [
        OpenFindings(code.id, str(code.severity), {age: found[code.id][age.name] for age in Age})
        for code in CODES.values()
        if code.id in found
    ]


def findings_per_day(column: str, first: date) -> dict[date, int]:
    """The number of findings whose time in *column* lies on each day since *first*."""
    rows = Finding.objects.filter(**{f"{column}__gte": since(first)}).order_by()
    days = rows.annotate(day=TruncDate(column, tzinfo=UTC)).values_list("day")
    return dict(days.annotate(number=Count("*")))


# ---- Places ----------------------------------------------------------------------------------------------------------


def _newest(**extra: Any) -> QuerySet[Run]:
    """The newest finished run of the checkout in the outer query: one step in the index on checkout and start."""
    return Run.objects.filter(checkout=OuterRef("pk"), finished_at__isnull=False, **extra).order_by("-started_at")


def _late(cutoff: datetime) -> Q:
    """Of checkouts with `finished`: no finished run since *cutoff*, though the checkout was known by then."""
    return Q(finished__lt=cutoff) | Q(finished=None, created_at__lt=cutoff)


def checkouts(cutoff: datetime) -> Checkouts:
    """All checkouts that are not retired, counted."""
    rows = Checkout.objects.active().annotate(
        freshness=Subquery(_newest().values("freshness")[:1]), finished=Subquery(_newest().values("finished_at")[:1])
    )
    return Checkouts(
        **rows.aggregate(
            total=Count("*"), held=Count("pk", filter=Q(freshness__in=HELD)), overdue=Count("pk", filter=_late(cutoff))
        )
    )


def overdue(cutoff: datetime, limit: int) -> list[Overdue]:
    """Checkouts with no finished run since *cutoff*; those that never had one first, then the longest ago."""
    active = Checkout.objects.active()
    rows = active.annotate(finished=Subquery(_newest().values("finished_at")[:1])).filter(_late(cutoff))
    ordered = rows.order_by(F("finished").asc(nulls_first=True), "repo__slug", "host", "path")
    return [Overdue(*row) for row in ordered.values_list("pk", "repo__slug", "host", "path", "finished")[:limit]]


def _open() -> QuerySet[Finding]:
    """The open findings that a person may have to see to: not those that are said once and stay on record."""
    return Finding.objects.filter(resolved_at=None).exclude(code__in=SAID_ONCE)


def worrying_repos(cutoff: datetime, limit: int) -> list[tuple[int, str]]:
    """Repos with checkouts, the one that needs a look most first: held back, in error, overdue, with open findings."""
    worry = Case(
        When(freshness__in=("diverged", "gone"), then=10),
        When(freshness="behind", then=8),
        When(outcome=RunState.ERROR, then=6),
        When(finished_at__lt=cutoff, then=4),
        default=0,
        output_field=IntegerField(),
    )
    of_run = Coalesce(Subquery(_newest().annotate(worry=worry).values("worry")[:1]), Value(2))
    found = Exists(_open().filter(checkout=OuterRef("pk")))
    rows = Checkout.objects.active().order_by().annotate(worry=of_run + Case(When(found, then=1), default=0))
    worst = rows.values("repo", "repo__slug").annotate(worst=Max("worry")).order_by("-worst", "repo__slug")
    return [(row["repo"], row["repo__slug"]) for row in worst[:limit]]


def checkout_statuses(repos: Iterable[int], now: datetime, lookback: timedelta) -> list[CheckoutStatus]:
    """The checkouts of *repos*; a fetch that worked is looked for no further back than *lookback*."""
    rows = list(
        Checkout.objects.active()
        .filter(repo__in=list(repos))
        .annotate(newest=Subquery(_newest().values("pk")[:1]))
        .order_by("repo__slug", "host", "path")
        .values_list("pk", "repo", "repo__slug", "host", "path", "newest")[:CHECKOUT_LIMIT]
    )
    runs = {run.checkout_id: run for run in Run.objects.filter(pk__in=[row[5] for row in rows if row[5]])}
    fetches = _fetches(runs.values(), now - lookback)
    findings = _open_findings([row[0] for row in rows])
    return [
        CheckoutStatus(*row[:5], _last(runs.get(row[0])), fetches.get(row[0]), *findings.get(row[0], (0, 0, 0)))
        for row in rows
    ]


def _last(run: Run | None) -> LastRun | None:
    if run is None or run.finished_at is None:
        return None
    detached = bool(run.head and not run.branch)
    return LastRun(
        run.pk, run.mode, run.outcome, run.freshness, run.ahead, run.behind, detached, run.finished_at, run.fetch,
        run.dry_run,
    )  # fmt: skip


def _fetches(runs: Iterable[Run], start: datetime) -> dict[int, datetime]:
    """The start of the newest run of each checkout whose fetch worked; mostly that is its newest run."""
    every = list(runs)
    missing = [run.checkout_id for run in every if run.fetch != "ok" and run.freshness != "no_upstream"]
    newest = Subquery(_newest(fetch="ok", started_at__gte=start).values("started_at")[:1])
    rows = Checkout.objects.filter(pk__in=missing).order_by().annotate(at=newest).values_list("pk", "at")
    earlier = {pk: at for pk, at in rows if at is not None} if missing else {}
    return {run.checkout_id: run.started_at for run in every if run.fetch == "ok"} | earlier


def _open_findings(pks: Sequence[int]) -> dict[int, tuple[int, int, int]]:
    """How many findings are open in each checkout, how many of them say that a writeback was not possible, and how many
    that all of it is held back.
    """
    obstacle = Q(code="C-16") | Q(code="C-14") & ~Q(file="")
    rows = _open().filter(checkout__in=pks).order_by().values_list("checkout")
    gate = Q(code__in=("C-18", "C-19", "C-21", "C-22"))  # Where it is behind, its run says so.
    counted = rows.annotate(number=Count("*"), obstacles=Count("pk", filter=obstacle), gates=Count("pk", filter=gate))
    return {pk: (number, obstacles, gates) for pk, number, obstacles, gates in counted}


# ---- Writeback -------------------------------------------------------------------------------------------------------


def written(first: date, limit: int) -> list[Writeback]:
    """The newest writeback commits since *first*, with what they wrote."""
    rows = Run.objects.filter(started_at__gte=since(first)).exclude(writeback_commit="").order_by("-started_at", "-id")
    runs = list(rows.select_related("checkout__repo")[:limit])
    mended = Finding.objects.filter(resolved_by__in=[run.pk for run in runs], resolution="written_back").order_by()
    pairs = mended.values_list("resolved_by", "file_status", "db_status").annotate(task=Min("task"), number=Count("*"))
    moved: dict[Any, list[StatusPair]] = defaultdict(list)
    for run, old, new, task, number in pairs.order_by("resolved_by", "task", "file_status", "db_status"):
        moved[run].append(StatusPair(task, old, new, number))
    return [
        Writeback(
            run.pk, run.writeback_commit, run.checkout.repo.slug, run.checkout.host, run.finished_at or run.started_at,
            tuple(moved[run.pk]),
        )
        for run in runs
    ]  # fmt: skip
