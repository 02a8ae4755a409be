"""Whatever both sides hold: a plan can be applied, never regresses, and leaves nothing that another run would mend."""

from __future__ import annotations

from dataclasses import replace
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
from consistency.core.compare import Comparison
from consistency.core.sides import FileSide, HubSide, HubTask, HubWorkstream, Known
from consistency.core.workplan import TaskBlock, Workplan
from statehub.ranks import TASK_STATUSES, WORKSTREAM_STATUSES, is_advance, rank
from tests.core.values import WHEN, block, compared, plan, task, uid, ws

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
        self.taken: dict[str, Known] = {}

    def ranks(self) -> dict[str, int]:
        """The rank of every row's status."""
        ranks = {row.id: rank(row.status) for row in self.tasks.values()}
        return ranks | {row.id: rank(row.status) for row in self.workstreams.values()}

    def compare(self) -> Comparison:
        known = []
        for path, item in sorted(self.plans.items()):
            kept = self.taken.get(path, Known(item))
            known.append(Known(item, kept.taken, kept.taken_status))
        return compared(FileSide(known=tuple(known)), HubSide(self.workstreams, tuple(self.tasks.values())))

    def fix(self) -> Comparison:
        """Compare, apply, and keep the ledger, as a run does."""
        comparison = self.compare()
        actions = [drift.action for drift in comparison.drifts if drift.action is not None]
        for action in sorted(actions, key=lambda action: ORDER.index(type(action))):
            self._apply(action)
            assert len({row.key for row in self.workstreams.values()}) == len(self.workstreams)
            assert len({(row.workstream, row.key) for row in self.tasks.values()}) == len(self.tasks)
        doubts = {(doubt.workplan, doubt.task) for doubt in comparison.doubts}
        for path in comparison.workstreams:
            item = self.plans[path]
            taken = {each.key: each.status for each in item.blocks if (item.key, each.key) not in doubts}
            self.taken[path] = Known(item, taken, item.status)
        return comparison

    def _apply(self, action: PlannedAction) -> None:
        if isinstance(action, CreateWorkstream):
            item = action.workplan
            assert action.id not in self.workstreams
            self.workstreams[action.id] = HubWorkstream(
                action.id, item.key, item.path, 1, item.status, item.mirrored
            )  # fmt: skip
            for creation in action.tasks:
                self._apply(creation)
        elif isinstance(action, UpdateWorkstream):
            item = action.workplan
            row = self.workstreams[action.before.id]
            self.workstreams[row.id] = replace(row, key=item.key, path=item.path, mirrored=item.mirrored)
        elif isinstance(action, AdvanceWorkstream):
            stream = self.workstreams[action.id]
            assert stream.status == action.expected
            assert is_advance(action.expected, action.wanted)
            self.workstreams[stream.id] = replace(stream, status=action.wanted)
        elif isinstance(action, CreateTask):
            assert action.id not in self.tasks
            assert action.workstream in self.workstreams
            self.tasks[action.id] = _row(action.id, action.workstream, action.block, action.block.status)
        elif isinstance(action, UpdateTask):
            assert action.workstream in self.workstreams
            before = self.tasks[action.before.id]
            self.tasks[before.id] = _row(before.id, action.workstream, action.block, before.status)
        elif isinstance(action, AdvanceTask):
            moved = self.tasks[action.id]
            assert (moved.status, moved.workstream) == (action.expected, action.workstream)
            assert is_advance(action.expected, action.wanted)
            self.tasks[moved.id] = replace(moved, status=action.wanted)
        else:
            self._write_back(action)

    def _write_back(self, action: WriteBack) -> None:
        item = self.plans[action.path]
        (old,) = [each for each in item.blocks if each.key == action.task]
        assert (old.status, item.key) == (action.old, action.workplan)
        assert action.new in {row.status for row in self.tasks.values() if row.key == action.task}
        blocks = tuple(replace(each, status=action.new) if each is old else each for each in item.blocks)
        self.plans[action.path] = replace(item, blocks=blocks)


def _row(id: str, workstream: str, item: TaskBlock, status: str) -> HubTask:
    return HubTask(id, workstream, item.key, item.title, status, item.priority, WHEN)


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
        world.taken[path] = Known(item, taken, draw(st.sampled_from(["", item.status])))
    return world


def mendable(comparison: Comparison) -> list[PlannedAction]:
    return [drift.action for drift in comparison.drifts if drift.action is not None]


@settings(max_examples=400)
@given(worlds())
def test_fix_converges_and_never_regresses(world: World) -> None:
    ranks = world.ranks()
    # A rename to an id that another rename sets free waits for the next run: so many runs at most.
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
    world.tasks = dict(tasks)
    assert world.compare() == first


@settings(max_examples=200)
@given(worlds())
def test_findings_of_one_comparison_are_told_apart(world: World) -> None:
    found = [drift.finding for drift in world.compare().drifts]
    assert len({finding.identity for finding in found}) == len(found)


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
