"""Reads which workplans have moved here from another repo: the rows they claim, and which checkouts lost the file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from django.db.models import F

from consistency.core.comparison.arrivals import Candidate, Claimed, Seen, Sight, hint, refusal, witness
from consistency.core.comparison.snapshot import HubTask, HubWorkstream
from consistency.core.ledger_codec import load
from consistency.core.workplan.model import Workplan
from consistency.db.ledger import GONE, LEFT, batches
from consistency.db.rows import read_strangers, read_tasks_of, read_workstreams_with_history
from consistency.models import LedgerEntry, Mode, Run, RunState

MAX_HINTED = 50
"""Workplans of other repos that are compared for hints: many repos may have started with the same template."""

_SeenRows = dict[str, list[tuple[int, Seen]]]
"""By workstream: the ledger's rows, with their keys."""


class Arrivals(NamedTuple):
    """The workplans that have moved here (path → the row that they take), the tasks of these rows, and refused moves.

    `hints` are texts (by path) on new workplans that may have moved. `foreign` names all other workstreams of other
    repos that a workplan here claims by its UUID.
    """

    of: Mapping[str, Candidate] = MappingProxyType({})
    tasks: tuple[HubTask, ...] = ()
    refused: Mapping[str, str] = MappingProxyType({})
    foreign: Mapping[str, str] = MappingProxyType({})
    hints: Mapping[str, str] = MappingProxyType({})


def read_arrivals(
    repo: int,
    workplans: Sequence[Workplan],
    workstreams: Mapping[str, HubWorkstream],
    tasks: Iterable[HubTask],
    settled: Collection[str],
    dirty: Collection[str],
) -> Arrivals:
    """Find which of *workplans* belong to rows of other repos.

    *workstreams* are this repo's, *settled* those of them with settled files, *dirty* the uncommitted files; *tasks*
    are all that have the UUID of a block. Costs nothing if every workplan is known, one query if no other repo has such
    a row, and a few more if one has, for any number of workplans.
    """
    own = {row.key: row.id for row in workstreams.values()}
    uuids = {plan.uuid for plan in workplans if plan.uuid} - workstreams.keys()
    new = {plan.key for plan in workplans if not plan.uuid} - own.keys()
    rows = read_strangers(repo, uuids, new) if uuids or new else []
    if not rows:
        return Arrivals()
    seen = _seen(rows)
    candidates = _identified(workplans, rows, {task.id: task.workstream for task in tasks}, seen)
    nameless = [plan for plan in workplans if plan.key in new and not plan.uuid and plan.path not in candidates]
    named, hints = _named(nameless, rows, seen)
    candidates.update(named)
    claimed = {*settled, *(plan.uuid for plan in workplans)}
    in_the_way = {own[plan.key] for plan in workplans if plan.path in candidates and plan.key in own}
    kept = (in_the_way & claimed) | (read_workstreams_with_history(in_the_way) if in_the_way else set())
    accepted: dict[str, Candidate] = {}
    refused: dict[str, str] = {}
    for plan in workplans:
        if (candidate := candidates.get(plan.path)) is not None:
            mine = own.get(plan.key, "")
            why = refusal(plan, candidate, has_own_row=mine in kept, committed=plan.path not in dirty)
            if why:
                refused[plan.path] = why
            else:
                accepted[plan.path] = candidate._replace(replaces=mine)
    foreign = {row.id: f"{row.repo}/{row.key}" for row in rows if row.id in uuids}
    moving = {candidate.row.id for candidate in accepted.values()}
    if not moving:
        return Arrivals(refused=refused, foreign=foreign, hints=hints)
    seen = _with_memories({pk: seen[pk] for pk in moving})
    of = {path: each._replace(seen=tuple(one for _, one in seen[each.row.id])) for path, each in accepted.items()}
    return Arrivals(of, read_tasks_of(moving), refused, foreign, hints)


def _identified(
    workplans: Iterable[Workplan], rows: Sequence[HubWorkstream], owners: Mapping[str, str], seen: _SeenRows
) -> dict[str, Candidate]:
    """Return, by path, the row that each of *workplans* claims by a UUID: its own, or a task's together with its id.

    *owners* are the workstreams of the tasks that blocks name.
    """
    by_id, by_key = {row.id: row for row in rows}, _by_key(rows)
    found: dict[str, Candidate] = {}
    for plan in workplans:
        if plan.uuid in by_id:
            found[plan.path] = _candidate(by_id[plan.uuid], Claimed.UUID, seen)
        elif not plan.uuid:
            named = {owners.get(block.uuid or "") for block in plan.blocks}
            for row in (row for row in by_key[plan.key] if row.id in named):
                found[plan.path] = _candidate(row, Claimed.TASKS, seen)
    return found


def _named(
    workplans: Iterable[Workplan], rows: Sequence[HubWorkstream], seen: _SeenRows
) -> tuple[dict[str, Candidate], dict[str, str]]:
    """Return, by path, the row that each of *workplans* may claim by its name, if its file is gone; and the hints."""
    by_key = _by_key(rows)
    pairs = [(plan, row) for plan in workplans for row in by_key[plan.key]]
    left = {row.id for _, row in pairs if witness([one for _, one in seen[row.id]]) is not None}
    alike = [(plan, row) for plan, row in pairs if row.id not in left and row.mirrored.title == plan.title][:MAX_HINTED]
    tasks = defaultdict[str, list[HubTask]](list)
    if left or alike:
        for task in read_tasks_of({*left, *(row.id for _, row in alike)}):
            tasks[task.workstream].append(task)
    found = {
        plan.path: _candidate(row, Claimed.NAME, seen)
        for plan, row in pairs
        if row.id in left and _is_alike(plan, row, tasks[row.id])
    }
    hints = {plan.path: text for plan, row in alike if (text := hint(row, tasks[row.id], plan))}
    return found, hints


def _by_key(rows: Iterable[HubWorkstream]) -> dict[str, list[HubWorkstream]]:
    found: dict[str, list[HubWorkstream]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.repo):
        found[row.key].append(row)
    return found


def _is_alike(plan: Workplan, row: HubWorkstream, rows: Iterable[HubTask]) -> bool:
    """Return whether *plan* has exactly the tasks of *row*, or its title and some of its tasks."""
    tasks = {task.key: task.title for task in rows}
    blocks = {block.key: block.title for block in plan.blocks}
    shared = blocks.keys() & tasks.keys()
    same_title = plan.title == row.mirrored.title or any(blocks[key] == tasks[key] for key in shared)
    return bool(shared) and (blocks.keys() == tasks.keys() or same_title)


def _candidate(row: HubWorkstream, claimed: Claimed, seen: _SeenRows) -> Candidate:
    return Candidate(row, claimed, tuple(one for _, one in seen[row.id]))


def _seen(rows: Sequence[HubWorkstream]) -> _SeenRows:
    """Read the rows that the ledgers of their repos have of *rows*."""
    fixes = Run.objects.filter(mode=Mode.FIX, dry_run=False, outcome=RunState.OK)
    found: _SeenRows = defaultdict(list)
    for batch in batches(rows):
        repos = {row.repo for row in batch}
        entries = LedgerEntry.objects.filter(
            checkout__repo__slug__in=repos, workstream__in=[row.id for row in batch]
        ).order_by("pk")
        entries = entries.annotate(
            at=fixes.newest_per_checkout("started_at", checkout="checkout"),
            slug=F("checkout__repo__slug"),
        )
        slugs = {row.id: row.repo for row in batch}
        for pk, workstream, digest, host, path, file, tip, at, slug in entries.values_list(
            "pk", "workstream", "digest", "checkout__host", "checkout__path", "path", "checkout__tip", "at", "slug"
        ):
            if slugs[str(workstream)] == slug:
                sight = {GONE: Sight.GONE, LEFT: Sight.LEFT}.get(digest, Sight.THERE)
                found[str(workstream)].append((pk, Seen(f"{host}:{path}/{file}", sight, tip, at)))
    return found


def _with_memories(seen: _SeenRows) -> _SeenRows:
    """Return *seen* with the content of each file."""
    keys = [pk for rows in seen.values() for pk, _ in rows]
    contents = {
        pk: load(path, content)
        for batch in batches(keys)
        for pk, path, content in LedgerEntry.objects.filter(pk__in=batch).values_list("pk", "path", "content")
    }
    return {
        workstream: [(pk, one._replace(memory=contents.get(pk))) for pk, one in rows]
        for workstream, rows in seen.items()
    }
