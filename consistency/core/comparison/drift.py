"""The result of a comparison: the differences, and the parts that could not be evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from consistency.core.actions import PlannedAction
from consistency.core.comparison.snapshot import Place
from consistency.core.finding import Finding


class Drift(NamedTuple):
    """A finding and the action that a fix would take; None if it can only be reported."""

    finding: Finding
    action: PlannedAction | None = None

    def with_more(self, text: str) -> Drift:
        """Return the same with *text* behind its message."""
        return self._replace(finding=self.finding._replace(message=self.finding.message + text))


class Unevaluated(NamedTuple):
    """Something that could not be evaluated: a whole file, or one task of a workplan (None: all of it).

    `there` says that its block is in the file for certain.
    """

    file: str | None = None
    workplan: str | None = None
    task: str | None = None
    there: bool = False


class Comparison(NamedTuple):
    """All drifts in the order of file and line, what stayed unevaluated, and which row belongs to which file.

    `workstreams` maps the path of every compared workplan to its workstream's id (planned ones included). `held` are
    the tasks whose status is not fixed: (workplan id, task id). `agreed` are those whose status was the same on both
    sides, and None for a workplan's own: since when the hub has it. `gone` are the ids of workstreams without a file.
    """

    drifts: tuple[Drift, ...]
    doubts: tuple[Unevaluated, ...]
    workstreams: dict[str, str]
    held: frozenset[Place] = frozenset()
    agreed: Mapping[Place, datetime] = MappingProxyType({})
    gone: frozenset[str] = frozenset()
