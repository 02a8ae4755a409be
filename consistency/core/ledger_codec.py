"""Dumps a workplan, with the statuses that the hub took from it, as text for the ledger, and loads it again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import Any

from consistency.core.comparison.snapshot import ParsedWorkplan
from consistency.core.workplan.model import Mirrored, Problem, TaskBlock, Workplan
from statehub.ids import normalize_id

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
"""Times are kept in whole ones: they are compared for equality."""

_JSON = json.JSONEncoder(check_circular=False, separators=(",", ":"))


def dump(known: ParsedWorkplan) -> str:
    """Return the text to keep for the workplan of *known*."""
    workplan, at = known.workplan, known.status_since
    return _JSON.encode(
        {
            "key": workplan.key,
            "status": workplan.status,
            "uuid": workplan.uuid,
            "mirrored": workplan.mirrored,
            "line": workplan.line,
            "blocks": [_fields(block) for block in workplan.blocks],
            "problems": [(p.code, p.message, p.line, p.task, p.discriminator, p.only_known) for p in workplan.problems],
            "taken": dict(known.taken),
            "taken_status": known.taken_status,
            "since": {task: _number(at) for task, at in known.since.items()},
            "status_since": _number(at) if at else None,
        }
    )


def load(path: str, text: str) -> ParsedWorkplan:
    """Return the workplan at *path* as `dump` kept it."""
    kept = json.loads(text)
    if "\\u" in text:  # Older versions kept ids as they were written.
        kept = _with_ids_as_now(kept)
    workplan = Workplan(
        path,
        kept["key"],
        kept["status"],
        kept["uuid"],
        Mirrored(*kept["mirrored"]),
        kept["line"],
        tuple([_block(*block) for block in kept["blocks"]]),
        tuple(Problem(*problem) for problem in kept["problems"]),
    )
    since = {task: _time(number) for task, number in kept.get("since", {}).items()}  # Older rows have no times.
    at = kept.get("status_since")
    return ParsedWorkplan(workplan, kept["taken"], kept["taken_status"], since, None if at is None else _time(at))


def _fields(block: TaskBlock) -> tuple[object, ...]:
    fields = (block.key, block.title, block.status, block.priority, block.uuid, block.line, block.place)
    return (*fields, block.owner, block.depends) if block.owner or block.depends else fields


def _block(
    key: str,
    title: str,
    status: str,
    priority: str,
    uuid: str | None,
    line: int,
    place: Sequence[int] | None = None,
    owner: str = "",
    depends: Sequence[str] = (),
) -> TaskBlock:
    # JSON has no tuples.
    found = (place[0], place[1]) if place is not None else None
    return TaskBlock(key, title, status, priority, uuid, line, found, owner, tuple(depends))


def _with_ids_as_now(kept: dict[str, Any]) -> dict[str, Any]:
    ids = chain([kept["key"]], [block[0] for block in kept["blocks"]], kept.get("taken", ()), kept.get("since", ()))
    if "".join(ids).isascii():  # As nearly all are, whatever letters are in the titles.
        return kept
    blocks = [[normalize_id(key), *rest] for key, *rest in kept["blocks"]]
    by_id = {name: {normalize_id(key): kept[name][key] for key in kept.get(name, {})} for name in ("taken", "since")}
    return {**kept, **by_id, "key": normalize_id(kept["key"]), "blocks": blocks}


@lru_cache(maxsize=1_000)
def _number(at: datetime) -> int:
    """Cached: the tasks of one run mostly share one moment."""
    return (at - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=1_000)
def _time(number: int) -> datetime:
    return _EPOCH + number * _MICROSECOND
