"""The author of commits and the result of a writeback, without the imports that making a commit needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from consistency.core.workplan.edit import Edited


class Committer(NamedTuple):
    """The author of commits. *hooks* runs the repo's hooks; *timeout*, in seconds, includes them."""

    name: str
    email: str
    timeout: float
    hooks: bool = False


@dataclass(slots=True)
class Written:
    """The result of a writeback: the commit, each edited file by path, and the faults as (path, message).

    A fault's path is None if it concerns the whole commit; then `files` is empty.
    """

    commit: str | None = None
    files: dict[str, Edited] = field(default_factory=dict)
    faults: list[tuple[str | None, str]] = field(default_factory=list)
