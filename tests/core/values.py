"""Plain values for the tests of the core, with everything a test does not care about filled in."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from consistency.core.comparison.drift import Comparison, Drift
from consistency.core.comparison.snapshot import (
    FileSnapshot,
    HubSnapshot,
    HubTask,
    HubWorkstream,
    ParsedWorkplan,
    Settled,
)
from consistency.core.comparison.workplans import compare
from consistency.core.finding import Finding
from consistency.core.workplan.model import Mirrored, Problem, TaskBlock, Unreadable, Workplan

WHEN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
BEFORE = datetime(2026, 3, 4, 5, 6, 6, 999_999, tzinfo=UTC)
"""The moment before."""


def uid(number: int) -> str:
    """Return the *number*-th UUID."""
    return f"00000000-0000-4000-8000-{number:012x}"


def fresh_ids() -> Callable[[], str]:
    """Return a function that gives new UUIDs, from `uid(0xf000)` on."""
    numbers = itertools.count(0xF000)
    return lambda: uid(next(numbers))


def block(
    key: str,
    status: str = "todo",
    *,
    title: str | None = None,
    priority: str = "medium",
    uuid: str | None = None,
    line: int = 10,
    owner: str = "",
    depends: tuple[str, ...] = (),
) -> TaskBlock:
    return TaskBlock(key, title or f"Title {key}", status, priority, uuid, line, None, owner, depends)


def plan(
    key: str,
    *blocks: TaskBlock,
    path: str | None = None,
    status: str = "active",
    uuid: str | None = None,
    mirrored: tuple[str, ...] | None = None,
    problems: Iterable[Problem] = (),
) -> Workplan:
    fields = Mirrored(*mirrored or [f"Plan {key}"])
    return Workplan(path or f"{key}.md", key, status, uuid, fields, 5, blocks, tuple(problems))


def ws(
    number: int, key: str, *, path: str | None = None, status: str = "active", mirrored: tuple[str, ...] | None = None
) -> HubWorkstream:
    fields = Mirrored(*mirrored or [f"Plan {key}"])
    return HubWorkstream(uid(number), key, f"{key}.md" if path is None else path, 1, status, fields, WHEN)


def task(
    number: int,
    workstream: int,
    key: str,
    status: str = "todo",
    *,
    title: str | None = None,
    priority: str = "medium",
) -> HubTask:
    return HubTask(uid(number), uid(workstream), key, title or f"Title {key}", status, priority, WHEN)


def files(
    *known: Workplan | ParsedWorkplan,
    settled: Iterable[Settled] = (),
    unreadable: Iterable[Unreadable] = (),
) -> FileSnapshot:
    return FileSnapshot(
        tuple(settled),
        tuple(item if isinstance(item, ParsedWorkplan) else ParsedWorkplan(item) for item in known),
        tuple(unreadable),
    )


def hub(*rows: HubWorkstream | HubTask, foreign: dict[str, str] | None = None) -> HubSnapshot:
    return HubSnapshot(
        {row.id: row for row in rows if isinstance(row, HubWorkstream)},
        tuple(row for row in rows if isinstance(row, HubTask)),
        foreign or {},
    )


def compared(side: FileSnapshot, rows: HubSnapshot) -> Comparison:
    return compare(side, rows, fresh_ids())


def drifts(side: FileSnapshot, rows: HubSnapshot) -> list[Drift]:
    return list(compared(side, rows).drifts)


def findings(side: FileSnapshot, rows: HubSnapshot) -> list[Finding]:
    return [drift.finding for drift in compared(side, rows).drifts]


def codes(side: FileSnapshot, rows: HubSnapshot) -> list[tuple[str, str | None]]:
    """Return code and task of each finding."""
    return [(finding.code, finding.task) for finding in findings(side, rows)]
