"""Writes the hub's UUIDs into the workplans of one checkout, so that a hub rebuilt from them has the same ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from consistency.core.codes import Severity
from consistency.core.comparison.drift import Comparison
from consistency.core.comparison.snapshot import HubSnapshot
from consistency.core.comparison.workplans import compare
from consistency.core.finding import Finding
from consistency.core.workplan.edit import Edited
from consistency.core.workplan.model import Workplan
from consistency.core.workplan.write_ids import WriteIdsRefusedError, stamp
from consistency.db.own_commits import record_own_commit
from consistency.db.rows import read_strangers, read_tasks, read_workstreams
from consistency.db.uuids import new_uuids
from consistency.git.atomicfile import replace_file
from consistency.git.commit import CommitRequest, commit_changes, edit_files, writeback_blocker
from consistency.git.committer import Written
from consistency.git.worktree import Listing, WorkTree
from consistency.runs.fetching import OpenCheckout
from consistency.runs.options import RunOptions
from consistency.runs.preflight import Warn, inspect_checkout
from consistency.runs.scan import Scan, scan_checkout
from statehub.errors import StateHubError
from statehub.models import Checkout
from statehub.text import describe_os_error, escape_control, plural

_NO_LEDGER = 0
"""The key of no checkout: its ledger is empty, and all files are read and compared."""


class WriteIdsError(StateHubError):
    """The checkout cannot be written to now; one sentence for people. Nothing was written."""


class Missing(NamedTuple):
    """A workplan that lacks UUIDs; its *workstream*'s, which it may have, and those of *tasks* (id → UUID)."""

    workplan: Workplan
    workstream: str
    tasks: dict[str, str]


@dataclass(slots=True)
class Plan:
    """The UUIDs that workplans lack, by path, and one sentence for each thing that is left out."""

    missing: dict[str, Missing] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


@dataclass(slots=True)
class WriteIdsResult:
    """The stamped files: path → (1 if its workstream was, number of its tasks), and the commit, if one was made.

    `left` has one sentence for each thing that was left out.
    """

    left: list[str]
    files: dict[str, tuple[int, int]] = field(default_factory=dict)
    commit: str | None = None


def stamp_checkout(opened: OpenCheckout, options: RunOptions, warn: Warn, *, commit: bool) -> WriteIdsResult:
    """Write the missing UUIDs into the workplans of *opened*, and commit them if *commit* is true.

    *warn* gets one line for each other problem. Raises WriteIdsError, NotAWorkTreeError, CheckoutLockedError, GitError,
    OSError, and django.db.Error if the hub is gone.
    """
    checkout, tree = opened.checkout, opened.tree
    if opened.error is not None or tree is None:
        raise opened.error or WriteIdsError(f"{checkout.path} is not a git work tree")
    preflight = inspect_checkout(opened, tree, options, warn)
    blocker = preflight.gates[0].message if preflight.gates else writeback_blocker(preflight.state)
    if blocker is not None:
        raise WriteIdsError(blocker)
    scan, plan = _plan(checkout, tree, preflight.state.listing, options.max_size)
    for path in sorted(plan.missing.keys() & preflight.state.dirty):
        del plan.missing[path]
        plan.left.append(f"{path}: workplan has uncommitted changes — skipping stamping")
    counts: dict[str, tuple[int, int]] = {}
    wanted = CommitRequest(
        {path: partial(_stamped, missing, plan.left, counts) for path, missing in plan.missing.items()},
        scan.digests,
        lambda paths, _day: message({path: counts[path] for path in sorted(paths)}),
        options.max_size,
        scan.overlooked,
    )
    if commit:

        def record(made: str, when: int, _paths: object) -> None:
            record_own_commit(checkout.repo_id, made, when, ())

        written = commit_changes(tree, preflight.state, wanted, options.committer, record)
    else:
        written = _replace_files(tree, wanted)
    left = [f"{path or tree.top}: {why}" for path, why in written.faults]
    return WriteIdsResult(plan.left + left, {path: counts[path] for path in sorted(written.files)}, written.commit)


def _plan(checkout: Checkout, tree: WorkTree, listing: Listing, limit: int) -> tuple[Scan, Plan]:
    """Read the files, and compare both sides without the ledger; return the scan and what the files lack."""
    repo, slug = checkout.repo_id, checkout.repo.slug
    workstreams = read_workstreams(repo)
    scan = scan_checkout(tree, listing, checkout.repo.pattern, _NO_LEDGER, limit, workstreams)
    workplans = [item.workplan for item in scan.side.known]
    tasks, foreign, _ = read_tasks(repo, workstreams, scan.side.known, empty=not workstreams)
    uuids = {workplan.uuid for workplan in workplans if workplan.uuid} - workstreams.keys()
    foreign |= {row.id: f"{row.repo}/{row.key}" for row in read_strangers(repo, uuids, ())}
    hub = HubSnapshot(workstreams, tasks, foreign)
    return scan, plan_stamps(workplans, hub, compare(scan.side, hub, new_uuids().__next__), slug)


def plan_stamps(workplans: Iterable[Workplan], hub: HubSnapshot, comparison: Comparison, slug: str) -> Plan:
    """List the UUIDs that *workplans* lack, except those that *comparison* leaves in doubt."""
    rows = {(row.workstream, row.key): row.id for row in hub.tasks}
    faults = [
        drift.finding for drift in comparison.drifts if drift.finding.severity is Severity.FAIL and drift.finding.file
    ]
    plan, doubtful = Plan(left=_about(faults, slug)), {(finding.file, finding.task) for finding in faults}
    for workplan in workplans:
        path, home = workplan.path, comparison.workstreams.get(workplan.path)
        keys = [block.key for block in workplan.blocks if block.uuid is None and (path, block.key) not in doubtful]
        if home is None or (workplan.uuid and not keys):
            continue
        known = home in hub.workstreams
        unknown = [f"task '{key}'" for key in keys if (home, key) not in rows] if known else ["the workplan"]
        plan.left += (f"{path}: the hub does not know {what} yet; run fix_consistency {slug} first" for what in unknown)
        tasks = {key: rows[home, key] for key in keys if (home, key) in rows}
        if known and (tasks or not workplan.uuid):
            plan.missing[path] = Missing(workplan, home, tasks)
    return plan


def _about(faults: Iterable[Finding], slug: str) -> list[str]:
    codes: dict[str, set[str]] = defaultdict(set)
    for finding in faults:
        codes[finding.file or ""].add(finding.code)
    return [
        f"{path}: what {', '.join(sorted(codes[path]))} is about is left alone; check_consistency {slug} says more"
        for path in sorted(codes)
    ]


def _stamped(
    missing: Missing, left: list[str], counts: dict[str, tuple[int, int]], data: bytes, compared: bool
) -> Edited:
    """Add what *data* lacks; a task that takes no UUID is left out and added to *left*. Raises WriteIdsRefusedError."""
    tasks, path, before = dict(missing.tasks), missing.workplan.path, missing.workplan if compared else None
    edited: Edited | None = None
    while edited is None:
        try:
            edited = stamp(path, data, missing.workstream, tasks, before=before)
        except WriteIdsRefusedError as refused:
            if refused.task is None:
                raise
            if compared:
                left.append(f"{path}: {refused}")
            del tasks[refused.task]
    if compared:
        blocks = zip(missing.workplan.blocks, edited.workplan.blocks, strict=True)
        is_new = missing.workplan.uuid != edited.workplan.uuid
        counts[path] = int(is_new), sum(old.uuid != new.uuid for old, new in blocks)
    return edited


def _replace_files(tree: WorkTree, wanted: CommitRequest) -> Written:
    """Put the *wanted* files into the work tree; commit nothing."""
    written = Written()
    for path, edited in edit_files(tree, wanted, written)[0].items():
        try:
            replace_file(tree.file(path), wanted.digests[path], edited.data)
            written.files[path] = edited
        except OSError as error:
            written.faults.append((path, f"the file cannot be written: {describe_os_error(error)}"))
    return written


def message(counts: Mapping[str, tuple[int, int]]) -> str:
    """Write the commit's message; *counts* as `WriteIdsResult.files`, in the order of paths."""
    lines = [f"- {escape_control(path)}: {in_words(*number)}" for path, number in counts.items()]
    return "\n".join(["chore(consistency): stamp ids of workstreams and tasks [auto]", "", *lines, ""])


def in_words(workstreams: int, tasks: int) -> str:
    """Return `1 workstream and 2 tasks`; a number of 0 is left out."""
    parts = [(workstreams, "workstream"), (tasks, "task")]
    return " and ".join(f"{number} {plural(number, noun)}" for number, noun in parts if number)
