"""Writes the hub's UUIDs into the workplans of one checkout, so that a hub rebuilt from them has the same ones."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from consistency.core.codes import Severity
from consistency.core.comparison.drift import Comparison
from consistency.core.comparison.snapshot import HubSnapshot
from consistency.core.comparison.workplans import compare
from consistency.core.finding import Finding
from consistency.core.workplan.edit import Edited
from consistency.core.workplan.model import Workplan
from consistency.core.workplan.write_ids import WriteIdsRefusedError, stamp
from consistency.db.own_commits import record_own_commit
from consistency.db.rows import read_foreign_workstreams, read_tasks, read_workstreams
from consistency.git.atomicfile import replace_file
from consistency.git.commit import CommitRequest, commit_changes, edit_files, writeback_blocker
from consistency.git.committer import Written
from consistency.git.status import CheckoutStatus
from consistency.git.worktree import WorkTree
from consistency.runs.fetching import OpenCheckout
from consistency.runs.options import RunOptions
from consistency.runs.preflight import Warn, inspect_checkout
from consistency.runs.scan import Scan, scan_checkout
from statehub.errors import StateHubError
from statehub.models import Checkout
from statehub.text import escape_control

_NO_LEDGER = 0
"""The number of no checkout: nothing is settled, all is read and compared."""


class WriteIdsError(StateHubError):
    """The checkout is not one to be written to now; one sentence for people. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A workplan that lacks UUIDs; its *workstream*'s, which it may have, and those of *tasks* (id → UUID)."""

    workplan: Workplan
    workstream: str
    tasks: dict[str, str]


@dataclass(slots=True)
class Plan:
    """What the workplans lack, by path, and one sentence on each thing that is left alone."""

    missing: dict[str, Missing] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


@dataclass(slots=True)
class WriteIdsResult:
    """What was stamped: path → (1 where its workstream was, how many of its tasks), and the commit, if one was made.

    `left` are the sentences on what was left alone.
    """

    left: list[str]
    files: dict[str, tuple[int, int]] = field(default_factory=dict)
    commit: str | None = None


def stamp_checkout(visit: OpenCheckout, options: RunOptions, warn: Warn, *, commit: bool) -> WriteIdsResult:
    """Stamp the workplans of the checkout of *visit*, and commit them where *commit* says so.

    *warn* gets one line for each other problem. Raises WriteIdsError, NotAWorkTreeError, CheckoutLockedError, GitError,
    OSError, and django.db.Error where the hub is gone.
    """
    tree = visit.tree
    if visit.trouble is not None or tree is None:
        raise visit.trouble or WriteIdsError(f"{visit.checkout.path} is not a git work tree")
    look = inspect_checkout(visit, tree, options, warn)
    hindrance = look.gates[0].message if look.gates else writeback_blocker(look.state)
    if hindrance is not None:
        raise WriteIdsError(hindrance)
    reading, plan = _plan(visit.checkout, tree, options.max_size)
    for path in sorted(plan.missing.keys() & look.state.dirty):
        del plan.missing[path]
        plan.left.append(f"{path}: workplan has uncommitted changes — skipping stamping")
    return _write(visit.checkout, tree, look.state, plan, reading, options, commit=commit)


def _plan(checkout: Checkout, tree: WorkTree, limit: int) -> tuple[Scan, Plan]:
    """The files as they were read, and what they lack; both sides are compared without what the ledger remembers."""
    repo, slug = checkout.repo_id, checkout.repo.slug
    workstreams = read_workstreams(repo)
    reading = scan_checkout(tree, checkout.repo.pattern, _NO_LEDGER, limit, workstreams)
    workplans = [item.workplan for item in reading.side.known]
    tasks, foreign = read_tasks(repo, workstreams, reading.side.known, empty=not workstreams)
    strangers = {workplan.uuid for workplan in workplans if workplan.uuid} - workstreams.keys()
    hub = HubSnapshot(workstreams, tasks, {**foreign, **read_foreign_workstreams(repo, strangers)})
    return reading, plan_stamps(workplans, hub, compare(reading.side, hub, lambda: str(uuid.uuid4())), slug)


def plan_stamps(workplans: Iterable[Workplan], hub: HubSnapshot, comparison: Comparison, slug: str) -> Plan:
    """The UUIDs that *workplans* lack, as far as *comparison* leaves no doubt whose they are."""
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


def _write(
    checkout: Checkout,
    tree: WorkTree,
    state: CheckoutStatus,
    plan: Plan,
    reading: Scan,
    options: RunOptions,
    *,
    commit: bool,
) -> WriteIdsResult:
    """Write what the *plan* says, as far as that can be done."""
    counts: dict[str, tuple[int, int]] = {}
    wanted = CommitRequest(
        {path: partial(_stamped, missing, plan.left, counts) for path, missing in plan.missing.items()},
        reading.digests,
        lambda paths, _day: message({path: counts[path] for path in sorted(paths)}),
        options.max_size,
        reading.overlooked,
    )
    if commit:

        def record(made: str, when: int, _paths: object) -> None:
            record_own_commit(checkout.repo_id, made, when, ())

        written = commit_changes(tree, state, wanted, options.committer, record)
    else:
        written = _replace(tree, wanted)
    left = [f"{path or tree.top}: {why}" for path, why in written.faults]
    return WriteIdsResult(plan.left + left, {path: counts[path] for path in sorted(written.files)}, written.commit)


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
        counts[path] = _counts(missing.workplan, edited.workplan)
    return edited


def _replace(tree: WorkTree, wanted: CommitRequest) -> Written:
    """Put what is *wanted* into the work tree; no commit."""
    written = Written()
    for path, edited in edit_files(tree, wanted, written).items():
        try:
            replace_file(tree.file(path), wanted.digests[path], edited.data)
            written.files[path] = edited
        except OSError as error:
            written.faults.append((path, f"the file cannot be written: {error.strerror or error}"))
    return written


def _counts(before: Workplan, after: Workplan) -> tuple[int, int]:
    blocks = zip(before.blocks, after.blocks, strict=True)
    return int(before.uuid != after.uuid), sum(old.uuid != new.uuid for old, new in blocks)


def message(counts: Mapping[str, tuple[int, int]]) -> str:
    """The commit's message; *counts* as `Stamped.files`, in the order of paths."""
    lines = [f"- {escape_control(path)}: {in_words(*number)}" for path, number in counts.items()]
    return "\n".join(["chore(consistency): stamp ids of workstreams and tasks [auto]", "", *lines, ""])


def in_words(workstreams: int, tasks: int) -> str:
    """`1 workstream and 2 tasks`; what there is none of is not named."""
    parts = [(workstreams, "workstream"), (tasks, "task")]
    return " and ".join(f"{number} {noun}{'' if number == 1 else 's'}" for number, noun in parts if number)
