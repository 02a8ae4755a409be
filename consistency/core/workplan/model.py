"""The content of a workplan file, as plain values (design, "Workplan format")."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Problem(NamedTuple):
    """Something in a file that cannot be used; `discriminator` tells it from others of the file.

    `only_known` says that it counts only if the hub has the task.
    """

    code: str
    message: str
    line: int | None = None
    task: str | None = None
    discriminator: str = ""
    only_known: bool = False


@dataclass(slots=True)  # Not frozen: a run makes thousands, and frozen ones take four times as long to make.
class TaskBlock:
    """One valid task block. `line` is that of its status; `place` its bytes in the file, quotes included.

    `place` is None if it cannot be edited byte for byte. `depends` are the ids of the tasks that must be finished
    before it, as people write them: `ID`, or `SLUG/ID` for another repo.
    """

    key: str
    title: str
    status: str
    priority: str
    uuid: str | None
    line: int
    place: tuple[int, int] | None = field(default=None, compare=False)
    owner: str = ""
    depends: tuple[str, ...] = ()


class Mirrored(NamedTuple):
    """The front matter fields that the hub mirrors as they are; missing ones are ''."""

    title: str = ""
    owner: str = ""
    domain: str = ""
    repo: str = ""
    topic_slug: str = ""
    created: str = ""
    updated: str = ""


class Workplan(NamedTuple):
    """One workplan file. `line` is that of its status."""

    path: str
    key: str
    status: str
    uuid: str | None
    mirrored: Mirrored
    line: int
    blocks: tuple[TaskBlock, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def title(self) -> str:
        """Return the front matter's title."""
        return self.mirrored.title


class Unreadable(NamedTuple):
    """A file that is meant as a workplan but cannot be taken as one (C-02, C-03, C-23)."""

    path: str
    problems: tuple[Problem, ...]
    key: str | None = None
