"""What the ledger keeps of a workplan: its content and what the hub took of it, as text and back."""

from __future__ import annotations

import json
from collections.abc import Mapping

from consistency.core.sides import Known
from consistency.core.workplan import Problem, TaskBlock, Workplan


def remember(workplan: Workplan, taken: Mapping[str, str], taken_status: str) -> str:
    """The text to keep for *workplan*, with the statuses that the hub took from it: task id → status."""
    return json.dumps(
        {
            "key": workplan.key,
            "status": workplan.status,
            "uuid": workplan.uuid,
            "mirrored": workplan.mirrored,
            "line": workplan.line,
            "blocks": [(b.key, b.title, b.status, b.priority, b.uuid, b.line, b.place) for b in workplan.blocks],
            "problems": [(p.code, p.message, p.line, p.task, p.mark) for p in workplan.problems],
            "taken": dict(taken),
            "taken_status": taken_status,
        },
        separators=(",", ":"),
    )


def recall(path: str, text: str) -> Known:
    """The workplan at *path* as `remember` kept it."""
    kept = json.loads(text)
    workplan = Workplan(
        path,
        kept["key"],
        kept["status"],
        kept["uuid"],
        tuple(kept["mirrored"]),
        kept["line"],
        tuple(_block(*block) for block in kept["blocks"]),
        tuple(Problem(*problem) for problem in kept["problems"]),
    )
    return Known(workplan, kept["taken"], kept["taken_status"])


def _block(
    key: str, title: str, status: str, priority: str, uuid: str | None, line: int, place: list[int] | None
) -> TaskBlock:
    return TaskBlock(key, title, status, priority, uuid, line, (place[0], place[1]) if place else None)
