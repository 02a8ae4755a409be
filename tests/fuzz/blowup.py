"""How the time of reading, editing and comparing grows with the size of nasty files: as the size does, or faster."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial

from consistency.core.comparison.snapshot import FileSnapshot, HubSnapshot, ParsedWorkplan
from consistency.core.comparison.workplans import compare
from consistency.core.workplan.edit import set_statuses
from consistency.core.workplan.model import Mirrored, TaskBlock, Workplan
from consistency.core.workplan.parse import parse_workplan
from tests.fuzz.nasty import FRONT, NASTY

LIMIT = 5 * 1024 * 1024
"""Bytes of the largest file that is read."""

STEP = 4
WORST = 8
"""Growth of the time over one step that is still taken for linear: quadratic would be 16."""

Job = Callable[[], object]


def jobs() -> dict[str, Callable[[int], Job]]:
    """Everything that is measured, by name: given a size in bytes, what is to be timed."""
    return {
        **{name: partial(_parse, name) for name in NASTY},
        "edit of every task": _edit,
        "comparison of tasks that share an id": _shared_tasks,
        "comparison of workplans that share an id": _shared_ids,
        "comparison of workplans that share a UUID": _shared_uuids,
        "comparison of faulty tasks": _faulty,
    }


def seconds(job: Job, repeat: int = 3) -> float:
    """CPU time of the best of several runs."""
    return min(_once(job) for _ in range(repeat))


def growth(name: str, size: int) -> tuple[float, float]:
    """CPU seconds at *size* and at STEP times *size*."""
    build = jobs()[name]
    return seconds(build(size)), seconds(build(size * STEP))


def show() -> int:
    """Print the table up to the size limit; 1 where something grows faster than linear."""
    sizes = (LIMIT // STEP**2, LIMIT // STEP, LIMIT)
    header = "".join(f"{f'{size / 2**20:.2f} MiB':>11}" for size in sizes)
    print(f"{'CPU seconds':44}{header}{'growth':>8}")
    worst = max(_rows(sizes))
    print(f"\nThe worst growth over a step of {STEP} is {worst:.1f}; {STEP} is linear, {STEP**2} quadratic")
    return int(worst > WORST)


def _rows(sizes: tuple[int, ...]) -> Iterator[float]:
    for name, build in jobs().items():
        times = [seconds(build(size)) for size in sizes]
        rate = times[-1] / times[-2]
        print(f"{name:44}{''.join(f'{each:>11.3f}' for each in times)}{rate:>8.1f}", flush=True)
        yield rate


def _once(job: Job) -> float:
    start = time.process_time()
    job()
    return time.process_time() - start


def _parse(name: str, size: int) -> Job:
    data = NASTY[name](size).encode()
    return lambda: parse_workplan("w.md", data)


def _edit(size: int) -> Job:
    blocks = "".join(f"```task\nid: X{number}\nstatus: todo\n```\n" for number in range(size // 33))
    data = (FRONT + blocks).encode()
    wanted = {f"X{number}": "in_progress" for number in range(size // 33)}
    return lambda: set_statuses("w.md", data, wanted)


def _compare(*workplans: Workplan) -> Job:
    files = FileSnapshot(known=tuple(ParsedWorkplan(each) for each in workplans))
    return lambda: compare(files, HubSnapshot(), lambda: str(uuid.uuid4()))


def _plan(number: int, key: str, blocks: tuple[TaskBlock, ...] = (), uuid: str | None = None) -> Workplan:
    return Workplan(f"{number}.md", key, "active", uuid, Mirrored("T"), 5, blocks)


def _shared_tasks(size: int) -> Job:
    block = TaskBlock("X", "T", "todo", "medium", None, 8)
    return _compare(*(_plan(number, f"W{number}", (block,) * 5) for number in range(size // 165)))


def _shared_ids(size: int) -> Job:
    return _compare(*(_plan(number, "W") for number in range(size // 66)))


def _shared_uuids(size: int) -> Job:
    same = str(uuid.UUID(int=1))
    return _compare(*(_plan(number, f"W{number}", uuid=same) for number in range(size // 100)))


def _faulty(size: int) -> Job:
    found = parse_workplan("w.md", (FRONT + "```task\nid: X\nstatus: nope\n```\n" * (size // 33)).encode())
    return _compare(*([found] if isinstance(found, Workplan) else []))
