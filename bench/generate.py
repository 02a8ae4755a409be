"""Workplans out of a seed: their values, and their bytes, about 8 KB, plain or in every style the format allows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal
from uuid import UUID

from bench import prose

TASKS_PER_WORKPLAN = 20
TARGET_BYTES = 8192
WORKPLANS_PER_FOLDER = 50

Fence = Literal["backticks", "tildes", "long", "list item", "info words"]
Style = Literal["plain", "double", "single", "comment"]

STATUSES = ("todo", "in_progress", "blocked", "done", "cancelled")
PRIORITIES = ("low", "medium", "high", "critical")
FENCES: tuple[Fence, ...] = ("backticks", "tildes", "long", "list item", "info words")
STYLES: tuple[Style, ...] = ("plain", "double", "single", "comment")


@dataclass(frozen=True)
class Task:
    """One task and the way its block is written."""

    key: str
    title: str
    status: str
    priority: str | None
    uuid: UUID | None
    title_in_block: bool
    flow: bool
    fence: Fence
    style: Style


@dataclass(frozen=True)
class Workplan:
    """One workplan and the way its file is written; `path` is relative to the repository."""

    seed: int
    number: int
    key: str
    path: str
    title: str
    status: str
    uuid: UUID | None
    crlf: bool
    bom: bool
    plain: bool
    tasks: tuple[Task, ...]


def workplan(seed: int, number: int, tasks: int = TASKS_PER_WORKPLAN, *, plain: bool = False) -> Workplan:
    """Return the workplan of this number: the same for the same seed, on every machine.

    A plain one can be read by a regular expression: all its task blocks are written alike, and nothing resembles one.
    """
    rng = Random(f"{seed}/{number}")
    key = f"BENCH-WP-{number:05}"
    varied = Workplan(
        seed=seed,
        number=number,
        key=key,
        path=f"workplans/area-{number // WORKPLANS_PER_FOLDER:03}/{key}.md",
        title=prose.title(rng),
        status=rng.choice(("draft", "active", "blocked", "done")),
        uuid=_uuid(rng) if rng.random() < 0.5 else None,
        crlf=rng.random() < 0.1,
        bom=rng.random() < 0.04,
        plain=plain,
        tasks=tuple(_task(rng, f"{key}-T{n:02}") for n in range(1, tasks + 1)),
    )
    return _plain(varied) if plain else varied


def workplans(seed: int, numbers: range, *, plain: bool = False) -> list[Workplan]:
    """Return the workplans of these numbers, in the order of their paths and keys."""
    return [workplan(seed, number, plain=plain) for number in numbers]


def with_statuses(plan: Workplan, statuses: dict[int, str]) -> Workplan:
    """Return the workplan with other statuses for the tasks at these places; nothing else in its file differs."""
    tasks: Sequence[Task] = [replace(task, status=statuses.get(n, task.status)) for n, task in enumerate(plan.tasks)]
    return replace(plan, tasks=tuple(tasks))


def render(plan: Workplan) -> bytes:
    """Return the workplan's file. The text around the statuses does not depend on them."""
    rng = Random(f"{plan.seed}/{plan.number}/prose")
    lines = [*_front_matter(plan), "", f"# {plan.title}", "", *prose.paragraph(rng), "", "## Tasks", ""]
    left = TARGET_BYTES - _size(lines)
    for n, task in enumerate(plan.tasks):
        section = _section(rng, task, left // (len(plan.tasks) - n), prose.PLAIN if plan.plain else prose.VARIED)
        left -= _size(section) - len(task.status)
        lines += section
    newline = "\r\n" if plan.crlf else "\n"
    return ("\ufeff" if plan.bom else "").encode() + newline.join(lines).encode()


def _task(rng: Random, key: str) -> Task:
    return Task(
        key=key,
        title=prose.title(rng),
        status=rng.choices(STATUSES, weights=(50, 12, 6, 28, 4))[0],
        priority=rng.choice((None, *PRIORITIES)),
        uuid=_uuid(rng) if rng.random() < 0.5 else None,
        title_in_block=rng.random() < 0.15,
        flow=rng.random() < 0.06,
        fence=rng.choices(FENCES, weights=(80, 6, 4, 6, 4))[0],
        style=rng.choices(STYLES, weights=(70, 10, 8, 12))[0],
    )


def _plain(plan: Workplan) -> Workplan:
    """Return the workplan with the same keys, titles and statuses, written in the plainest way; no UUIDs."""
    tasks = tuple(
        replace(
            task,
            priority=task.priority or "medium",
            uuid=None,
            title_in_block=False,
            flow=False,
            fence="backticks",
            style="plain",
        )
        for task in plan.tasks
    )
    return replace(plan, uuid=None, crlf=False, bom=False, tasks=tasks)


def _front_matter(plan: Workplan) -> list[str]:
    lines = ["---", f"id: {plan.key}", "type: workplan", f'title: "{plan.title}"', f"status: {plan.status}"]
    lines += ["domain: bench", "owner: 'Zoë'", 'created: "2026-01-05"', "labels: [kept, ignored]"]
    return [*lines, *([f'state_hub_workstream_id: "{plan.uuid}"'] if plan.uuid else []), "---"]


def _section(rng: Random, task: Task, budget: int, pieces: prose.Pieces) -> list[str]:
    """Return heading, block, and text until `budget` bytes are used."""
    heading = prose.title(rng) if task.title_in_block else f"{task.key[-3:]} — {task.title}"
    lines = [f"### {heading}", "", *_block(task), ""]
    while _size(lines) - len(task.status) < budget:
        lines += [*prose.piece(rng, pieces), ""]
    return lines


def _block(task: Task) -> list[str]:
    marker = {"tildes": "~~~", "long": "`````"}.get(task.fence, "```")
    body = [_flow(task)] if task.flow else [f"{name}: {value}" for name, value in _entries(task)]
    lines = [f"{marker}task{' hub mirror' if task.fence == 'info words' else ''}", *body, marker]
    if task.fence == "list item":
        return ["- One step of many:", "", *(f"  {line}" for line in lines)]
    return lines


def _flow(task: Task) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in _entries(task)) + "}"


def _entries(task: Task) -> list[tuple[str, str]]:
    entries = [("id", task.key), ("status", _status_value(task))]
    if task.priority:
        entries.append(("priority", task.priority))
    if task.title_in_block:
        entries.append(("title", f'"{task.title}"'))
    if task.uuid:
        entries.append(("state_hub_task_id", f'"{task.uuid}"'))
    return entries


def _status_value(task: Task) -> str:
    if task.style == "double":
        return f'"{task.status}"'
    if task.style == "single":
        return f"'{task.status}'"
    return f"{task.status}   # set by hand" if task.style == "comment" and not task.flow else task.status


def _uuid(rng: Random) -> UUID:
    return UUID(int=rng.getrandbits(128), version=4)


def _size(lines: Sequence[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)
