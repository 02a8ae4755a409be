"""Lists of repos, workstreams, findings and runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import Field

from consistency.core.codes import CODES
from consistency.models import Finding, Run
from statehub.models import Checkout, Repo, Task, Workstream
from statehub.task_filters import match_any
from web.api import schemas
from web.api.pagination import CursorPagination, ListQuery, Row, paginated_response
from web.api.schemas import Host, Mode, Moment, Outcome, Severity, Text, WorkstreamStatus

router = Router()

# Built once: building takes a third of the time of reading.
_REPOS = Repo.objects.annotate(proposal_page=F("proposal__page"))
_PATHS = Checkout.objects.active().order_by("path").values_list("repo__slug", "path")

if TYPE_CHECKING:
    Code = str
else:
    Code = Literal[tuple(CODES)]


class RepoFilter(ListQuery):
    """Filters of repos, and the host of the checkouts to name."""

    slug: list[Text] = Field(default=[], description="The repo; may be given several times.")
    host: Host | None = Field(default=None, description="The host whose paths to return (default: the hub's own).")


@router.get("/repos/", response=list[schemas.Repo], summary="Repos and where they are checked out")
def repos(request: HttpRequest, wanted: Query[RepoFilter]) -> HttpResponse:
    """All repos by slug; `local_path` is the checkout's path on `host`, null if it has none."""
    rows = _REPOS.filter(match_any(slug=wanted.slug))
    host = wanted.host or settings.STATEHUB_HOST

    def add_paths(page: Sequence[Row]) -> None:
        paths = defaultdict[str, list[str]](list)
        if not page:
            return
        # A range instead of up to 500 slugs: the page has all repos in it.
        checkouts = _PATHS.filter(host=host, repo__slug__range=(page[0]["slug"], page[-1]["slug"]))
        if wanted.slug:
            checkouts = checkouts.filter(repo__slug__in=wanted.slug)
        for repo, path in checkouts:
            paths[repo].append(path)
        for row in page:
            row["host"] = host
            row["local_paths"] = found = paths[row["slug"]]
            row["local_path"] = found[0] if found else None

    return paginated_response(request, CursorPagination({"slug": str}), rows, wanted, schemas.Repo, add_paths)


class WorkstreamFilter(ListQuery):
    """Filters of workstreams."""

    repo: list[Text] = Field(default=[], description="The repo's slug; may be given several times, as all lists may.")
    key: list[Text] = Field(default=[], description="The workplan's id.")
    status: list[WorkstreamStatus] = Field(default=[])


@router.get("/workstreams/", response=list[schemas.Workstream], summary="Workstreams with their progress")
def workstreams(request: HttpRequest, wanted: Query[WorkstreamFilter]) -> HttpResponse:
    """Workplans as the hub has them, each with how many tasks it has in each status."""
    chosen = match_any(repo__slug=wanted.repo, key=wanted.key, status=wanted.status)
    rows = Workstream.objects.filter(chosen)

    def add_counts(page: Sequence[Row]) -> None:
        counts = Task.objects.count_by_status(row["id"] for row in page)
        for row in page:
            row["task_counts"] = counts[row["id"]]

    order = CursorPagination({"repo_id": int, "key": str})
    return paginated_response(request, order, rows, wanted, schemas.Workstream, add_counts)


class FindingFilter(ListQuery):
    """Filters of findings."""

    repo: list[Text] = Field(default=[], description="The repo's slug; may be given several times, as all lists may.")
    host: list[Host] = Field(default=[])
    code: list[Code] = Field(default=[])
    severity: list[Severity] = Field(default=[])
    state: Literal["open", "resolved"] | None = Field(default=None, description="Default: both.")
    workplan: list[Text] = Field(default=[], description="The workplan's id.")
    task: list[Text] = Field(default=[], description="The task's id.")
    seen_since: Moment | None = Field(default=None, description="Last seen at that time or later.")


@router.get("/findings/", response=list[schemas.Finding], summary="Findings, the newest first")
def findings(request: HttpRequest, wanted: Query[FindingFilter]) -> HttpResponse:
    """Every drift and fault: open ones, and resolved ones with how they ended."""
    chosen = _checkouts(wanted.repo, wanted.host) & match_any(
        code=wanted.code, severity=wanted.severity, workplan=wanted.workplan, task=wanted.task
    )
    if wanted.state is not None:
        chosen &= Q(resolved_at__isnull=wanted.state == "open")
    if wanted.seen_since is not None:
        chosen &= Q(last_seen__gte=wanted.seen_since)
    rows = Finding.objects.filter(chosen)
    order = CursorPagination({"id": int}, descending=True)
    return paginated_response(request, order, rows, wanted, schemas.Finding)


class RunFilter(ListQuery):
    """Filters of runs."""

    repo: list[Text] = Field(default=[], description="The repo's slug; may be given several times, as all lists may.")
    host: list[Host] = Field(default=[])
    mode: list[Mode] = Field(default=[])
    outcome: list[Outcome] = Field(default=[])
    since: Moment | None = Field(default=None, description="Begun at that time or later.")


@router.get("/runs/", response=list[schemas.Run], summary="Runs, the newest first")
def runs(request: HttpRequest, wanted: Query[RunFilter]) -> HttpResponse:
    """Every check and fix of a checkout, with its freshness and its counts by code."""
    chosen = _checkouts(wanted.repo, wanted.host) & match_any(mode=wanted.mode, outcome=wanted.outcome)
    if wanted.since is not None:
        chosen &= Q(started_at__gte=wanted.since)
    rows = Run.objects.filter(chosen)
    order = CursorPagination({"started_at": datetime, "id": UUID}, descending=True)
    return paginated_response(request, order, rows, wanted, schemas.Run)


def _checkouts(repos: Sequence[str], hosts: Sequence[str]) -> Q:
    return match_any(checkout__repo__slug=repos, checkout__host=hosts)
