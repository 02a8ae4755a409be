"""The lives of tasks, as plain values: when each starts, waits, ends and is opened again, and how that is reported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from demo.data.catalog import Plan

_WAYS = ("command",) * 4 + ("api",) * 4 + ("admin",) + ("edit",) * 6
_REASONS = (
    "Came back after two days: the fix holds on our machines only.",
    "Accepted too early, the last case was never tried.",
    "Customer care still gets calls about it.",
    "Rolled back last night, the numbers were worse than before.",
    "The supplier changed the interface again.",
    "Reported on the wrong task, sorry.",
    "Review found that the night shift was left out.",
)


@dataclass(frozen=True, slots=True)
class Move:
    """A task's step: day of the story, new status, and whether by a report or an edit; a reopen has a reason."""

    day: float
    number: int
    status: str
    way: str
    reason: str = ""


def lives(plan: Plan, start: float, length: float, rng: Random) -> Iterator[Move]:
    """Yield all moves of the plan's tasks; *start* and *length* in days. Some lie beyond the story's end."""
    for number in range(len(plan.tasks)):
        begin = start + length * (number / len(plan.tasks) * 0.85 + rng.uniform(0, 0.1))
        yield from _life(number, begin, length * rng.uniform(0.05, 0.3), rng)


def _life(number: int, begin: float, took: float, rng: Random) -> Iterator[Move]:
    if rng.random() < 0.05:
        yield Move(begin, number, "cancelled", rng.choice(_WAYS))
        return
    yield Move(begin, number, "in_progress", rng.choice(_WAYS))
    if rng.random() < 0.18:
        yield Move(begin + took * 0.3, number, "blocked", rng.choice(_WAYS))
        yield Move(begin + took * 0.7, number, "in_progress", rng.choice(_WAYS))
    end = begin + took
    yield Move(end, number, "done", rng.choice(_WAYS))
    if rng.random() < 0.12:
        again = end + took * rng.uniform(0.1, 0.6)
        yield Move(
            again, number, rng.choice(("in_progress", "todo")), rng.choice(("command", "admin")), rng.choice(_REASONS)
        )
        yield Move(again + took * 0.5, number, "done", rng.choice(_WAYS))
