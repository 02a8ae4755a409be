"""Finds tasks that no longer have a block in any file: their status will be written nowhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from consistency.core.codes import BLOCK_GONE, GONE_WORKPLAN_CODES
from consistency.db.ledger import GONE, LEFT
from consistency.models import Finding, LedgerEntry
from statehub.models import Task

# Built once: a report of a status would take longer to build them than the database takes to answer.
_GONE = (
    Finding.objects.open()
    .filter(code__in=(*GONE_WORKPLAN_CODES, BLOCK_GONE))
    .order_by("-first_seen")
    .values_list("code", "workplan", "task", "first_seen", "checkout__repo", "checkout__host", "checkout__path")
)
_DIGESTS = LedgerEntry.objects.order_by().values_list("workstream", "digest")


def find_tasks_without_file(tasks: Sequence[Task]) -> dict[UUID, str]:
    """Find those of *tasks* that no file has, each with one sentence for the user who reports its status.

    Their workstreams and repos must be loaded. Two queries for any number of tasks.
    """
    if not tasks:
        return {}
    found = _by_findings(tasks)
    left = [task for task in tasks if task.pk not in found]
    return {**found, **_by_ledger(left)} if left else found


def _by_findings(tasks: Sequence[Task]) -> dict[UUID, str]:
    """Find tasks with an open finding that their workplan or block is gone."""
    rows = _GONE.filter(
        checkout__repo__in={task.workstream.repo_id for task in tasks},
        workplan__in={task.workstream.key for task in tasks},
    )
    gone: dict[tuple[int, str, str], str] = {}  # By repo, workplan and task; '' for all tasks of the workplan.
    for code, workplan, block, since, repo, host, path in rows:
        gone[repo, workplan, block if code == BLOCK_GONE else ""] = f"{host}:{path} ({code} since {since:%Y-%m-%d})"
    found: dict[UUID, str] = {}
    for task in tasks:
        repo, key = task.workstream.repo_id, task.workstream.key
        if place := gone.get((repo, key, "")):
            found[task.pk] = _warning(task, f"its workplan '{key}' is gone from {place}")
        elif place := gone.get((repo, key, task.key)):
            found[task.pk] = _warning(task, f"its block is gone from its workplan in {place}")
    return found


def _by_ledger(tasks: Sequence[Task]) -> dict[UUID, str]:
    """Find tasks whose file was in no checkout at the last fixes."""
    rows = _DIGESTS.filter(
        checkout__repo__in={task.workstream.repo_id for task in tasks},
        path__in={task.workstream.path for task in tasks},
    )
    digests: dict[UUID, set[str]] = defaultdict(set)
    for workstream, digest in rows:
        digests[workstream].add(digest)
    gone = {workstream for workstream, seen in digests.items() if seen <= {GONE, LEFT}}
    return {
        task.pk: _warning(
            task, f"its workplan '{task.workstream.key}' ({task.workstream.path}) is no longer in any checkout"
        )
        for task in tasks
        if task.workstream_id in gone
    }


def _warning(task: Task, why: str) -> str:
    return f"the hub has the status of task '{task.key}', but no file will say it: {why}"
