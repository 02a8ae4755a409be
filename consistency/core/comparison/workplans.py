"""Compares the file side with the hub side: findings, and for each what a fix would do.

Order of the work: which files may be compared at all, which workstream is whose, then workplan by workplan.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from consistency.core.actions import AdvanceWorkstream, CreateTask, CreateWorkstream, PlannedAction, UpdateWorkstream
from consistency.core.codes import (
    FIELD_DIFFERS,
    FILE_AHEAD,
    FINISHED_WORKPLAN_GONE,
    NEW_WORKPLAN,
    SHARED_WORKPLAN_ID,
    UNREAD_FILE,
    UUID_TAKEN,
    WORKPLAN_GONE,
    Severity,
)
from consistency.core.comparison.matching import Candidate, UuidConflict, match
from consistency.core.comparison.snapshot import FileSnapshot, HubSnapshot, HubWorkstream, ParsedWorkplan, Place
from consistency.core.comparison.status_rule import classify_difference, status_message
from consistency.core.comparison.tasks import TaskComparison
from consistency.core.finding import Finding
from consistency.core.workplan.model import MIRRORED, Workplan
from consistency.core.workplan.validation import and_others


@dataclass(frozen=True, slots=True)
class Drift:
    """A finding and what a fix would do about it; None where it can only be reported."""

    finding: Finding
    action: PlannedAction | None = None

    def with_more(self, words: str) -> Drift:
        """The same, with *words* behind its message."""
        return replace(self, finding=replace(self.finding, message=self.finding.message + words))


@dataclass(frozen=True, slots=True)
class Unevaluated:
    """What could not be evaluated: a whole file, or one task of a workplan (None: all of it).

    `there` says that its block is in the file for certain.
    """

    file: str | None = None
    workplan: str | None = None
    task: str | None = None
    there: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result: drifts in the order of file and line, what stayed unevaluated, and whose row is whose.

    `workstreams` maps the path of every compared workplan to its workstream's id (planned ones included). `held` are
    the tasks whose status is not fixed: (workplan id, task id). `agreed` are those whose status was the same on both
    sides, and None for a workplan's own: since when the hub has it. `gone` are the ids of workstreams without a file.
    """

    drifts: tuple[Drift, ...]
    doubts: tuple[Unevaluated, ...]
    workstreams: dict[str, str]
    held: frozenset[Place] = frozenset()
    agreed: dict[Place, datetime] = field(default_factory=dict, compare=False)
    gone: frozenset[str] = field(default=frozenset(), compare=False)


def compare(files: FileSnapshot, hub: HubSnapshot, fresh_id: Callable[[], str]) -> Comparison:
    """Everything that differs between *files* and *hub*. *fresh_id* gives a new UUID at each call."""
    return _Comparing(files, hub, fresh_id).run()


class _Comparing:
    """One comparison, gathering drifts and doubts step by step."""

    def __init__(self, files: FileSnapshot, hub: HubSnapshot, fresh_id: Callable[[], str]) -> None:
        self._files, self._hub, self._fresh_id = files, hub, fresh_id
        # The ids that some file has, and the files that may have any.
        self._keys = {file.key for file in files.settled} | {item.workplan.key for item in files.known}
        self._keys |= {file.key for file in files.unreadable if file.key}
        self._unreadable_paths = {file.path for file in files.unreadable}
        self._drifts: list[Drift] = []
        self._doubts: list[Unevaluated] = []
        self._agreed: dict[Place, datetime] = {}

    def run(self) -> Comparison:
        self._unreadable()
        self._not_read()
        matched = self._match(self._without_shared_ids())
        ids = {item.workplan.path: row.id if row else self._new_id(item.workplan) for item, row in matched}
        gone = self._gone(ids)
        known, created = [item for item, _ in matched], {item.workplan.path for item, row in matched if row is None}
        tasks = TaskComparison(
            known, self._files.settled, self._hub, ids, created, gone, self._fresh_id, self._files.untracked
        )
        tasks.run()
        self._drifts += (Drift(finding, action) for finding, action in tasks.reported)
        unread = set(tasks.unread)
        self._doubts += (
            Unevaluated(workplan=workplan, task=task, there=(workplan, task) in unread)
            for workplan, task in tasks.doubts
        )
        self._agreed.update(tasks.agreed)
        for item, row in matched:
            if row is None:
                self._create(item.workplan, ids[item.workplan.path], tuple(tasks.creations[item.workplan.path]))
            else:
                self._workstream(item, row)
        self._drifts.sort(key=lambda drift: _place(drift.finding))
        return Comparison(tuple(self._drifts), tuple(self._doubts), ids, agreed=self._agreed, gone=frozenset(gone))

    def _report(self, finding: Finding, action: PlannedAction | None = None) -> None:
        self._drifts.append(Drift(finding, action))

    def _unreadable(self) -> None:
        for file in self._files.unreadable:
            self._doubts.append(Unevaluated(file=file.path))
            for problem in file.problems:
                self._report(
                    Finding(
                        problem.code,
                        problem.message,
                        file=file.path,
                        line=problem.line,
                        workplan=file.key,
                        discriminator=f"{file.path}:{problem.discriminator}",  # Two such files may have the same id.
                    )
                )

    def _not_read(self) -> None:
        """C-04 for the untracked copies that are left out, C-23 for the folders that are not entered."""
        for copy in self._files.copies:
            self._doubts.append(Unevaluated(file=copy.path))
            message = f"workplan id '{copy.key}' is that of {copy.original}; this copy, untracked by git, is left out"
            self._report(
                Finding(
                    SHARED_WORKPLAN_ID,
                    message,
                    file=copy.path,
                    line=1,
                    workplan=copy.key,
                    discriminator=copy.path,
                    other_severity=Severity.WARN,
                )
            )
        rows = {row.path for row in self._hub.workstreams.values()}
        for path, why in self._files.unread.items():
            if path not in rows:
                self._report(Finding(UNREAD_FILE, f"not read: {why}", file=path))

    def _without_shared_ids(self) -> list[ParsedWorkplan]:
        """The known workplans whose id is theirs alone; C-04 for the others."""
        paths: dict[str, list[str]] = defaultdict(list)
        for settled in self._files.settled:
            paths[settled.key].append(settled.path)
        for item in self._files.known:
            paths[item.workplan.key].append(item.workplan.path)
        for key, sharing in sorted(paths.items()):
            if len(sharing) > 1:
                self._doubts.append(Unevaluated(workplan=key))
                sharing.sort()
                for path in sharing:
                    message = f"workplan id '{key}' is also that of {and_others(sharing, path)}"
                    self._report(
                        Finding(SHARED_WORKPLAN_ID, message, file=path, line=1, workplan=key, discriminator=path)
                    )
        return [item for item in self._files.known if len(paths[item.workplan.key]) == 1]

    def _match(self, known: list[ParsedWorkplan]) -> list[tuple[ParsedWorkplan, HubWorkstream | None]]:
        """Each workplan with its row, or None for a new one; those with somebody else's UUID fall out (C-17)."""
        by_key = {row.key: row for row in self._hub.workstreams.values() if not row.repo}
        own = [item for item in known if not self._is_foreign(item.workplan)]
        # Settled workplans claim too, so that a copy of one is seen as the copy.
        settled = [Candidate(file.key, file.workstream) for file in self._files.settled]
        arrivals = self._hub.arrivals
        claims = [Candidate(item.workplan.key, arrivals.get(item.workplan.path, item.workplan.uuid)) for item in own]
        rows = match([*claims, *settled], self._hub.workstreams, lambda claim: by_key.get(claim.key))
        matched: list[tuple[ParsedWorkplan, HubWorkstream | None]] = []
        for item, row in zip(own, rows, strict=False):
            if isinstance(row, UuidConflict):
                self._stolen(item.workplan, _owner(row.owner))
            elif row is not None and row.key != item.workplan.key and self._has_file(row):
                self._stolen(item.workplan, _owner(row))
            else:
                matched.append((item, row))
        return matched

    def _has_file(self, row: HubWorkstream) -> bool:
        """Whether a file that is there, comparable or not, is that of *row* by its id or by its path."""
        return row.key in self._keys or row.path in self._unreadable_paths

    def _is_foreign(self, workplan: Workplan) -> bool:
        """Whether *workplan* may not be taken for this repo's: C-17 says why."""
        owner, why = self._hub.foreign.get(workplan.uuid or ""), self._hub.refused.get(workplan.path)
        if why is not None:
            self._refuse(workplan, why)
        elif owner is not None:
            self._stolen(workplan, f"workplan '{owner}' of another repo")
        return why is not None or owner is not None

    def _stolen(self, workplan: Workplan, owner: str) -> None:
        self._refuse(workplan, f"state_hub_workstream_id {workplan.uuid} belongs to {owner}")

    def _refuse(self, workplan: Workplan, message: str) -> None:
        self._doubts.append(Unevaluated(file=workplan.path))
        self._report(Finding(UUID_TAKEN, message, file=workplan.path, line=1, workplan=workplan.key))

    def _new_id(self, workplan: Workplan) -> str:
        return workplan.uuid or self._fresh_id()

    def _create(self, workplan: Workplan, new_id: str, tasks: tuple[CreateTask, ...]) -> None:
        number = "1 task" if len(tasks) == 1 else f"{len(tasks)} tasks"
        message = f"workplan '{workplan.title}' with {number} is not in the hub"
        message += self._hub.hints.get(workplan.path, "")
        finding = Finding(
            NEW_WORKPLAN, message, file=workplan.path, line=1, workplan=workplan.key, file_status=workplan.status
        )
        committed = workplan.path not in self._files.uncommitted
        self._report(finding, CreateWorkstream(new_id, workplan, tasks, committed))

    def _workstream(self, item: ParsedWorkplan, row: HubWorkstream) -> None:
        workplan = item.workplan
        code = classify_difference(
            workplan.status, row.status, item.taken_status, moved=item.status_since != row.changed_at
        )
        if code is None:
            self._agreed[workplan.key, None] = row.changed_at
        else:
            message = status_message(code, "workstream", row.mirrored[0], row.status, workplan.status)
            finding = Finding(
                code, message, file=workplan.path, line=workplan.line, workplan=workplan.key,
                db_status=row.status, file_status=workplan.status,
            )  # fmt: skip
            advance = AdvanceWorkstream(row.id, row.status, workplan.status) if code == FILE_AHEAD else None
            self._report(finding, advance)
        differing = _differing(workplan, row)
        if differing or row.repo:
            message = f"workplan's {', '.join(differing)} in the file and in the hub differ"
            if row.repo:
                message = f"workplan has moved here from repo '{row.repo}': its tasks and their history come along"
            finding = Finding(FIELD_DIFFERS, message, file=workplan.path, line=1, workplan=workplan.key)
            self._report(finding, UpdateWorkstream(row, workplan, self._hub.replaced.get(row.id, "")))
        if workplan.uuid and workplan.uuid != row.id:
            self._other_uuid(workplan, row)

    def _other_uuid(self, workplan: Workplan, row: HubWorkstream) -> None:
        message = f"state_hub_workstream_id is {workplan.uuid} in the file, the hub knows it as {row.id}"
        self._report(
            Finding(FIELD_DIFFERS, message, file=workplan.path, line=1, workplan=workplan.key, discriminator="uuid")
        )

    def _gone(self, ids: dict[str, str]) -> set[str]:
        """C-08 for every workstream that no file claims; a file that cannot be compared may be its file.

        C-27 if its work is finished, C-23 if its file is there but is not read. Nothing if only other checkouts have
        ever had the file.
        """
        claimed = {*ids.values(), *(file.workstream for file in self._files.settled)}
        uncompared = {item.workplan.path for item in self._files.known if item.workplan.path not in ids}
        owners = {file.path: file.key for file in self._files.settled}
        owners.update((item.workplan.path, item.workplan.key) for item in self._files.known)
        gone = set()
        for row in self._hub.workstreams.values():
            if row.repo:  # If no file here may claim it, it stays where it is.
                continue
            if row.id in claimed or row.path in uncompared or self._has_file(row):
                continue
            if row.path in self._files.unread and row.id not in self._files.elsewhere:
                self._doubts.append(Unevaluated(workplan=row.key))
                self._without_file(UNREAD_FILE, row, f"is not read: {self._files.unread[row.path]}")
                continue
            gone.add(row.id)
            if row.id in self._files.elsewhere:
                continue
            if row.id in self._hub.finished:
                self._without_file(FINISHED_WORKPLAN_GONE, row, "has left the checkout, its work is finished")
            else:
                other = f": its file is now that of '{owners[row.path]}'" if row.path in owners else ""
                self._without_file(WORKPLAN_GONE, row, f"is gone from the checkout{other}")
        return gone

    def _without_file(self, code: str, row: HubWorkstream, what: str) -> None:
        message = f"workplan of '{row.mirrored[0]}' {what}"
        self._report(Finding(code, message, file=row.path or None, workplan=row.key, db_status=row.status))


def _owner(row: HubWorkstream | None) -> str:
    return f"workplan '{row.key}' ({row.path})" if row else "another new workplan"


def _differing(workplan: Workplan, row: HubWorkstream) -> list[str]:
    names = [name for name, new, old in zip(MIRRORED, workplan.mirrored, row.mirrored, strict=True) if new != old]
    if workplan.key != row.key:
        names.insert(0, f"id (hub: '{row.key}')")
    if workplan.path != row.path:
        names.append("path")
    return names


def _place(finding: Finding) -> tuple[str, int, str, str, str]:
    return (finding.file or "", finding.line or 0, finding.code, finding.task or "", finding.discriminator)
