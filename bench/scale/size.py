"""How large the hub is that the admin is measured on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """How many of each; every repo has two checkouts, tasks come in workstreams of twenty."""

    repos: int = 1_000
    tasks: int = 200_000
    findings: int = 100_000
    runs: int = 100_000
