"""Compares the file side with the hub side: findings, and for each the action that a fix would take.

Order of the work: which files may be compared at all, which workstream each has, then workplan by workplan.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import datetime

from consistency.core import codes
from consistency.core.actions import AdvanceWorkstream, CreateTask, CreateWorkstream, PlannedAction, UpdateWorkstream
from consistency.core.codes import Severity
from consistency.core.comparison.drift import Comparison, Drift, Unevaluated
from consistency.core.comparison.matching import Candidate, match_rows
from consistency.core.comparison.snapshot import FileSnapshot, HubSnapshot, HubWorkstream, ParsedWorkplan, Place
from consistency.core.comparison.status_rule import classify_difference, status_message
from consistency.core.comparison.tasks import TaskComparison
from consistency.core.finding import Finding
from consistency.core.workplan.model import Mirrored, Workplan
from consistency.core.workplan.validation import and_others
from statehub.text import plural


def compare(files: FileSnapshot, hub: HubSnapshot, fresh_id: Callable[[], str]) -> Comparison:
    """Return all differences between *files* and *hub*. *fresh_id* gives a new UUID at each call."""
    return _Comparing(files, hub, fresh_id).run()


class _Comparing:
    """One comparison, gathering drifts and doubts step by step."""

    def __init__(self, files: FileSnapshot, hub: HubSnapshot, fresh_id: Callable[[], str]) -> None:
        self._files, self._hub, self._fresh_id = files, hub, fresh_id
        # The path of each file by its id, and the files that may have any.
        self._paths: dict[str, list[str]] = defaultdict(list)
        for settled in files.settled:
            self._paths[settled.key].append(settled.path)
        for item in files.known:
            self._paths[item.workplan.key].append(item.workplan.path)
        self._unreadable_keys = {file.key for file in files.unreadable if file.key}
        self._unreadable_paths = {file.path for file in files.unreadable}
        self._drifts: list[Drift] = []
        self._doubts: list[Unevaluated] = []
        self._agreed: dict[Place, datetime] = {}

    def run(self) -> Comparison:
        self._report_unreadable()
        self._report_unread()
        self._report_shared_ids()
        pairs, missing = self._match()
        ids = {item.workplan.path: row.id if row else item.workplan.uuid or self._fresh_id() for item, row in pairs}
        gone = self._gone(missing, ids)
        tasks = TaskComparison(self._files, self._hub, ids, gone, self._fresh_id)
        tasks.run()
        self._drifts += tasks.drifts
        self._doubts += tasks.doubts
        self._agreed.update(tasks.agreed)
        for item, row in pairs:
            if row is None:
                self._create(item.workplan, ids[item.workplan.path], tuple(tasks.creations[item.workplan.path]))
            else:
                self._compare(item, row)
        self._drifts.sort(key=lambda drift: _sort_key(drift.finding))
        return Comparison(tuple(self._drifts), tuple(self._doubts), ids, agreed=self._agreed, gone=frozenset(gone))

    def _report(self, finding: Finding, action: PlannedAction | None = None) -> None:
        self._drifts.append(Drift(finding, action))

    def _report_unreadable(self) -> None:
        for file in self._files.unreadable:
            self._doubts.append(Unevaluated(file=file.path))
            for problem in file.problems:
                place = f"{file.path}:{problem.discriminator}"  # Two such files may have the same id.
                self._report(
                    Finding(problem.code, problem.message, file.path, problem.line, file.key, discriminator=place)
                )

    def _report_unread(self) -> None:
        """Report C-04 for the untracked copies that are left out, C-23 for the folders that are not entered."""
        for copy in self._files.copies:
            self._doubts.append(Unevaluated(file=copy.path))
            message = f"workplan id '{copy.key}' is that of {copy.original}; this copy, untracked by git, is left out"
            self._report_shared_id(message, copy.path, copy.key, Severity.WARN)
        rows = {row.path for row in self._hub.workstreams.values()}
        for path, why in self._files.unread.items():
            if path not in rows:
                self._report(Finding(codes.UNREAD_FILE, f"not read: {why}", path))

    def _report_shared_ids(self) -> None:
        for key, paths in sorted(self._paths.items()):
            if len(paths) > 1:
                self._doubts.append(Unevaluated(workplan=key))
                paths.sort()
                for path in paths:
                    message = f"workplan id '{key}' is also that of {and_others(paths, path)}"
                    self._report_shared_id(message, path, key)

    def _report_shared_id(self, message: str, path: str, key: str, severity: Severity | None = None) -> None:
        self._report(
            Finding(codes.SHARED_WORKPLAN_ID, message, path, 1, key, other_severity=severity, discriminator=path)
        )

    def _match(self) -> tuple[list[tuple[ParsedWorkplan, HubWorkstream | None]], list[HubWorkstream]]:
        """Pair the workplans that have an id of their own with their rows; C-17 for those with another's UUID.

        The second list has the rows without a workplan.
        """
        by_key = {row.key: row for row in self._hub.workstreams.values() if not row.repo}
        alone = (item for item in self._files.known if len(self._paths[item.workplan.key]) == 1)
        own = [item for item in alone if not self._is_foreign(item.workplan)]
        arrivals = self._hub.arrivals
        claims: list[Candidate[ParsedWorkplan | None]] = [
            Candidate(item.workplan.key, arrivals.get(item.workplan.path, item.workplan.uuid), item) for item in own
        ]
        # Settled workplans claim too, so that a copy of one is seen as the copy.
        claims += (Candidate(file.key, file.workstream, None) for file in self._files.settled)
        matches = match_rows(
            claims,
            self._hub.workstreams,
            lambda claim: by_key.get(claim.key),
            lambda claim, row: row.key != claim.key and self._has_file(row),
        )
        for item, row in matches.stolen:
            if item is not None:
                owner = f"workplan '{row.key}' ({row.path})" if row else "another new workplan"
                self._refuse_uuid(item.workplan, owner)
        return [(item, row) for item, row in matches.pairs if item is not None], matches.missing

    def _has_file(self, row: HubWorkstream) -> bool:
        """Return whether a file that is there, comparable or not, is that of *row* by its id or by its path."""
        return row.key in self._paths or row.key in self._unreadable_keys or row.path in self._unreadable_paths

    def _is_foreign(self, workplan: Workplan) -> bool:
        """Return whether *workplan* may not be taken for this repo's, after reporting C-17."""
        owner, why = self._hub.foreign.get(workplan.uuid or ""), self._hub.refused.get(workplan.path)
        if why is not None:
            self._refuse(workplan, why)
        elif owner is not None:
            self._refuse_uuid(workplan, f"workplan '{owner}' of another repo")
        return why is not None or owner is not None

    def _refuse_uuid(self, workplan: Workplan, owner: str) -> None:
        self._refuse(workplan, f"state_hub_workstream_id {workplan.uuid} belongs to {owner}")

    def _refuse(self, workplan: Workplan, message: str) -> None:
        self._doubts.append(Unevaluated(file=workplan.path))
        self._report(Finding(codes.UUID_TAKEN, message, workplan.path, 1, workplan.key))

    def _create(self, workplan: Workplan, new_id: str, tasks: tuple[CreateTask, ...]) -> None:
        number = len(tasks)
        message = f"workplan '{workplan.title}' with {number} {plural(number, 'task')} is not in the hub"
        message += self._hub.hints.get(workplan.path, "")
        finding = Finding(codes.NEW_WORKPLAN, message, workplan.path, 1, workplan.key, file_status=workplan.status)
        committed = workplan.path not in self._files.uncommitted
        self._report(finding, CreateWorkstream(new_id, workplan, tasks, committed))

    def _compare(self, item: ParsedWorkplan, row: HubWorkstream) -> None:
        workplan = item.workplan
        code = classify_difference(
            workplan.status, row.status, item.taken_status, moved=item.status_since != row.changed_at
        )
        if code is None:
            self._agreed[workplan.key, None] = row.changed_at
        else:
            message = status_message(code, "workstream", row.mirrored.title, row.status, workplan.status)
            finding = Finding(
                code, message, workplan.path, workplan.line, workplan.key,
                db_status=row.status, file_status=workplan.status,
            )  # fmt: skip
            advance = AdvanceWorkstream(row.id, row.status, workplan.status) if code == codes.FILE_AHEAD else None
            self._report(finding, advance)
        differing = _differing_fields(workplan, row)
        if differing or row.repo:
            message = f"workplan's {', '.join(differing)} in the file and in the hub differ"
            if row.repo:
                message = f"workplan has moved here from repo '{row.repo}': its tasks and their history come along"
            finding = Finding(codes.FIELD_DIFFERS, message, workplan.path, 1, workplan.key)
            self._report(finding, UpdateWorkstream(row, workplan, self._hub.replaced.get(row.id, "")))
        if workplan.uuid and workplan.uuid != row.id:
            message = f"state_hub_workstream_id is {workplan.uuid} in the file, the hub knows it as {row.id}"
            self._report(Finding(codes.FIELD_DIFFERS, message, workplan.path, 1, workplan.key, discriminator="uuid"))

    def _gone(self, missing: Collection[HubWorkstream], ids: dict[str, str]) -> set[str]:
        """Report C-08 for every *missing* workstream, unless a file that cannot be compared may be its file.

        C-27 if its work is finished, C-23 if its file is there but is not read. Nothing if only other checkouts have
        ever had the file.
        """
        claimed = {*ids.values(), *(file.workstream for file in self._files.settled)}
        uncompared = {item.workplan.path for item in self._files.known if item.workplan.path not in ids}
        owners = {path: key for key, paths in self._paths.items() for path in paths}
        gone = set()
        for row in missing:
            # A row that is still another repo's stays there if no file here may claim it.
            if row.repo or row.id in claimed or row.path in uncompared or self._has_file(row):
                continue
            if row.path in self._files.unread and row.id not in self._files.elsewhere:
                self._doubts.append(Unevaluated(workplan=row.key))
                self._report_gone(codes.UNREAD_FILE, row, f"is not read: {self._files.unread[row.path]}")
                continue
            gone.add(row.id)
            if row.id in self._files.elsewhere:
                continue
            if row.id in self._hub.finished:
                self._report_gone(codes.FINISHED_WORKPLAN_GONE, row, "has left the checkout, its work is finished")
            else:
                other = f": its file is now that of '{owners[row.path]}'" if row.path in owners else ""
                self._report_gone(codes.WORKPLAN_GONE, row, f"is gone from the checkout{other}")
        return gone

    def _report_gone(self, code: str, row: HubWorkstream, what: str) -> None:
        message = f"workplan of '{row.mirrored.title}' {what}"
        self._report(Finding(code, message, row.path or None, workplan=row.key, db_status=row.status))


def _differing_fields(workplan: Workplan, row: HubWorkstream) -> list[str]:
    new, old = workplan.mirrored, row.mirrored
    names = [name for name in Mirrored._fields if getattr(new, name) != getattr(old, name)]
    if workplan.key != row.key:
        names.insert(0, f"id (hub: '{row.key}')")
    if workplan.path != row.path:
        names.append("path")
    return names


def _sort_key(finding: Finding) -> tuple[str, int, str, str, str]:
    return (finding.file or "", finding.line or 0, finding.code, finding.task or "", finding.discriminator)
