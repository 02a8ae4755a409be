"""The tasks and workstreams that findings name by their ids, loaded for many findings in two queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from consistency.models import Finding
from statehub.models import Task, Workstream


class FindingTargets(NamedTuple):
    """The workstream and the task of a finding; None if the hub does not have them."""

    workstream: UUID | None
    task: UUID | None


def load_targets(findings: Sequence[Finding]) -> list[FindingTargets]:
    """Return the targets of each of *findings*, whose checkouts must be loaded."""
    workstreams = _find_workstreams(findings)
    tasks = _find_tasks(findings, workstreams.values())
    targets = []
    for finding in findings:
        workstream = workstreams.get((finding.checkout.repo_id, finding.workplan))
        task = tasks.get((workstream, finding.task)) if workstream else None
        targets.append(FindingTargets(workstream, task))
    return targets


def _find_workstreams(findings: Iterable[Finding]) -> dict[tuple[int, str], UUID]:
    keys = {finding.workplan for finding in findings if finding.workplan}
    repos = {finding.checkout.repo_id for finding in findings if finding.workplan}
    rows = Workstream.objects.filter(repo__in=repos, key__in=keys).order_by()
    return {(repo, key): pk for pk, repo, key in rows.values_list("pk", "repo", "key")}


def _find_tasks(findings: Iterable[Finding], workstreams: Iterable[UUID]) -> dict[tuple[UUID, str], UUID]:
    keys = {finding.task for finding in findings if finding.task}
    rows = Task.objects.filter(workstream__in=set(workstreams), key__in=keys).order_by()
    return {(workstream, key): pk for pk, workstream, key in rows.values_list("pk", "workstream", "key")}
