"""The dashboard's queries: a fixed number, each aggregated by the database or limited, and one of all checkouts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.db.models import (
    Case,
    Count,
    Exists,
    Func,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Concat, TruncDate

from consistency.core.codes import BEHIND, CODES, WRITEBACK_FAILED, Kind, codes_of
from consistency.core.finding import SAID_ONCE
from consistency.db.rows import read_moment
from consistency.models import Finding, Run
from statehub.models import Checkout, Repo, StatusChange, Task, Workstream
from statehub.statuses import FINISHED, TASK_STATUSES
from web.dashboard.dto import ActiveCheckout, Age, GridCheckout, OpenFindings, StatusChangeCount

OPEN_STATUSES = tuple(status for status in TASK_STATUSES if status not in FINISHED)
NEWEST_TASKS = 1_000
"""Tasks in which the workstreams with the newest changes are looked for first."""
TASKS_PER_WORKSTREAM = 20
"""Tasks of a workplan of usual size."""


def _start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def first_day() -> date | None:
    """Return the day on which the first repo was registered; None in an empty hub."""
    first: datetime | None = Repo.objects.aggregate(first=Min("created_at"))["first"]
    return first and first.astimezone(UTC).date()


def tasks_by_status() -> dict[str, int]:
    """Return the number of tasks that have each status now.

    Each is counted alone, without GROUP BY, in one query: PostgreSQL takes a quarter less time for it.
    """
    number = Func(function="COUNT", template="%(function)s(*)", output_field=IntegerField())
    first, *others = (
        Task.objects.filter(status=each).order_by().values_list(Value(each), number) for each in TASK_STATUSES
    )
    return dict(first.union(*others, all=True))


def status_changes(first: date) -> list[StatusChangeCount]:
    """Count the status changes since *first* by day, and the tasks created since then whose status never changed."""
    start = _start_of(first)
    changes = StatusChange.objects.filter(at__gte=start).order_by().annotate(day=TruncDate("at", tzinfo=UTC))
    counted = changes.values_list("day", "old", "new").annotate(number=Count("*"))
    # Creation records no change. If a task's status never changed, status_changed_at is the time of its creation,
    # otherwise that of its newest change: nothing older than *start* has to be read.
    changed = StatusChange.objects.filter(task=OuterRef("pk"), at__gte=start)
    unchanged = Task.objects.filter(~Exists(changed), status_changed_at__gte=start).order_by()
    created = unchanged.annotate(day=TruncDate("status_changed_at", tzinfo=UTC)).values_list("day", "status")
    return [
        *(StatusChangeCount(*row) for row in counted),
        *(StatusChangeCount(day, "", status, number) for day, status, number in created.annotate(number=Count("*"))),
    ]


def workstream_progress(limit: int) -> list[tuple[Workstream, dict[str, int]]]:
    """Return workstreams with the number of their tasks in each status.

    Those with open tasks come first, then those with the newest status change.
    """
    pks = _last_changed(limit)
    if pks is None:
        pks = _open_first(limit)
    counts = Task.objects.count_by_status(pks)
    workstreams = Workstream.objects.select_related("repo").in_bulk(pks)
    return [
        (workstreams[pk], {status: counts[pk][status] for status in TASK_STATUSES}) for pk in pks if pk in workstreams
    ]


def _last_changed(limit: int) -> list[UUID] | None:
    """Return the first *limit* workstreams if the tasks that changed last are enough to know them, otherwise None.

    So only a few tasks of a large hub are read: mostly those of as many workplans.
    """
    few = _among_newest(limit, min(TASKS_PER_WORKSTREAM * limit, NEWEST_TASKS))
    return _among_newest(limit, NEWEST_TASKS) if few is None else few


def _among_newest(limit: int, number: int) -> list[UUID] | None:
    """Return the first *limit* workstreams, or None, from the *number* tasks that changed last."""
    has_open = Exists(Task.objects.filter(workstream=OuterRef("workstream"), status__in=OPEN_STATUSES))
    tasks = Task.objects.annotate(has_open=has_open).order_by("-status_changed_at", "-id")
    rows = list(tasks.values_list("workstream", "status_changed_at", "has_open")[:number])
    newest: dict[UUID, tuple[bool, datetime]] = {}
    for workstream, at, is_open in rows:
        newest.setdefault(workstream, (is_open, at))
    if len(rows) == number:
        # Not the finished ones: they come after all open ones. Not those of the last time: more may have the same.
        newest = {pk: (is_open, at) for pk, (is_open, at) in newest.items() if is_open and at > rows[-1][1]}
        if len(newest) < limit:
            return None
    return sorted(sorted(newest), key=newest.__getitem__, reverse=True)[:limit]


def _open_first(limit: int) -> list[UUID]:
    """Return the first *limit* of all workstreams that have tasks, from all tasks."""
    unfinished = Max(Case(When(status__in=OPEN_STATUSES, then=1), default=0))
    tasks: QuerySet[Any, Any] = Task.objects.order_by().values("workstream")
    counted = tasks.annotate(newest=Max("status_changed_at"), unfinished=unfinished)
    rows = counted.order_by("-unfinished", "-newest", "workstream").values_list("workstream", flat=True)
    return list(rows[:limit])


def open_findings(now: datetime) -> list[OpenFindings]:
    """Count the open findings by code and age, in the order of the table of codes."""
    day, week, month = (
        # A column of the index, which then has all that is read.
        Count("first_seen", filter=Q(first_seen__gt=now - timedelta(days=days)))
        for days in (1, 7, 30)
    )
    rows = Finding.objects.open().order_by().values_list("code")
    by_code = {code: counts for code, *counts in rows.annotate(day=day, week=week, month=month, total=Count("*"))}
    found = []
    for code in CODES.values():
        if code.id in by_code:
            # Each count contains the ones before it: fewer conditions than one for each age.
            numbers = (after - before for before, after in pairwise([0, *by_code[code.id]]))
            found.append(OpenFindings(code.id, str(code.severity), dict(zip(Age, numbers, strict=True))))
    return found


def findings_per_day(column: str, first: date) -> dict[date, int]:
    """Count the findings by the day of their time in *column*, since *first*."""
    rows = Finding.objects.filter(**{f"{column}__gte": _start_of(first)}).order_by()
    days = rows.annotate(day=TruncDate(column, tzinfo=UTC)).values_list("day")
    return dict(days.annotate(number=Count("*")))


def active_checkouts(cutoff: datetime) -> list[ActiveCheckout]:
    """Return the active checkouts, ordered by repo, host and path; those registered since *cutoff* are new."""
    # Not Exists, for which PostgreSQL may read all open findings first; this is one look into an index.
    finding = Subquery(_open().filter(checkout=OuterRef("pk")).order_by().values("pk")[:1])
    # All of a run in one text, and so in one look into an index: each column alone would be another one.
    text = Concat(
        "pk", Value(" "), "freshness", Value(" "), "outcome", Value(" "), "finished_at", output_field=TextField()
    )
    run = Run.objects.finished().annotate(text=text).newest_per_checkout("text")
    rows = Checkout.objects.active().order_by("repo__slug", "host", "path")
    rows = rows.annotate(is_new=Q(created_at__gte=cutoff), finding=finding, run=run)
    columns = ("pk", "repo", "repo__slug", "host", "path", "is_new", "finding", "run")
    return [
        ActiveCheckout(pk, repo, slug, host, path, is_new, finding is not None, *_parse_run(run))
        for pk, repo, slug, host, path, is_new, finding, run in rows.values_list(*columns)
    ]


def _parse_run(text: str | None) -> tuple[str, str, str, datetime | None]:
    """Return id, freshness, outcome and end of a run."""
    if text is None:
        return "", "", "", None
    pk, freshness, outcome, finished = text.split(" ", 3)
    return pk, freshness, outcome, read_moment(finished)


def _open() -> QuerySet[Finding]:
    """Select the open findings that may need attention: not those that are reported once and stay on record."""
    return Finding.objects.open().exclude(code__in=SAID_ONCE)


def grid_checkouts(checkouts: Sequence[ActiveCheckout], now: datetime, lookback: timedelta) -> list[GridCheckout]:
    """Return *checkouts* for the grid; a successful fetch is looked for no further back than *lookback*."""
    runs = {run.checkout_id: run for run in Run.objects.filter(pk__in=[row.run for row in checkouts if row.run])}
    fetches = _fetches(runs.values(), now - lookback)
    findings = _open_findings([row.pk for row in checkouts])
    return [
        GridCheckout(*row[:5], runs.get(row.pk), fetches.get(row.pk), *findings.get(row.pk, (0, 0, 0)))
        for row in checkouts
    ]


def _fetches(runs: Iterable[Run], start: datetime) -> dict[int, datetime]:
    """Return when each checkout was last fetched: mostly by its newest run, otherwise by one since *start*."""
    newest_runs = list(runs)
    missing = [run.checkout_id for run in newest_runs if run.fetch != "ok" and run.freshness != "no_upstream"]
    newest = Run.objects.finished().filter(fetch="ok", started_at__gte=start).newest_per_checkout("started_at")
    rows = Checkout.objects.filter(pk__in=missing).order_by().annotate(at=newest).values_list("pk", "at")
    earlier = {pk: at for pk, at in rows if at is not None} if missing else {}
    return {run.checkout_id: run.started_at for run in newest_runs if run.fetch == "ok"} | earlier


def _open_findings(pks: Sequence[int]) -> dict[int, tuple[int, int, int]]:
    """Return the numbers of open findings, obstacles and gates of each checkout (see `GridCheckout`)."""
    obstacle = Q(code=WRITEBACK_FAILED) | Q(code=BEHIND) & ~Q(file="")
    rows = _open().filter(checkout__in=pks).order_by().values_list("checkout")
    gate = Q(code__in=codes_of(Kind.GATE)) & ~Q(code=BEHIND)  # a checkout that is behind is known by its run
    counted = rows.annotate(number=Count("*"), obstacles=Count("pk", filter=obstacle), gates=Count("pk", filter=gate))
    return {pk: (number, obstacles, gates) for pk, number, obstacles, gates in counted}


def writebacks(first: date, limit: int) -> list[tuple[Run, list[Any]]]:
    """Return the newest runs since *first* that committed a writeback, each with the statuses that it wrote.

    Their rows have `file_status` (the old one), `db_status` (the new one), `number` and one `task` as an example.
    """
    rows = (
        Run.objects.filter(started_at__gte=_start_of(first)).exclude(writeback_commit="").order_by("-started_at", "-id")
    )
    runs = list(rows.select_related("checkout__repo")[:limit])
    columns = ("resolved_by", "file_status", "db_status")
    resolved = Finding.objects.filter(resolved_by__in=[run.pk for run in runs], resolution="written_back").order_by()
    counted = resolved.values(*columns).annotate(task=Min("task"), number=Count("*"))
    by_run: dict[Any, list[Any]] = defaultdict(list)
    ordered = counted.order_by("resolved_by", "task", "file_status", "db_status")
    for row in ordered.values_list(*columns, "task", "number", named=True):
        by_run[row.resolved_by].append(row)
    return [(run, by_run[run.pk]) for run in runs]
