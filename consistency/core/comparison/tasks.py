"""Compares the task blocks of a repo's workplans with its tasks, over all workplans at once.

A task id is unique in a repo (`SLUG/ID` names one task), so blocks are matched repo-wide: a block that moved
to another workplan takes its task along.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from consistency.core.actions import AdvanceTask, CreateTask, PlannedAction, UpdateTask, WriteBack
from consistency.core.codes import (
    BLOCK_GONE,
    FIELD_DIFFERS,
    FILE_AHEAD,
    INVALID_BLOCK,
    NEW_TASK,
    SHARED_TASK_ID,
    UNREAD_BLOCK,
    UUID_TAKEN,
    Severity,
)
from consistency.core.comparison.matching import Candidate, UuidConflict, match
from consistency.core.comparison.snapshot import HubSnapshot, HubTask, ParsedWorkplan, Place, Settled
from consistency.core.comparison.status_rule import classify_difference, status_message
from consistency.core.finding import Finding
from consistency.core.workplan.model import Problem, TaskBlock, Workplan
from consistency.core.workplan.validation import and_others

Pair = tuple[ParsedWorkplan, TaskBlock]

_OF_BLOCKS = frozenset({INVALID_BLOCK, UNREAD_BLOCK})
"""Problems of a block that is there, and of which nothing is taken."""


class TaskComparison:
    """One comparison of tasks. `run` fills `reported` (finding, and what a fix would do), `doubts` ((workplan
    id, task id or None for all) that could not be evaluated), and `creations` (path → tasks that come with a
    new workplan, without a finding each), and `agreed` ((workplan id, task id) → since when the hub has had the
    status that the file has, too). `unread` are the tasks whose block is there, but is not read as one.
    """

    def __init__(
        self,
        known: Sequence[ParsedWorkplan],
        settled: Sequence[Settled],
        hub: HubSnapshot,
        workstreams: Mapping[str, str],
        created: Collection[str],
        gone: Collection[str],
        fresh_id: Callable[[], str],
        untracked: Collection[str] = (),
    ) -> None:
        """*workstreams* is path → id for *known*, *created* the paths of those that are new to the hub; *gone*
        are the ids of workstreams without a file, *untracked* the paths that git does not track.
        """
        self.reported: list[tuple[Finding, PlannedAction | None]] = []
        self.creations: dict[str, list[CreateTask]] = {path: [] for path in created}
        self.doubts: list[tuple[str, str | None]] = []
        self.agreed: dict[Place, datetime] = {}
        self._known, self._workstreams, self._fresh_id = known, workstreams, fresh_id
        self._untracked = untracked
        self._settled = {file.workstream: file for file in settled}
        self._foreign = {task.id: hub.foreign[task.workstream] for task in hub.tasks if task.workstream in hub.foreign}
        own = (task for task in hub.tasks if task.id not in self._foreign)
        self._rows = sorted(own, key=lambda row: row.id)  # The hub may hold an id twice; the same one wins always.
        self._in_home = {(row.workstream, row.key): row for row in self._rows}
        self._names = {row.id: row.key for row in hub.workstreams.values()}
        self._arriving = {row.id for row in hub.workstreams.values() if row.repo}
        # A task may leave these workstreams for another: all their blocks are at hand, or they have none.
        self._open_homes = {*workstreams.values(), *gone}
        self._taken = {key: status for item in known for key, status in item.taken.items()}
        self._since = {key: at for item in known for key, at in item.since.items()}
        self._unreadable_ids = {
            item.workplan.path
            for item in known
            if any(not problem.task and problem.code in _OF_BLOCKS for problem in item.workplan.problems)
        }
        self.unread: list[Place] = []

    def run(self) -> None:
        """Compare."""
        self._problems()
        pairs = self._without_shared_ids()
        matched: set[str] = set()
        for (item, block), row in zip(pairs, self._match(pairs), strict=True):
            if isinstance(row, HubTask):
                matched.add(row.id)
                self._task(item, block, row)
            elif row is None:
                self._new(item.workplan, block)
        self._unread(matched)
        self._gone(matched)

    def _report(
        self, workplan: Workplan, code: str, message: str, block: TaskBlock, row: HubTask | None = None,
        action: PlannedAction | None = None, discriminator: str = "", severity: Severity | None = None,
    ) -> None:  # fmt: skip
        finding = Finding(
            code, message, file=workplan.path, line=block.line, workplan=workplan.key, task=block.key,
            db_status=row.status if row else None, file_status=block.status,
            discriminator=discriminator, other_severity=severity,
        )  # fmt: skip
        self.reported.append((finding, action))

    def _problems(self) -> None:
        for item in self._known:
            for problem in item.workplan.problems:
                if problem.code != UNREAD_BLOCK:
                    self._problem(item.workplan, problem)

    def _problem(self, workplan: Workplan, problem: Problem) -> None:
        if problem.task and problem.code in _OF_BLOCKS:
            self.doubts.append((workplan.key, problem.task))
        finding = Finding(
            problem.code, problem.message, file=workplan.path, line=problem.line, workplan=workplan.key,
            task=problem.task, discriminator=problem.discriminator,
        )  # fmt: skip
        self.reported.append((finding, None))

    def _unread(self, matched: set[str]) -> None:
        """C-24 for what looks like a task block. One that quotes a block, here or in another file, is no such thing."""
        read = self._spoken_for.keys() | {row.key for row in self._rows if row.id in matched}
        read |= {row.key for row in self._rows if row.workstream in self._settled}
        rows = {row.key for row in self._rows}
        for item in self._known:
            for problem in item.workplan.problems:
                if (
                    problem.code != UNREAD_BLOCK
                    or problem.task in read
                    or (problem.only_known and problem.task not in rows)
                ):
                    continue
                self._problem(item.workplan, problem)
                if problem.task:
                    self.unread.append((item.workplan.key, problem.task))

    def _without_shared_ids(self) -> list[Pair]:
        """The blocks whose id is theirs alone in the repo; C-06 for the others. A tracked file comes first."""
        places: dict[str, list[str]] = defaultdict(list)
        tracked: Counter[str] = Counter()
        for item in self._known:
            path = item.workplan.path
            for block in item.workplan.blocks:
                places[block.key].append(f"{path}:{block.line}")
                tracked[block.key] += path not in self._untracked
            invalid = (problem for problem in item.workplan.problems if problem.code == INVALID_BLOCK)
            for key in {problem.task for problem in invalid if problem.task}:
                places[key].append(f"{path} (invalid block)")
                tracked[key] += path not in self._untracked
        for row in self._rows:
            if row.workstream in self._settled and row.key in places:
                path = self._settled[row.workstream].path
                places[row.key].append(path)
                tracked[row.key] += path not in self._untracked
        self._spoken_for = places
        alone: list[Pair] = []
        seen: Counter[str] = Counter()
        for item in self._known:
            is_tracked = item.workplan.path not in self._untracked
            for block in item.workplan.blocks:
                if len(places[block.key]) == 1 or (is_tracked and tracked[block.key] == 1):
                    alone.append((item, block))
                else:
                    left_out = not is_tracked and tracked[block.key] == 1
                    self._shared(item.workplan, block, places[block.key], seen[block.key], left_out)
                    seen[block.key] += 1
        return alone

    def _shared(self, workplan: Workplan, block: TaskBlock, places: list[str], number: int, left_out: bool) -> None:
        self.doubts.append((workplan.key, block.key))
        message = f"task id '{block.key}' is also that of {and_others(places, f'{workplan.path}:{block.line}')}"
        if left_out:
            message += "; this block, in a file untracked by git, is left out"
        self._report(
            workplan,
            SHARED_TASK_ID,
            message,
            block,
            discriminator=str(number),
            severity=Severity.WARN if left_out else None,
        )

    def _match(self, pairs: list[Pair]) -> list[HubTask | UuidConflict[HubTask] | None]:
        """The row of each block, None for a new one, Stolen (and reported) where it may not be touched."""
        # Of a workplan that moves here from another repo, another workplan's block takes a task only by its UUID.
        in_repo = {row.key: row for row in self._rows if row.workstream not in self._arriving}
        home = {block.key: self._workstreams[item.workplan.path] for item, block in pairs}

        def by_key(claim: Candidate) -> HubTask | None:
            return self._in_home.get((home[claim.key], claim.key)) or in_repo.get(claim.key)

        claims = [Candidate(block.key, block.uuid) for _, block in pairs]
        rows = match(claims, {row.id: row for row in self._rows}, by_key)
        return [self._admitted(item, block, row) for (item, block), row in zip(pairs, rows, strict=True)]

    def _admitted(
        self, item: ParsedWorkplan, block: TaskBlock, row: HubTask | UuidConflict[HubTask] | None
    ) -> HubTask | UuidConflict[HubTask] | None:
        workplan = item.workplan
        if block.uuid in self._foreign:
            return self._stolen(workplan, block, None, f"a task of '{self._foreign[block.uuid]}', in another repo")
        if isinstance(row, UuidConflict):
            owner = self._owner(row.owner) if row.owner else "another new task block"
            return self._stolen(workplan, block, row.owner, owner)
        if row is None:
            return None
        if self._is_anothers(block, row, self._workstreams[workplan.path]):
            return self._stolen(workplan, block, row, self._owner(row))
        if row.workstream in self._open_homes:
            return row
        # Its own workplan cannot be compared now, so nobody knows whether the block is still there.
        self.doubts.append((workplan.key, block.key))
        message = f"task id '{block.key}' is that of {self._owner(row)}, whose file cannot be compared now"
        self._report(workplan, SHARED_TASK_ID, message, block, row)
        return UuidConflict(row)

    def _is_anothers(self, block: TaskBlock, row: HubTask, home: str) -> bool:
        """Whether the UUID of *block* is a copy: its block is or may be there, or the id has a row in *home*."""
        if row.key != block.key:
            return row.key in self._spoken_for or row.workstream not in self._open_homes
        return self._in_home.get((home, block.key), row) is not row

    def _owner(self, row: HubTask) -> str:
        return f"task '{row.key}' of workplan '{self._names.get(row.workstream, '?')}'"

    def _stolen(self, workplan: Workplan, block: TaskBlock, row: HubTask | None, owner: str) -> UuidConflict[HubTask]:
        self.doubts.append((workplan.key, block.key))
        self._report(workplan, UUID_TAKEN, f"state_hub_task_id {block.uuid} belongs to {owner}", block, row)
        return UuidConflict(row)

    def _new(self, workplan: Workplan, block: TaskBlock) -> None:
        action = CreateTask(block.uuid or self._fresh_id(), self._workstreams[workplan.path], block)
        if workplan.path in self.creations:
            self.creations[workplan.path].append(action)
        else:
            self._report(workplan, NEW_TASK, f"task '{block.title}' is not in the hub", block, action=action)

    def _task(self, item: ParsedWorkplan, block: TaskBlock, row: HubTask) -> None:
        self._status(item, block, row)
        workplan, home = item.workplan, self._workstreams[item.workplan.path]
        differing = _differing(block, row)
        if row.workstream != home:
            differing.append(f"workplan (hub: '{self._names[row.workstream]}')")
        if differing:
            message = f"task's {', '.join(differing)} in the file and in the hub differ"
            self._report(workplan, FIELD_DIFFERS, message, block, row, UpdateTask(row, home, block))
        if block.uuid and block.uuid != row.id:
            message = f"state_hub_task_id is {block.uuid} in the file, the hub knows the task as {row.id}"
            self._report(workplan, FIELD_DIFFERS, message, block, row, discriminator="uuid")

    def _status(self, item: ParsedWorkplan, block: TaskBlock, row: HubTask) -> None:
        # The ledger is the checkout's: a block that moved or took another id is no news by that.
        taken = item.taken.get(block.key) or self._taken.get(row.key, "")
        since = item.since.get(block.key) or self._since.get(row.key)
        code = classify_difference(block.status, row.status, taken, moved=since != row.changed_at)
        if code is None:
            self.agreed[item.workplan.key, block.key] = row.changed_at
            return
        action: PlannedAction
        if code == FILE_AHEAD:
            action = AdvanceTask(row.id, self._workstreams[item.workplan.path], row.status, block.status)
        else:
            path, key = item.workplan.path, item.workplan.key
            action = WriteBack(path, key, block.key, block.status, row.status, row.changed_at)
        self._report(
            item.workplan, code, status_message(code, "task", row.title, row.status, block.status), block, row, action
        )

    def _gone(self, matched: set[str]) -> None:
        """C-10 for tasks of compared workplans that no block claims; unsure where a block's id is unreadable."""
        compared = {self._workstreams[item.workplan.path]: item.workplan for item in self._known}
        unread = {task for _, task in self.unread}
        for row in self._rows:
            workplan = compared.get(row.workstream)
            if workplan is None or row.id in matched or row.key in self._spoken_for or row.key in unread:
                continue
            if workplan.path in self._unreadable_ids:
                self.doubts.append((workplan.key, row.key))
                continue
            finding = Finding(
                BLOCK_GONE, f"block of task '{row.title}' is gone from its workplan", file=workplan.path,
                workplan=workplan.key, task=row.key, db_status=row.status,
            )  # fmt: skip
            self.reported.append((finding, None))


def _differing(block: TaskBlock, row: HubTask) -> list[str]:
    names = []
    if block.key != row.key:
        names.append(f"id (hub: '{row.key}')")
    if block.title != row.title:
        names.append("title")
    if block.priority != row.priority:
        names.append("priority")
    return names
