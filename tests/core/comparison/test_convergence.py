"""Tests on any content of both sides: a plan can be applied, never regresses, and leaves nothing to fix."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from consistency.core.actions import (
    AdvanceTask,
    AdvanceWorkstream,
    CreateTask,
    CreateWorkstream,
    PlannedAction,
    UpdateTask,
    UpdateWorkstream,
    WriteBack,
)
from consistency.core.comparison.drift import Comparison
from consistency.core.comparison.snapshot import FileSnapshot, HubSnapshot, HubTask, HubWorkstream, ParsedWorkplan
from consistency.core.comparison.workplans import compare
from consistency.core.workplan.model import TaskBlock, Workplan
from statehub.statuses import TASK_STATUSES, WORKSTREAM_STATUSES, is_regress, rank
from tests.core.values import WHEN, block, fresh_ids, plan, task, uid, ws

ORDER = (
    CreateWorkstream, UpdateWorkstream, AdvanceWorkstream, UpdateTask, CreateTask, AdvanceTask, WriteBack,
)  # fmt: skip
PROGRESS = frozenset({"C-11", "C-13", "C-15"})


class World:
    """Files, hub and ledger of one checkout, with the hub's own constraints."""

    def __init__(self, plans: list[Workplan], workstreams: list[HubWorkstream], tasks: list[HubTask]) -> None:
        self.plans = {item.path: item for item in plans}
        self.workstreams = {row.id: row for row in workstreams}
        self.tasks = {row.id: row for row in tasks}
        self.taken: dict[str, ParsedWorkplan] = {}
        self.times = (WHEN + timedelta(seconds=number) for number in count(1))
        self.fresh_id = fresh_ids()

    def other_checkout(self) -> World:
        """Another checkout of the same hub, with the same files and nothing in its ledger."""
        other = World(list(self.plans.values()), [], [])
        other.workstreams, other.tasks, other.times = self.workstreams, self.tasks, self.times
        other.fresh_id = self.fresh_id
        return other

    def ranks(self) -> dict[str, int]:
        """The rank of every row's status."""
        ranks = {row.id: rank(row.status) for row in self.tasks.values()}
        return ranks | {row.id: rank(row.status) for row in self.workstreams.values()}

    def compare(self) -> Comparison:
        known = []
        for path, item in sorted(self.plans.items()):
            kept = self.taken.get(path, ParsedWorkplan(item))
            known.append(kept._replace(workplan=item))
        hub = HubSnapshot(self.workstreams, tuple(self.tasks.values()))
        return compare(FileSnapshot(known=tuple(known)), hub, self.fresh_id)

    def fix(self) -> Comparison:
        """Compare, apply, and keep the ledger, as a run does."""
        comparison, self._now = self.compare(), next(self.times)
        actions = [drift.action for drift in comparison.drifts if drift.action is not None]
        for action in sorted(actions, key=lambda action: ORDER.index(type(action))):
            self._apply(action)
            assert len({row.key for row in self.workstreams.values()}) == len(self.workstreams)
            assert len({(row.workstream, row.key) for row in self.tasks.values()}) == len(self.tasks)
        since = self.compare().agreed
        doubts = {(doubt.workplan, doubt.task) for doubt in comparison.doubts}
        for path in comparison.workstreams:
            item = self.plans[path]
            taken = {each.key: each.status for each in item.blocks if (item.key, each.key) not in doubts}
            times = {task: since[item.key, task] for task in taken if (item.key, task) in since}
            self.taken[path] = ParsedWorkplan(item, taken, item.status, times, since.get((item.key, None)))
        return comparison

    def _apply(self, action: PlannedAction) -> None:
        if isinstance(action, CreateWorkstream):
            item = action.workplan
            assert action.id not in self.workstreams
            self.workstreams[action.id] = HubWorkstream(
                action.id, item.key, item.path, 1, item.status, item.mirrored, self._now
            )  # fmt: skip
            for creation in action.tasks:
                self._apply(creation)
        elif isinstance(action, UpdateWorkstream):
            item = action.workplan
            row = self.workstreams[action.before.id]
            self.workstreams[row.id] = row._replace(key=item.key, path=item.path, mirrored=item.mirrored)
        elif isinstance(action, AdvanceWorkstream):
            stream = self.workstreams[action.id]
            assert stream.status == action.expected
            assert not is_regress(action.expected, action.wanted)
            self.workstreams[stream.id] = stream._replace(status=action.wanted, changed_at=self._now)
        elif isinstance(action, CreateTask):
            assert action.id not in self.tasks
            assert action.workstream in self.workstreams
            self.tasks[action.id] = _row(action.id, action.workstream, action.block, action.block.status, self._now)
        elif isinstance(action, UpdateTask):
            assert action.workstream in self.workstreams
            before = self.tasks[action.before.id]
            self.tasks[before.id] = _row(before.id, action.workstream, action.block, before.status, before.changed_at)
        elif isinstance(action, AdvanceTask):
            moved = self.tasks[action.id]
            assert (moved.status, moved.workstream) == (action.expected, action.workstream)
            assert not is_regress(action.expected, action.wanted)
            self.tasks[moved.id] = moved._replace(status=action.wanted, changed_at=self._now)
        else:
            self._write_back(action)

    def _write_back(self, action: WriteBack) -> None:
        item = self.plans[action.path]
        (old,) = [each for each in item.blocks if each.key == action.task]
        assert (old.status, item.key) == (action.old, action.workplan)
        assert action.new in {row.status for row in self.tasks.values() if row.key == action.task}
        blocks = tuple(replace(each, status=action.new) if each is old else each for each in item.blocks)
        self.plans[action.path] = item._replace(blocks=blocks)

    def edit(self, key: str, status: str) -> None:
        """A person sets the status of the task in the file."""
        for path, item in self.plans.items():
            blocks = tuple(replace(each, status=status) if each.key == key else each for each in item.blocks)
            self.plans[path] = item._replace(blocks=blocks)

    def report(self, key: str, status: str) -> None:
        """A program reports the status to the hub, which refuses a step back."""
        for row in [row for row in self.tasks.values() if row.key == key and row.status != status]:
            if not is_regress(row.status, status):
                self.tasks[row.id] = row._replace(status=status, changed_at=next(self.times))


def _row(id: str, workstream: str, item: TaskBlock, status: str, changed_at: datetime) -> HubTask:
    return HubTask(id, workstream, item.key, item.title, status, item.priority, changed_at)


STATUS = st.sampled_from(TASK_STATUSES)
TASK_KEYS = st.sampled_from(["T1", "T2", "T3", "T4"])
PLAN_KEYS = st.sampled_from(["W1", "W2", "W3"])
BLOCKS = st.builds(
    lambda key, status, uuid, priority: block(key, status, uuid=uuid, priority=priority),
    TASK_KEYS, STATUS, st.sampled_from([None, None, *map(uid, range(11, 17))]), st.sampled_from(["medium", "high"]),
)  # fmt: skip
PLANS = st.lists(
    st.tuples(PLAN_KEYS, st.lists(BLOCKS, max_size=4), st.sampled_from([None, None, uid(1), uid(2), uid(3), uid(4)]),
              st.sampled_from(WORKSTREAM_STATUSES)),
    max_size=3,
).map(
    lambda plans: [
        plan(
            key, *(replace(each, line=10 * number + 5) for number, each in enumerate(blocks)),
            uuid=uuid, status=status, path=f"{place}.md",
        )
        for place, (key, blocks, uuid, status) in enumerate(plans)
    ]
)  # fmt: skip
WORKSTREAMS = st.lists(
    st.tuples(PLAN_KEYS, st.sampled_from(WORKSTREAM_STATUSES)), max_size=3, unique_by=lambda row: row[0]
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    streams = [ws(number, key, status=status) for number, (key, status) in enumerate(draw(WORKSTREAMS), start=1)]
    rows = st.tuples(st.integers(1, len(streams)), TASK_KEYS, STATUS) if streams else st.nothing()
    found = draw(st.lists(rows, max_size=5, unique_by=lambda row: row[:2])) if streams else []
    tasks = [task(number, *row) for number, row in enumerate(found, start=11)]
    world = World(draw(PLANS), streams, tasks)
    for path, item in world.plans.items():
        taken = {each.key: draw(STATUS | st.just(each.status)) for each in item.blocks if draw(st.booleans())}
        since = {key: WHEN for key in taken if draw(st.booleans())}
        at = draw(st.sampled_from([None, WHEN]))
        world.taken[path] = ParsedWorkplan(item, taken, draw(st.sampled_from(["", *WORKSTREAM_STATUSES])), since, at)
    return world


def mendable(comparison: Comparison) -> list[PlannedAction]:
    return [drift.action for drift in comparison.drifts if drift.action is not None]


@settings(max_examples=400)
@given(worlds())
def test_fix_converges_and_never_regresses(world: World) -> None:
    ranks = world.ranks()
    # A rename to an id that another rename sets free waits for the next run: this many runs at most.
    for _ in range(4):
        before = {row.id: row for row in world.tasks.values()}
        blocked = any(drift.finding.code in ("C-06", "C-17") for drift in world.fix().drifts)
        assert before.keys() <= world.tasks.keys()
        if not blocked:
            break
    assert mendable(world.compare()) == []
    after = world.ranks()
    assert all(after[id] >= rank_before for id, rank_before in ranks.items())


@settings(max_examples=200)
@given(worlds(), st.randoms())
def test_compare_does_not_depend_on_the_order_of_rows(world: World, random: Random) -> None:
    first = world.compare()
    tasks = list(world.tasks.items())
    random.shuffle(tasks)
    world.tasks, world.fresh_id = dict(tasks), fresh_ids()
    assert world.compare() == first


@settings(max_examples=200)
@given(worlds())
def test_findings_of_one_comparison_are_told_apart(world: World) -> None:
    found = [drift.finding for drift in world.compare().drifts]
    assert len({finding.dedup_key for finding in found}) == len(found)


@settings(max_examples=200)
@given(worlds())
def test_a_task_moves_in_one_direction_at_a_time(world: World) -> None:
    """For each status that differs there is one finding, and its action is the table's."""
    for drift in world.compare().drifts:
        finding, action = drift.finding, drift.action
        assert isinstance(action, AdvanceTask | AdvanceWorkstream) == (finding.code == "C-11")
        assert isinstance(action, WriteBack) == (finding.code in PROGRESS - {"C-11"} and finding.task is not None)
        if isinstance(action, WriteBack):
            assert (action.old, action.new) == (finding.file_status, finding.db_status)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["edit a", "edit b", "report"]), STATUS),
        st.tuples(st.sampled_from(["fix a", "fix b"]), st.just("")),
    ),
    max_size=12,
)


def two_checkouts() -> dict[str, World]:
    """Two checkouts that agree with the hub on one task."""
    a = World([plan("W1", block("T1", "in_progress"), uuid=uid(1))], [], [])
    a.fix()
    b = a.other_checkout()
    b.fix()
    return {"a": a, "b": b}


@settings(max_examples=400)
@given(STEPS)
def test_two_checkouts_agree_whatever_both_say(steps: list[tuple[str, str]]) -> None:
    checkouts = two_checkouts()
    (row,) = checkouts["a"].tasks
    for step, status in steps:
        before = checkouts["a"].tasks[row].status
        what, _, name = step.partition(" ")
        if what == "edit":
            checkouts[name].edit("T1", status)
        elif what == "report":
            checkouts["a"].report("T1", status)
        else:
            checkouts[name].fix()
        assert not is_regress(before, checkouts["a"].tasks[row].status)
    for name in "abab":
        checkouts[name].fix()
    said = {world.plans["W1.md"].blocks[0].status for world in checkouts.values()}
    assert said == {checkouts["a"].tasks[row].status}
    assert [mendable(world.compare()) for world in checkouts.values()] == [[], []]


def test_second_of_two_checkouts_follows_on_equal_rank() -> None:
    checkouts = two_checkouts()
    a, b = checkouts["a"], checkouts["b"]
    a.edit("T1", "blocked")
    assert [drift.finding.code for drift in a.fix().drifts] == ["C-11"]
    assert [drift.finding.code for drift in b.fix().drifts] == ["C-13"]
    # Both have moved: the hub wins.
    a.edit("T1", "in_progress")
    assert [drift.finding.code for drift in a.fix().drifts] == ["C-11"]
    b.report("T1", "blocked")
    b.report("T1", "in_progress")
    a.edit("T1", "blocked")
    assert [drift.finding.code for drift in a.fix().drifts] == ["C-13"]
    assert [drift.finding.code for drift in b.fix().drifts] == ["C-13"]
    assert {world.plans["W1.md"].blocks[0].status for world in (a, b)} == {"in_progress"}
