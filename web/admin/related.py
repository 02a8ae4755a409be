"""The tasks and workstreams that findings name by their ids, found for a page of them in two queries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from consistency.models import Finding
from statehub.models import Task, Workstream


class FindingTargets(NamedTuple):
    """What a finding names, where the hub has it."""

    workstream: UUID | None
    task: UUID | None


def load_targets(findings: Iterable[Finding]) -> list[FindingTargets]:
    """For each of *findings*, with their checkouts loaded, its workstream and its task."""
    rows = list(findings)
    workstreams = _workstreams(rows)
    tasks = _tasks(rows, workstreams)
    return [
        FindingTargets(
            workstream := workstreams.get((row.checkout.repo_id, row.workplan)),
            tasks.get((workstream, row.task)) if workstream else None,
        )
        for row in rows
    ]


def _workstreams(rows: list[Finding]) -> dict[tuple[int, str], UUID]:
    keys = {row.workplan for row in rows if row.workplan}
    repos = {row.checkout.repo_id for row in rows if row.workplan}
    found = Workstream.objects.filter(repo__in=repos, key__in=keys).order_by()
    return {(repo, key): pk for pk, repo, key in found.values_list("pk", "repo", "key")}


def _tasks(rows: list[Finding], workstreams: dict[tuple[int, str], UUID]) -> dict[tuple[UUID, str], UUID]:
    keys = {row.task for row in rows if row.task}
    found = Task.objects.filter(workstream__in=set(workstreams.values()), key__in=keys).order_by()
    return {(workstream, key): pk for pk, workstream, key in found.values_list("pk", "workstream", "key")}
