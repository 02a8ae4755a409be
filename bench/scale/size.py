"""How large the hub is that is measured."""

from __future__ import annotations

from dataclasses import dataclass

HOSTS = ("host-1", "host-2")
"""Each has one checkout of every repo."""

TASKS_PER_WORKPLAN = 20


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows of each kind; tasks come in workplans of twenty."""

    repos: int = 1_000
    tasks: int = 1_000_000
    findings: int = 500_000
    changes: int = 1_000_000
    runs: int = 200_000

    def __str__(self) -> str:
        numbers = {
            "repos": self.repos,
            "checkouts": self.repos * len(HOSTS),
            "tasks": self.tasks,
            "status changes": self.changes,
            "findings": self.findings,
            "runs": self.runs,
        }
        return ", ".join(f"{number:,} {name}" for name, number in numbers.items())
