"""Whose name a commit bears, and what became of it: what those need who may have nothing to commit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from consistency.core.workplan.edit import Edited


@dataclass(frozen=True, slots=True)
class Committer:
    """Whose name a commit bears. *hooks* says whether the repo's run; *timeout* is in seconds and covers them."""

    name: str
    email: str
    timeout: float
    hooks: bool = False


@dataclass(slots=True)
class Written:
    """What became of a writeback: the commit, each file in it as it is now, and what went wrong.

    A fault's path is None if it concerns the whole commit; then `files` is empty.
    """

    commit: str | None = None
    files: dict[str, Edited] = field(default_factory=dict)
    faults: list[tuple[str | None, str]] = field(default_factory=list)
