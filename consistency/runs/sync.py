"""The hub's part of a run: reads both sides, compares, and in a fix applies the plan and keeps the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from consistency.core.actions import AdvanceTask, CreateWorkstream, HubAction, UpdateWorkstream, WriteBack
from consistency.core.comparison.drift import Comparison, Drift
from consistency.core.comparison.flapping import suppress_flapping
from consistency.core.comparison.gates import Freshness, check_missing_workplans
from consistency.core.comparison.snapshot import HubSnapshot, HubWorkstream, ParsedWorkplan
from consistency.core.comparison.workplans import compare
from consistency.core.finding import Finding
from consistency.db.flapping import read_flapping_tasks
from consistency.db.ledger import LEFT
from consistency.db.rows import (
    VersionConflictError,
    apply,
    mark_workstreams,
    read_finished,
    read_strangers,
    read_tasks,
    read_workstreams,
    update_positions,
)
from consistency.db.uuids import new_uuids
from consistency.git.status import CheckoutStatus
from consistency.git.worktree import WorkTree, missing_in_head
from consistency.runs.ledger_update import update_ledger
from consistency.runs.options import RunOptions
from consistency.runs.scan import Scan, scan_checkout
from statehub.errors import StateHubError
from statehub.models import Checkout, Source
from statehub.transitions import Actor, lock_workstreams

if TYPE_CHECKING:
    from consistency.db.arrivals import Arrivals
    from consistency.runs.stale_changes import Advances

ATTEMPTS = 5
"""How often a plan is made again if the hub changed between the read and the write."""

MAX_PATHS = 1_000
"""Files that are looked up in HEAD by one command: more would not fit on its command line."""


class HubBusyError(StateHubError):
    """The hub changed at every attempt; nothing was written."""


@dataclass(frozen=True, slots=True)
class Sync:
    """Both sides as compared, and the workstreams' versions after the hub's changes, if there were any.

    The changes are dated `applied`; `rows` are the workstreams as they were before. `gates` say why nothing may be
    written although both sides were compared; `advances` say where statuses that change the hub come from;
    `left` are the workstreams whose files are no longer on the repo's branch.
    """

    scan: Scan
    comparison: Comparison
    versions: dict[str, int] = field(default_factory=dict)
    gates: tuple[Finding, ...] = ()
    applied: datetime = field(default_factory=timezone.now)
    advances: Advances | None = None
    rows: dict[str, HubWorkstream] = field(default_factory=dict)
    left: tuple[HubWorkstream, ...] = ()

    @property
    def arrived(self) -> list[HubWorkstream]:
        """The workstreams that move here from other repos, as they were before."""
        actions = (drift.action for drift in self.comparison.drifts)
        return [action.before for action in actions if isinstance(action, UpdateWorkstream) and action.before.repo]

    @property
    def writebacks(self) -> list[WriteBack]:
        """The statuses to write into the files, in the order of file and line."""
        return [drift.action for drift in self.comparison.drifts if isinstance(drift.action, WriteBack)]

    def pending(self, written: frozenset[str] = frozenset()) -> set[str]:
        """List the files on which the sides differ even after the hub's actions and the commit of *written* files."""
        pending = set[str]()
        for finding, action in ((drift.finding, drift.action) for drift in self.comparison.drifts):
            settles = action.path in written if isinstance(action, WriteBack) else action is not None
            if finding.file and not settles:
                pending.add(finding.file)
        return pending


def compare_checkout(checkout: Checkout, tree: WorkTree, state: CheckoutStatus, options: RunOptions) -> Sync:
    """Read and compare both sides; write nothing."""
    workstreams = read_workstreams(checkout.repo_id)
    scan = scan_checkout(tree, state.listing, checkout.repo.pattern, checkout.pk, options.max_size, workstreams)
    scan = scan.with_side(uncommitted=_uncommitted(state, scan))
    scan, hub, arrivals = _hub_side(checkout.repo_id, scan, workstreams, state)
    if arrivals is not None:
        scan = scan.with_side(known=_with_arrivals(scan.side.known, arrivals))
    comparison = _compare(scan, hub)
    advances = None
    if any(isinstance(drift.action, AdvanceTask) for drift in comparison.drifts):
        from consistency.runs.stale_changes import find_stale_changes, mark_as_seen, with_doubts_said  # Slow to import.

        advances = find_stale_changes(
            checkout, tree, state.head or "", comparison.drifts, scan, options.max_size,
            all_of_them=options.writes, arriving={task.id for task in arrivals.tasks} if arrivals else (),
        )  # fmt: skip
        if advances.stale:
            scan = scan.with_side(known=mark_as_seen(scan.side.known, advances.stale))
            comparison = _compare(scan, hub)
            comparison = comparison._replace(drifts=with_doubts_said(comparison.drifts, advances.unclear))
    if comparison.gone:
        from consistency.core.comparison.arrivals import with_likes_named

        rows = [workstreams[pk] for pk in comparison.gone]
        others = read_strangers(checkout.repo_id, (), {row.key for row in rows})
        comparison = comparison._replace(drifts=with_likes_named(comparison.drifts, rows, others))
    comparison = _with_dependencies(checkout.repo.slug, scan, comparison)
    moves = (drift.finding for drift in comparison.drifts if isinstance(drift.action, AdvanceTask | WriteBack))
    moving = {finding.task for finding in moves if finding.task}
    comparison = suppress_flapping(comparison, read_flapping_tasks(checkout, moving, timezone.now()))
    comparison = comparison._replace(drifts=(*map(Drift, scan.unmatched), *comparison.drifts))
    missing, remembered = scan.missing({row.id for row in workstreams.values() if row.may_be_missing})
    gates = check_missing_workplans(checkout.repo.slug, remembered, remembered - len(missing))
    gates = [] if options.allow_missing else gates
    versions = {row.id: row.version for row in (*workstreams.values(), *hub.workstreams.values())}
    left = _left(tree, state, scan, comparison, workstreams) if options.writes and not gates else ()
    return Sync(scan, comparison, versions, tuple(gates), advances=advances, rows=workstreams, left=left)


def _with_dependencies(slug: str, scan: Scan, comparison: Comparison) -> Comparison:
    """Return *comparison* with C-28 for the blocks of compared files that depend on other tasks."""
    plans = [item.workplan for item in scan.side.known if item.workplan.path in comparison.workstreams]
    if not any(block.depends for plan in plans for block in plan.blocks):
        return comparison
    from consistency.core.comparison.dependencies import check_dependencies
    from consistency.db.dependencies import read_graph

    findings = check_dependencies(slug, plans, read_graph(slug, plans))
    return comparison._replace(drifts=(*comparison.drifts, *map(Drift, findings)))


def _left(
    tree: WorkTree, state: CheckoutStatus, scan: Scan, comparison: Comparison, workstreams: dict[str, HubWorkstream]
) -> tuple[HubWorkstream, ...]:
    """List the workstreams whose files have left the repo's branch since the last fix, each with its former path.

    Only a checkout exactly at the branch's tip on its origin shows that, and one of a repo without an origin.
    """
    fresh = state.freshness in (Freshness.FRESH, Freshness.NO_UPSTREAM) and state.ahead == 0
    if not fresh or state.head is None or state.on_branch is False:
        return ()
    paths: dict[str, list[str]] = {}
    for path, entry in scan.entries.items():
        paths.setdefault(entry.workstream, []).append(path)
    known = {entry.workstream for entry in scan.entries.values() if entry.digest == LEFT}
    rows = [row for pk in comparison.gone - known if (row := workstreams.get(pk)) is not None and row.committed]
    candidates = [row._replace(path=path) for row in rows for path in paths.get(row.id, [row.path]) if path]
    candidates = sorted(candidates, key=lambda row: row.path)[:MAX_PATHS]
    missing = missing_in_head(tree, {row.path for row in candidates})
    return tuple(row for row in candidates if row.path in missing)


def _compare(scan: Scan, hub: HubSnapshot) -> Comparison:
    return compare(scan.side, hub, new_uuids().__next__)


def fix_hub(checkout: Checkout, tree: WorkTree, state: CheckoutStatus, options: RunOptions) -> Sync:
    """Compare, and update the hub and the ledger in one transaction; write nothing at a closed gate.

    The last attempt locks the repo's workstreams before it compares, so that it succeeds on a busy hub. Raises
    HubBusyError if even then other processes create the rows that this run would create.
    """
    origin = Actor(options.user, Source.FILE, options.host, state.head or "")
    for _ in range(ATTEMPTS - 1):
        synced = compare_checkout(checkout, tree, state, options)
        if synced.gates:
            return synced
        with suppress(VersionConflictError):
            with transaction.atomic():
                synced = _apply(checkout, synced, origin)
            return _marked(synced, state, options)
    with suppress(VersionConflictError):
        with transaction.atomic():
            lock_workstreams(repo=checkout.repo_id)
            synced = compare_checkout(checkout, tree, state, options)
            synced = synced if synced.gates else _apply(checkout, synced, origin)
        return synced if synced.gates else _marked(synced, state, options)
    raise HubBusyError(f"the hub changed at each of {ATTEMPTS} attempts during this run; run it again")


def _uncommitted(state: CheckoutStatus, scan: Scan) -> frozenset[str]:
    """List the files that no commit of the repo's branch is known to have as they are: all, unless HEAD is on it."""
    if state.on_branch and state.ahead == 0:
        return frozenset(scan.listed & state.dirty)
    return frozenset(scan.listed)


def _marked(synced: Sync, state: CheckoutStatus, options: RunOptions) -> Sync:
    """Record with the workstreams whether their files are committed, back again, or allowed to be missing."""
    scan, rows = synced.scan, synced.rows
    claimed = {file.workstream: file.path for file in scan.side.settled}
    claimed.update((workstream, path) for path, workstream in synced.comparison.workstreams.items())
    there = {row: path for row, path in claimed.items() if row in rows}
    committed = {row for row, path in there.items() if not rows[row].committed and path not in scan.side.uncommitted}
    mark_workstreams(committed, committed=True)
    # A clone that may be behind does not prove that the file has come back.
    if state.freshness in (Freshness.FRESH, Freshness.NO_UPSTREAM):
        mark_workstreams({row for row in there if rows[row].may_be_missing}, may_be_missing=False)
    if options.allow_missing:
        missing, _ = scan.missing()
        mark_workstreams(missing & rows.keys(), may_be_missing=True)
    return synced


def _with_arrivals(known: tuple[ParsedWorkplan, ...], arrivals: Arrivals) -> tuple[ParsedWorkplan, ...]:
    """Return *known*, with what the hub took from the repos that workplans have moved here from."""
    from consistency.core.comparison.arrivals import memory_of

    of = arrivals.of
    return tuple(
        memory_of(item.workplan, of[item.workplan.path].seen) if item.workplan.path in of else item for item in known
    )


def _hub_side(
    repo: int, scan: Scan, workstreams: dict[str, HubWorkstream], state: CheckoutStatus
) -> tuple[Scan, HubSnapshot, Arrivals | None]:
    """Read the hub's rows for the files, and which of these have moved here; None if no file must be compared.

    The first value is *scan* with those tasks settled that the hub still has as both sides agreed on them.
    """
    known = scan.side.known
    finished = read_finished(scan.absent) if scan.absent else frozenset[str]()
    if not known:
        return scan, HubSnapshot(workstreams, finished=finished), None
    from consistency.db.arrivals import read_arrivals  # Slow to import.

    by_key = {row.key: row.id for row in workstreams.values()}
    whole = [item.workplan for item in known if not item.settled]
    claimed = {by_key.get(plan.key, "") for plan in whole} | {plan.uuid or "" for plan in whole}
    partly = [(by_key[item.workplan.key], item.open_tasks) for item in known if item.settled]
    open_tasks = [(workstream, key) for workstream, keys in partly for key in sorted(keys)]
    tasks, foreign, known = read_tasks(
        repo, claimed & workstreams.keys(), known, open_tasks, _agreed(scan, by_key), empty=not workstreams
    )
    scan = scan.with_side(known=known)
    settled = {file.workstream for file in scan.side.settled}
    plans = [item.workplan for item in known]
    arrivals = read_arrivals(repo, plans, workstreams, tasks, settled, state.dirty)
    here = {candidate.row.id: candidate.row for candidate in arrivals.of.values()}
    replaced = {candidate.row.id: candidate.replaces for candidate in arrivals.of.values() if candidate.replaces}
    gone = {*here, *replaced.values()}
    side = HubSnapshot(
        {pk: row for pk, row in {**workstreams, **here}.items() if pk not in replaced.values()},
        (*(task for task in tasks if task.workstream not in gone), *arrivals.tasks),
        {pk: name for pk, name in {**foreign, **arrivals.foreign}.items() if pk not in here},
        {path: candidate.row.id for path, candidate in arrivals.of.items()},
        arrivals.refused,
        arrivals.hints,
        replaced,
        finished,
    )
    return scan, side, arrivals


def _agreed(scan: Scan, by_key: Mapping[str, str]) -> dict[str, str]:
    """Return the workstream, by path, of each file that is as both sides last agreed on it, while the hub has changed.

    Their workstreams are those of the ledger (*by_key*: by the workplans' ids), and no other file has one.
    """
    same = [
        (plan.path, entry.workstream)
        for plan in (item.workplan for item in scan.side.known)
        if (entry := scan.entries.get(plan.path)) is not None and entry.digest == scan.digests[plan.path]
        if by_key.get(plan.key) == entry.workstream and plan.uuid in (None, entry.workstream)
    ]
    files = Counter(workstream for _, workstream in same)
    return {path: workstream for path, workstream in same if files[workstream] == 1}


def _apply(checkout: Checkout, synced: Sync, origin: Actor) -> Sync:
    actions = [drift.action for drift in synced.comparison.drifts if isinstance(drift.action, HubAction)]
    # Dated after the comparison: earlier changes by others are in it, and a task's changes are in the order of time.
    synced = replace(synced, applied=timezone.now())
    if actions:
        origins = synced.advances.origins(origin) if synced.advances else {}
        new_versions = apply(actions, checkout.repo_id, synced.versions, origin, synced.applied, origins)
        synced = replace(synced, versions={**synced.versions, **new_versions})
    in_order = {"", *(action.id for action in actions if isinstance(action, CreateWorkstream))}
    update_positions(
        (workstream, [block.key for block in item.workplan.blocks])
        for item in synced.scan.side.known
        if item.reordered and (workstream := synced.comparison.workstreams.get(item.workplan.path, "")) not in in_order
    )
    update_ledger(checkout, synced)
    return synced
