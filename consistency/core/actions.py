"""Actions of a fix, as data that says what it expects to find; `done` is how the report calls an applied one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, NamedTuple

from consistency.core.comparison.snapshot import HubTask, HubWorkstream
from consistency.core.finding import Action
from consistency.core.workplan.model import TaskBlock, Workplan


@dataclass(slots=True)  # Not frozen: a run makes thousands, and frozen ones take four times as long to make.
class CreateTask:
    """Create the task of *block* under the id *id* in *workstream*."""

    done: ClassVar = Action.CREATED
    id: str
    workstream: str
    block: TaskBlock


@dataclass(frozen=True, slots=True)
class CreateWorkstream:
    """Create the workstream of *workplan* under the id *id*, with its tasks.

    *committed* says that a commit of the repo's branch has the file.
    """

    done: ClassVar = Action.CREATED
    id: str
    workplan: Workplan
    tasks: tuple[CreateTask, ...]
    committed: bool = True


@dataclass(frozen=True, slots=True)
class UpdateWorkstream:
    """Give the workstream *before* the mirrored fields of *workplan*; it takes the place of *replaces*, which goes."""

    done: ClassVar = Action.UPDATED
    before: HubWorkstream
    workplan: Workplan
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class AdvanceWorkstream:
    """Move a workstream from *expected* to *wanted*, of higher or equal rank."""

    done: ClassVar = Action.ADVANCED
    id: str
    expected: str
    wanted: str


@dataclass(frozen=True, slots=True)
class UpdateTask:
    """Give the task *before* the mirrored fields of *block*, and its place in *workstream*."""

    done: ClassVar = Action.UPDATED
    before: HubTask
    workstream: str
    block: TaskBlock


@dataclass(frozen=True, slots=True)
class AdvanceTask:
    """Move a task from *expected* to *wanted*, of higher or equal rank."""

    done: ClassVar = Action.ADVANCED
    id: str
    workstream: str
    expected: str
    wanted: str


@dataclass(frozen=True, slots=True)
class WriteBack:
    """Write the hub's status *new*, which it has had since *changed_at*, into the block *task* of the file *path*."""

    done: ClassVar = Action.WRITTEN_BACK
    path: str
    workplan: str
    task: str
    old: str
    new: str
    changed_at: datetime


class StatusWritten(NamedTuple):
    """One status that a commit of ours has written: in the file *path*, *new* in the place of *old*.

    `digest` is that of the file in the commit, its line ends apart; '' in records of older versions.
    """

    path: str
    workplan: str
    task: str
    old: str
    new: str
    digest: str = ""


HubAction = CreateWorkstream | UpdateWorkstream | AdvanceWorkstream | CreateTask | UpdateTask | AdvanceTask
PlannedAction = HubAction | WriteBack
