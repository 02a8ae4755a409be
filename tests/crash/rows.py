"""All that the hub holds, without ids and times: names take the place of ids, so that two hubs can be compared."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from consistency.models import Finding, LedgerEntry, OwnCommit, Run
from statehub.models import Checkout, Repo, StatusChange, Task, Workstream

Rows = dict[str, list[list[Any]]]

_WORKSTREAM = ("repo__slug", "key", "title", "status", "path", "version", "domain", "repo_name", "owner", "topic_slug")
_CHANGE = ("task__workstream__key", "task__key", "old", "new", "who", "source", "host", "commit", "reopen", "reason")
_FINDING = (
    "checkout__path", "code", "severity", "message", "file", "line", "workplan", "task", "db_status", "file_status",
    "action", "resolution", "commit",
)  # fmt: skip
_RUN = (
    "checkout__path", "mode", "outcome", "converged", "error", "freshness", "fetch", "head", "branch", "upstream",
    "ahead", "behind",
)  # fmt: skip


def snapshot() -> dict[str, Any]:
    """Return the rows: the mirror, the ledger, the open findings, the newest run; and the resolved findings."""
    moved = {(str(pk), key): at for pk, key, at in Task.objects.values_list("workstream", "key", "status_changed_at")}
    moved |= {(str(pk), ""): at for pk, at in Workstream.objects.values_list("pk", "status_changed_at")}
    names = {str(pk): f"{slug}/{key}" for pk, slug, key in Workstream.objects.values_list("pk", "repo__slug", "key")}
    mirrored = {
        "repos": _rows(Repo, "slug", "workplans", "origin", "branch"),
        "checkouts": _rows(Checkout, "repo__slug", "host", "path"),
        "workstreams": _rows(Workstream, *_WORKSTREAM),
        "tasks": _rows(Task, "workstream__key", "key", "title", "status", "priority"),
        "changes": _rows(StatusChange, *_CHANGE),
        "ledger": [
            [names.get(str(workstream), str(workstream)), *entry, _without_times(content, str(workstream), moved)]
            for *entry, content, workstream in LedgerEntry.objects.order_by("checkout__path", "path").values_list(
                "checkout__path", "path", "key", "digest", "version", "content", "workstream"
            )
        ],
        "own commits": _rows(OwnCommit, "repo__slug", "commit", "authored", "changes"),
        "open findings": _rows(Finding.objects.filter(resolved_at=None), *_FINDING),
        "newest run": [list(row) for row in Run.objects.order_by("-started_at").values_list(*_RUN)[:1]],
    }
    return {"rows": mirrored, "history": _rows(Finding.objects.exclude(resolved_at=None), *_FINDING)}


def _rows(source: Any, *columns: str) -> list[list[Any]]:
    found = (source if hasattr(source, "values_list") else source.objects).order_by().values_list(*columns)
    return sorted(map(list, found), key=repr)


def _without_times(content: str, workstream: str, moved: dict[tuple[str, str], datetime]) -> str:
    """Return a file's ledger; of each time only whether it is that of the row's newest move."""
    kept = json.loads(content)
    if kept is not None:
        kept["since"] = {task: _time(at) == moved.get((workstream, task)) for task, at in kept["since"].items()}
        kept["status_since"] = kept["status_since"] and _time(kept["status_since"]) == moved.get((workstream, ""))
    return json.dumps(kept)


def _time(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
