"""Tasks that are on both sides as they last agreed: leaving out their rows changes nothing in a comparison."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consistency.core.comparison.snapshot import HubTask, ParsedWorkplan, agreed_rows, settled_tasks
from consistency.core.workplan.model import TaskBlock, Workplan
from statehub.statuses import TASK_STATUSES
from tests.core.values import BEFORE, WHEN, block, compared, files, hub, plan, task, uid, ws

KEYS = ("T1", "T2", "T3")
AGREED = {
    "W": plan("W", *(block(f"W-{key}", "in_progress") for key in KEYS)),
    "V": plan("V", *(block(f"V-{key}", "todo", uuid=uid(20 + number)) for number, key in enumerate(KEYS))),
}
ROWS = (
    *(task(10 + number, 1, f"W-{key}", "in_progress") for number, key in enumerate(KEYS)),
    *(task(20 + number, 2, f"V-{key}") for number, key in enumerate(KEYS)),
)
STREAMS = (ws(1, "W"), ws(2, "V"))


def remembered(agreed: Workplan) -> ParsedWorkplan:
    """Return *agreed* as the ledger has it."""
    statuses = {each.key: each.status for each in agreed.blocks}
    return ParsedWorkplan(agreed, statuses, agreed.status, dict.fromkeys(statuses, WHEN), WHEN)


def edited(agreed: Workplan, blocks: list[TaskBlock]) -> tuple[ParsedWorkplan, ParsedWorkplan]:
    """Return the workplan of *agreed* with *blocks* now, twice: with all tasks open, and with its settled ones."""
    before, now = remembered(agreed), agreed._replace(blocks=tuple(blocks))
    open_ = before._replace(workplan=now)
    return open_, open_._replace(settled=settled_tasks(before, now))


def needed(known: tuple[ParsedWorkplan, ...]) -> tuple[HubTask, ...]:
    """Return the rows that a run reads for *known*."""
    homes = {uid(1 if item.workplan.key == "W" else 2) for item in known if not item.settled}
    keys = {key for item in known for key in item.open_tasks}
    uuids = {each.uuid for item in known for each in item.workplan.blocks if each.key not in item.settled}
    return tuple(row for row in ROWS if row.workstream in homes or row.key in keys or row.id in uuids)


CHANGES = st.sampled_from(
    [
        "same",
        "same",
        "same",
        "status",
        "title",
        "priority",
        "owner",
        "depends",
        "gone",
        "moved",
        "copied",
        "named",
        "stolen",
        "renamed",
        "line",
    ]
)


def changed(one: TaskBlock, how: str, status: str, other: str) -> list[TaskBlock]:
    """Return the blocks in place of *one*; *other* is the UUID of some task."""
    return {
        "same": [one],
        "status": [replace(one, status=status)],
        "title": [replace(one, title="Other")],
        "priority": [replace(one, priority="high")],
        "owner": [replace(one, owner="ada")],
        "depends": [replace(one, depends=("W-T1",))],
        "gone": [],
        "moved": [],
        "copied": [one],
        "named": [replace(one, uuid=None if one.uuid else other)],
        "stolen": [replace(one, uuid=other)],
        "renamed": [replace(one, key=f"{one.key}-NEW")],
        "line": [replace(one, line=99)],
    }[how]


@given(
    st.lists(
        st.tuples(CHANGES, st.sampled_from(TASK_STATUSES), st.sampled_from([row.id for row in ROWS])),
        min_size=6,
        max_size=6,
    ),
    st.booleans(),
)
@example([("moved", "done", uid(10)), *[("same", "todo", uid(10))] * 5], False)
@example([("same", "todo", uid(10))] * 3 + [("stolen", "todo", uid(10))] * 3, True)
def test_comparison_without_the_rows_of_settled_tasks_is_the_same(
    changes: list[tuple[str, str, str]], new: bool
) -> None:
    blocks: dict[str, list[TaskBlock]] = {"W": [], "V": []}
    places = [(key, one) for key, agreed in AGREED.items() for one in agreed.blocks]
    for (key, one), (how, status, other) in zip(places, changes, strict=True):
        blocks[key] += changed(one, how, status, other)
        if how in ("moved", "copied"):
            blocks["V" if key == "W" else "W"].append(one)
    if new:
        blocks["W"].append(block("W-T9"))
    pairs = [edited(AGREED[key], blocks[key]) for key in ("V", "W")]
    all_open, partly = (tuple(pair[number] for pair in pairs) for number in (0, 1))
    whole = compared(files(*all_open), hub(*STREAMS, *ROWS))
    part = compared(files(*partly), hub(*STREAMS, *needed(partly)))
    assert part == whole
    assert (part.agreed, part.gone) == (whole.agreed, whole.gone)


MOVES = st.sampled_from(
    ["same"] * 3 + ["status", "back", "title", "priority", "owner", "depends", "gone", "moved", "renamed"]
)


def moved(row: HubTask, how: str, status: str) -> list[HubTask]:
    """Return the rows in place of *row*, after the hub has changed it."""
    later = WHEN + timedelta(seconds=1)
    return {
        "same": [row],
        "status": [row._replace(status=status, changed_at=later)],
        "back": [row._replace(changed_at=later)],
        "title": [row._replace(title="Other")],
        "priority": [row._replace(priority="high")],
        "owner": [row._replace(owner="Kim")],
        "depends": [row._replace(depends=("V-T1",))],
        "gone": [],
        "moved": [row._replace(workstream=uid(1 if row.workstream == uid(2) else 2))],
        "renamed": [row._replace(key=f"{row.key}-NEW")],
    }[how]


@given(
    st.lists(st.tuples(MOVES, st.sampled_from(TASK_STATUSES)), min_size=6, max_size=6),
    st.lists(st.sampled_from([None, None, *(row.id for row in ROWS)]), min_size=6, max_size=6),
)
@example([("same", "todo")] * 3 + [("moved", "todo")] * 3, [None] * 6)
@example([("same", "todo")] * 6, [None, uid(20), None, uid(10), None, None])
def test_comparison_without_the_rows_that_are_as_agreed_is_the_same(
    moves: list[tuple[str, str]], uuids: list[str | None]
) -> None:
    """The hub has changed, the files have not; their blocks name *uuids*, right or wrong."""
    rows = [after for row, (how, status) in zip(ROWS, moves, strict=True) for after in moved(row, how, status)]
    named = iter(uuids)
    plans = {
        key: agreed._replace(blocks=tuple(replace(each, uuid=next(named)) for each in agreed.blocks))
        for key, agreed in AGREED.items()
    }
    items = {key: remembered(plans[key]) for key in ("V", "W")}
    then = {uid(1): agreed_rows(items["W"]), uid(2): agreed_rows(items["V"])}
    left_out = [
        row
        for row in rows
        if (seen := then[row.workstream].get(row.key)) is not None and seen[0] == row[3:] and seen[1] in (None, row.id)
    ]
    homes = {"W": uid(1), "V": uid(2)}
    partly = [
        item._replace(settled=frozenset(row.key for row in left_out if row.workstream == homes[key]))
        for key, item in items.items()
    ]
    needed_by_uuid = {each.uuid for item in partly for each in item.workplan.blocks if each.key not in item.settled}
    open_tasks = {key for item in partly for key in item.open_tasks}
    read = [row for row in rows if row not in left_out or row.id in needed_by_uuid or row.key in open_tasks]
    whole = compared(files(*items.values()), hub(*STREAMS, *rows))
    part = compared(files(*partly), hub(*STREAMS, *read))
    assert part == whole
    assert (part.agreed, part.gone) == (whole.agreed, whole.gone)


def test_rows_as_agreed() -> None:
    before = remembered(AGREED["V"])._replace(since={"V-T2": BEFORE})
    assert agreed_rows(before) == {"V-T2": (("Title V-T2", "todo", "medium", BEFORE, "", ()), uid(21))}


def test_settled_are_the_blocks_that_say_the_same() -> None:
    before = remembered(AGREED["V"])
    now = AGREED["V"]._replace(blocks=(replace(AGREED["V"].blocks[0], line=50), block("V-T2", "done"), block("V-T9")))
    assert settled_tasks(before, now) == {"V-T1"}
    assert before._replace(workplan=now, settled=frozenset({"V-T1"})).open_tasks == {"V-T2", "V-T3", "V-T9"}


@pytest.mark.parametrize("change", [{"key": "X"}, {"uuid": uid(9)}])
def test_nothing_is_settled_if_the_workplan_may_be_another(change: dict[str, str]) -> None:
    assert settled_tasks(remembered(AGREED["V"]), AGREED["V"]._replace(**change)) == frozenset()  # type: ignore[arg-type]


def test_nothing_is_settled_without_the_time_of_the_agreement() -> None:
    before = remembered(AGREED["V"])._replace(since={"V-T2": BEFORE})
    assert settled_tasks(before, AGREED["V"]) == {"V-T2"}
    side, rows = files(before._replace(settled=frozenset({"V-T2"}))), hub(*STREAMS, *ROWS)
    assert compared(side, rows).agreed["V", "V-T2"] == BEFORE
