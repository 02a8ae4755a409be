"""Compares the task blocks of a repo's workplans with its tasks, over all workplans at once.

A task id is unique in a repo (`SLUG/ID` names one task), so blocks are matched repo-wide: a block that moved
to another workplan takes its task along.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import repeat

from consistency.core import codes
from consistency.core.actions import AdvanceTask, CreateTask, PlannedAction, UpdateTask, WriteBack
from consistency.core.codes import Severity
from consistency.core.comparison.drift import Drift, Unevaluated
from consistency.core.comparison.matching import Candidate, match_rows
from consistency.core.comparison.snapshot import FileSnapshot, HubSnapshot, HubTask, ParsedWorkplan, Place
from consistency.core.comparison.status_rule import classify_difference, status_message
from consistency.core.finding import Finding
from consistency.core.workplan.model import Problem, TaskBlock, Workplan
from consistency.core.workplan.validation import and_others

Pair = tuple[ParsedWorkplan, TaskBlock]

_OF_BLOCKS = (codes.INVALID_BLOCK, codes.UNREAD_BLOCK)
"""Problems of a block that is there, and of which nothing is taken."""


class TaskComparison:
    """One comparison of tasks. `run` fills `drifts`, `doubts`, `creations` (path → tasks that come with a new
    workplan, without a finding each), and `agreed` ((workplan id, task id) → since when the hub has had the status that
    the file also has).
    """

    def __init__(
        self,
        files: FileSnapshot,
        hub: HubSnapshot,
        workstreams: Mapping[str, str],
        gone: Collection[str],
        fresh_id: Callable[[], str],
    ) -> None:
        """Take *workstreams* (path → id) of the workplans to compare; *gone* are the ids of those without a file."""
        self.drifts: list[Drift] = []
        self.doubts: list[Unevaluated] = []
        self.creations: dict[str, list[CreateTask]] = {
            path: [] for path, workstream in workstreams.items() if workstream not in hub.workstreams
        }
        self.agreed: dict[Place, datetime] = {}
        self._known = [item for item in files.known if item.workplan.path in workstreams]
        self._workstreams, self._fresh_id, self._untracked = workstreams, fresh_id, files.untracked
        self._settled = {file.workstream: file.path for file in files.settled}
        self._foreign = {task.id: hub.foreign[task.workstream] for task in hub.tasks if task.workstream in hub.foreign}
        own = (task for task in hub.tasks if task.id not in self._foreign)
        self._rows = sorted(own, key=lambda row: row.id)  # The hub may hold an id twice; the same one wins always.
        self._in_home = {(row.workstream, row.key): row for row in self._rows}
        self._names = {row.id: row.key for row in hub.workstreams.values()}
        self._arriving = {row.id for row in hub.workstreams.values() if row.repo}
        # A task may leave these workstreams for another: all their blocks are known, or they have none.
        self._open_homes = {*workstreams.values(), *gone}
        self._taken = {key: status for item in self._known for key, status in item.taken.items()}
        self._since = {key: at for item in self._known for key, at in item.since.items()}
        self._positions: dict[str, Mapping[str, int]] = {}
        self._counts: Counter[str] = Counter()
        self._places: dict[str, list[str]] = defaultdict(list)
        self._tracked: Counter[str] = Counter()  # Places in tracked files.
        self._locate_ids()

    def run(self) -> None:
        """Compare the tasks."""
        for workplan, problem in self._problems():
            if problem.code != codes.UNREAD_BLOCK:
                self._report_problem(workplan, problem)
        pairs, missing = self._match(self._without_shared_ids())
        for (item, block), row in pairs:
            if row is None:
                self._create(item.workplan, block)
            elif row.workstream in self._open_homes:
                self._compare(item, block, row)
            else:  # Its own workplan cannot be compared now, so it is not known whether the block is still there.
                message = f"task id '{block.key}' is that of {self._owner(row)}, whose file cannot be compared now"
                self._refuse(item.workplan, codes.SHARED_TASK_ID, message, block, row)
        self._report_missing(missing, self._report_unread(missing))

    def _problems(self) -> Iterable[tuple[Workplan, Problem]]:
        return ((item.workplan, problem) for item in self._known for problem in item.workplan.problems)

    def _report(
        self, workplan: Workplan, code: str, message: str, block: TaskBlock, row: HubTask | None = None,
        action: PlannedAction | None = None, discriminator: str = "", severity: Severity | None = None,
    ) -> None:  # fmt: skip
        finding = Finding(
            code, message, workplan.path, block.line, workplan.key, block.key, row.status if row else None,
            block.status, other_severity=severity, discriminator=discriminator,
        )  # fmt: skip
        self.drifts.append(Drift(finding, action))

    def _refuse(
        self, workplan: Workplan, code: str, message: str, block: TaskBlock, row: HubTask | None = None,
        discriminator: str = "", severity: Severity | None = None,
    ) -> None:  # fmt: skip
        """Report a block that cannot be compared with its task."""
        self.doubts.append(Unevaluated(workplan=workplan.key, task=block.key))
        self._report(workplan, code, message, block, row, None, discriminator, severity)

    def _report_problem(self, workplan: Workplan, problem: Problem) -> None:
        if problem.task and problem.code in _OF_BLOCKS:
            is_there = problem.code == codes.UNREAD_BLOCK
            self.doubts.append(Unevaluated(workplan=workplan.key, task=problem.task, there=is_there))
        finding = Finding(
            problem.code, problem.message, workplan.path, problem.line, workplan.key, problem.task,
            discriminator=problem.discriminator,
        )  # fmt: skip
        self.drifts.append(Drift(finding))

    def _report_unread(self, missing: Sequence[HubTask]) -> set[str]:
        """Report C-24 for what looks like a task block, and return the ids in it.

        A block that quotes another, here or in another file, is not reported.
        """
        keys, absent = {row.key for row in self._rows}, {row.id for row in missing}
        read = {row.key for row in self._rows if row.id not in absent or row.workstream in self._settled}
        unread = set[str]()
        for workplan, problem in self._problems():
            task = problem.task
            if problem.code != codes.UNREAD_BLOCK or task in self._counts or task in read:
                continue
            if task in keys or not problem.only_known:
                self._report_problem(workplan, problem)
                unread.add(task or "")
        return unread

    def _locate_ids(self) -> None:
        """Count the task ids in the files, and find all places of each that is there more than once."""
        for item in self._known:
            self._counts.update([block.key for block in item.workplan.blocks])
            self._counts.update(_invalid_keys(item.workplan))
        in_settled = [row for row in self._rows if row.workstream in self._settled and row.key in self._counts]
        self._counts.update([row.key for row in in_settled])
        shared = {key for key, number in self._counts.items() if number > 1}
        for item in self._known if shared else ():
            path = item.workplan.path
            for block in item.workplan.blocks:
                if block.key in shared:
                    self._add_place(block.key, path, f":{block.line}")
            for key in _invalid_keys(item.workplan) & shared:
                self._add_place(key, path, " (invalid block)")
        for row in in_settled:
            self._add_place(row.key, self._settled[row.workstream])

    def _add_place(self, key: str, path: str, where: str = "") -> None:
        self._places[key].append(path + where)
        self._tracked[key] += path not in self._untracked

    def _without_shared_ids(self) -> list[Pair]:
        """Return the blocks that alone have their id in the repo and are not settled; C-06 for those that share one."""
        alone: list[Pair] = []
        seen: Counter[str] = Counter()
        for item in self._known:
            is_tracked = item.workplan.path not in self._untracked
            for block in item.workplan.blocks:
                is_alone = self._counts[block.key] == 1
                has_one_tracked = not is_alone and self._tracked[block.key] == 1
                if is_alone or (is_tracked and has_one_tracked):
                    if block.key in item.settled:
                        self.agreed[item.workplan.key, block.key] = item.since[block.key]
                    else:
                        alone.append((item, block))
                    continue
                others = and_others(self._places[block.key], f"{item.workplan.path}:{block.line}")
                message, severity = f"task id '{block.key}' is also that of {others}", None
                if has_one_tracked:
                    message += "; this block, in a file untracked by git, is left out"
                    severity = Severity.WARN
                number = str(seen[block.key])
                self._refuse(item.workplan, codes.SHARED_TASK_ID, message, block, None, number, severity)
                seen[block.key] += 1
        return alone

    def _match(self, blocks: list[Pair]) -> tuple[Iterable[tuple[Pair, HubTask | None]], list[HubTask]]:
        """Pair *blocks* with their rows, None for a new one; C-17 for those with another's UUID.

        The second list has the rows without a block.
        """
        if not self._rows and not any(block.uuid for _, block in blocks):  # All of a first import are new.
            return zip(blocks, repeat(None)), []
        # Of a workplan that moves here from another repo, another workplan's block takes a task only by its UUID.
        in_repo = {row.key: row for row in self._rows if row.workstream not in self._arriving}

        def by_key(claim: Candidate[Pair]) -> HubTask | None:
            return self._in_home.get((self._home(claim.item[0]), claim.key)) or in_repo.get(claim.key)

        claims = []
        for pair in blocks:
            item, block = pair
            if block.uuid in self._foreign:
                owner = f"a task of '{self._foreign[block.uuid]}', in another repo"
                self._refuse_uuid(item.workplan, block, None, owner)
            else:
                claims.append(Candidate(block.key, block.uuid, pair))
        matches = match_rows(
            claims,
            {row.id: row for row in self._rows},
            by_key if self._rows else lambda _claim: None,
            self._is_taken,
        )
        for (item, block), row in matches.stolen:
            self._refuse_uuid(item.workplan, block, row, self._owner(row) if row else "another new task block")
        return matches.pairs, matches.missing

    def _home(self, item: ParsedWorkplan) -> str:
        return self._workstreams[item.workplan.path]

    def _is_taken(self, claim: Candidate[Pair], row: HubTask) -> bool:
        """Return whether its block is or may be there, or the id has a row in the claim's own workplan."""
        if row.key != claim.key:
            return row.key in self._counts or row.workstream not in self._open_homes
        return self._in_home.get((self._home(claim.item[0]), claim.key), row) is not row

    def _owner(self, row: HubTask) -> str:
        return f"task '{row.key}' of workplan '{self._names.get(row.workstream, '?')}'"

    def _refuse_uuid(self, workplan: Workplan, block: TaskBlock, row: HubTask | None, owner: str) -> None:
        self._refuse(workplan, codes.UUID_TAKEN, f"state_hub_task_id {block.uuid} belongs to {owner}", block, row)

    def _create(self, workplan: Workplan, block: TaskBlock) -> None:
        position = self._positions_in(workplan)[block.key]
        action = CreateTask(block.uuid or self._fresh_id(), self._workstreams[workplan.path], block, position)
        if workplan.path in self.creations:
            self.creations[workplan.path].append(action)
        else:
            self._report(workplan, codes.NEW_TASK, f"task '{block.title}' is not in the hub", block, action=action)

    def _positions_in(self, workplan: Workplan) -> Mapping[str, int]:
        if workplan.path not in self._positions:
            self._positions[workplan.path] = {block.key: at for at, block in enumerate(workplan.blocks)}
        return self._positions[workplan.path]

    def _compare(self, item: ParsedWorkplan, block: TaskBlock, row: HubTask) -> None:
        self._compare_status(item, block, row)
        workplan, home = item.workplan, self._home(item)
        differing = _differing_fields(block, row)
        if row.workstream != home:
            differing.append(f"workplan (hub: '{self._names[row.workstream]}')")
        if differing:
            message = f"task's {', '.join(differing)} in the file and in the hub differ"
            self._report(workplan, codes.FIELD_DIFFERS, message, block, row, UpdateTask(row, home, block))
        if block.uuid and block.uuid != row.id:
            message = f"state_hub_task_id is {block.uuid} in the file, the hub knows the task as {row.id}"
            self._report(workplan, codes.FIELD_DIFFERS, message, block, row, discriminator="uuid")

    def _compare_status(self, item: ParsedWorkplan, block: TaskBlock, row: HubTask) -> None:
        # The ledger is the checkout's: a block that moved or has another id now is not news for that.
        last_seen = item.taken.get(block.key) or self._taken.get(row.key, "")
        since = item.since.get(block.key) or self._since.get(row.key)
        code = classify_difference(block.status, row.status, last_seen, moved=since != row.changed_at)
        workplan = item.workplan
        if code is None:
            self.agreed[workplan.key, block.key] = row.changed_at
            return
        action: PlannedAction
        if code == codes.FILE_AHEAD:
            action = AdvanceTask(row.id, self._home(item), row.status, block.status)
        else:
            action = WriteBack(workplan.path, workplan.key, block.key, block.status, row.status, row.changed_at)
        message = status_message(code, "task", row.title, row.status, block.status)
        self._report(workplan, code, message, block, row, action)

    def _report_missing(self, missing: Sequence[HubTask], unread: set[str]) -> None:
        """Report C-10 for tasks of compared workplans that no block claims; unsure if a block's id is unreadable."""
        compared = {self._home(item): item.workplan for item in self._known}
        unreadable = {
            workplan.path for workplan, problem in self._problems() if not problem.task and problem.code in _OF_BLOCKS
        }
        for row in missing:
            workplan = compared.get(row.workstream)
            if workplan is None or row.key in self._counts or row.key in unread:
                continue
            if workplan.path in unreadable:
                self.doubts.append(Unevaluated(workplan=workplan.key, task=row.key))
                continue
            message = f"block of task '{row.title}' is gone from its workplan"
            finding = Finding(codes.BLOCK_GONE, message, workplan.path, None, workplan.key, row.key, row.status)
            self.drifts.append(Drift(finding))


def _invalid_keys(workplan: Workplan) -> set[str]:
    """Return the ids of the blocks that are there and cannot be read."""
    return {problem.task for problem in workplan.problems if problem.task and problem.code == codes.INVALID_BLOCK}


def _differing_fields(block: TaskBlock, row: HubTask) -> list[str]:
    names = [name for name in ("title", "priority", "owner", "depends") if getattr(block, name) != getattr(row, name)]
    return [f"id (hub: '{row.key}')", *names] if block.key != row.key else names
