"""Statuses and their ranks, which define what is forward (design, "Statuses and ranks").

Imports nothing, so that the pure core and the models read the same rule.
"""

from __future__ import annotations

TASK_RANKS: dict[str, int] = {"todo": 0, "in_progress": 1, "blocked": 1, "done": 2, "cancelled": 2}
WORKSTREAM_RANKS: dict[str, int] = {**TASK_RANKS, "draft": 0, "active": 1}

TASK_STATUSES: tuple[str, ...] = tuple(TASK_RANKS)
WORKSTREAM_STATUSES: tuple[str, ...] = tuple(WORKSTREAM_RANKS)
FINISHED: frozenset[str] = frozenset(status for status, rank in TASK_RANKS.items() if rank == max(TASK_RANKS.values()))
"""The statuses in which no work is left: those of the highest rank."""

PRIORITIES: tuple[str, ...] = ("low", "medium", "high", "critical")
DEFAULT_PRIORITY = "medium"


def rank(status: str) -> int:
    """Return the rank of a task or workstream status, 0 to 2. Raises KeyError for an unknown one."""
    return WORKSTREAM_RANKS[status]


def is_advance(old: str, new: str) -> bool:
    """Whether *new* has a higher rank than *old*: the only move a run may make in the hub."""
    return rank(new) > rank(old)


def is_regress(old: str, new: str) -> bool:
    """Whether *new* has a lower rank than *old*: only a person may do that, as a reopen."""
    return rank(new) < rank(old)


def statuses_up_to(status: str) -> tuple[str, ...]:
    """Return the statuses of lower or equal rank, from which a report may change to *status*."""
    return tuple(other for other, value in WORKSTREAM_RANKS.items() if value <= rank(status))
