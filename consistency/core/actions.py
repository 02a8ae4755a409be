"""Actions of a fix, as data that says what it expects to find."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from consistency.core.comparison.snapshot import HubTask, HubWorkstream
from consistency.core.finding import Action
from consistency.core.workplan.model import TaskBlock, Workplan


class CreateTask(NamedTuple):
    """Create the task of *block*, the *position*-th of its workplan, under the id *id* in *workstream*."""

    id: str
    workstream: str
    block: TaskBlock
    position: int = 0


class CreateWorkstream(NamedTuple):
    """Create the workstream of *workplan* under the id *id*, with its tasks.

    *committed* says that a commit of the repo's branch has the file.
    """

    id: str
    workplan: Workplan
    tasks: tuple[CreateTask, ...]
    committed: bool = True


class UpdateWorkstream(NamedTuple):
    """Give the workstream *before* the mirrored fields of *workplan*; it takes the place of *replaces*, which goes."""

    before: HubWorkstream
    workplan: Workplan
    replaces: str = ""


class AdvanceWorkstream(NamedTuple):
    """Move a workstream from *expected* to *wanted*, of higher or equal rank."""

    id: str
    expected: str
    wanted: str


class UpdateTask(NamedTuple):
    """Give the task *before* the mirrored fields of *block*, and its place in *workstream*."""

    before: HubTask
    workstream: str
    block: TaskBlock


class AdvanceTask(NamedTuple):
    """Move a task from *expected* to *wanted*, of higher or equal rank."""

    id: str
    workstream: str
    expected: str
    wanted: str


class WriteBack(NamedTuple):
    """Write the hub's status *new*, which it has had since *changed_at*, into the block *task* of the file *path*."""

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

_RESULTS: dict[type[PlannedAction], Action] = {
    CreateTask: Action.CREATED,
    CreateWorkstream: Action.CREATED,
    UpdateWorkstream: Action.UPDATED,
    UpdateTask: Action.UPDATED,
    AdvanceWorkstream: Action.ADVANCED,
    AdvanceTask: Action.ADVANCED,
    WriteBack: Action.WRITTEN_BACK,
}


def result_of(action: PlannedAction) -> Action:
    """Return how the report calls *action* when it was carried out."""
    return _RESULTS[type(action)]
