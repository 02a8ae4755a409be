"""Tasks against blocks: every code of a block, whole findings and what a fix would do."""

from __future__ import annotations

import itertools
from datetime import datetime

import pytest

from consistency.core.actions import AdvanceTask, CreateTask, UpdateTask, WriteBack
from consistency.core.comparison.drift import Drift, Unevaluated
from consistency.core.comparison.snapshot import ParsedWorkplan, Settled
from consistency.core.comparison.status_rule import classify_difference
from consistency.core.finding import Finding
from consistency.core.workplan.model import Problem, Unreadable
from statehub.statuses import TASK_STATUSES, rank
from tests.core.values import BEFORE, WHEN, block, codes, compared, drifts, files, findings, hub, plan, task, uid, ws


def test_task_as_in_the_file_is_no_drift() -> None:
    side = files(plan("W", block("T1", "done", priority="high", uuid=uid(11)), uuid=uid(1)))
    result = compared(side, hub(ws(1, "W"), task(11, 1, "T1", "done", priority="high")))
    assert (result.drifts, result.doubts, result.workstreams) == ((), (), {"W.md": uid(1)})


def task_status_drifts(file: str, db: str, taken: str, moved: bool) -> list[Drift]:
    """Return the finding expected if a block's status is *file* and its task's is *db*."""
    code = classify_difference(file, db, taken, moved=moved)
    if code is None:
        return []
    ahead = "has changed" if rank(file) == rank(db) else "is ahead of"
    message = {
        "C-11": f"file {ahead} task 'Title T1' (db={db}, file={file})",
        "C-13": f"DB task 'Title T1' is ahead of file (db={db}, file={file}) — skipped to prevent regression",
        "C-15": f"task 'Title T1' was reopened in the hub, the file still has the old status (db={db}, file={file})",
    }[code]
    finding = Finding(
        code, message, file="W.md", line=12, workplan="W", task="T1", db_status=db, file_status=file
    )  # fmt: skip
    if code == "C-11":
        assert rank(file) >= rank(db)
        return [Drift(finding, AdvanceTask(uid(11), uid(1), db, file))]
    return [Drift(finding, WriteBack("W.md", "W", "T1", file, db, WHEN))]


@pytest.mark.parametrize("since", [None, BEFORE, WHEN], ids=["never", "before", "now"])
@pytest.mark.parametrize("taken", ["", *TASK_STATUSES])
def test_task_status_every_case(taken: str, since: datetime | None) -> None:
    for file, db in itertools.product(TASK_STATUSES, TASK_STATUSES):
        known = ParsedWorkplan(
            plan("W", block("T1", file, line=12)),
            {"T1": taken} if taken else {},
            "active",
            {"T1": since} if since else {},
        )
        result = compared(files(known), hub(ws(1, "W"), task(11, 1, "T1", db, title="Title T1")))
        assert list(result.drifts) == task_status_drifts(file, db, taken, since != WHEN)
        assert result.agreed.keys() == {("W", None), *([("W", "T1")] if file == db else [])}
        assert set(result.agreed.values()) == {WHEN}


def test_task_that_moved_or_was_renamed_is_compared_with_its_own_memory() -> None:
    rows, memory = hub(ws(1, "W"), ws(2, "V"), task(11, 1, "T1", "done")), ({"T1": "done"}, "active", {"T1": WHEN})
    moved = files(ParsedWorkplan(plan("V", block("T1", "cancelled"))), ParsedWorkplan(plan("W"), *memory))
    renamed = files(
        ParsedWorkplan(plan("W", block("T9", "cancelled", uuid=uid(11))), *memory), ParsedWorkplan(plan("V"))
    )
    for side in moved, renamed:
        assert [code for code, _ in codes(side, rows)] == ["C-11", "C-12"]


def test_task_not_in_the_hub() -> None:
    new, own = block("T1", "done", line=7), block("T2", uuid=uid(22), line=17)
    message = "task 'Title {}' is not in the hub"
    assert drifts(files(plan("W", new, own)), hub(ws(1, "W"))) == [
        Drift(
            Finding("C-09", message.format("T1"), file="W.md", line=7, workplan="W", task="T1", file_status="done"),
            CreateTask(uid(0xF000), uid(1), new),
        ),
        Drift(
            Finding("C-09", message.format("T2"), file="W.md", line=17, workplan="W", task="T2", file_status="todo"),
            CreateTask(uid(22), uid(1), own, 1),
        ),
    ]


def test_task_whose_block_is_gone() -> None:
    assert drifts(files(plan("W", block("T1"))), hub(ws(1, "W"), task(11, 1, "T1"), task(12, 1, "T2", "done"))) == [
        Drift(
            Finding(
                "C-10", "block of task 'Title T2' is gone from its workplan", file="W.md", workplan="W", task="T2",
                db_status="done",
            )
        )
    ]  # fmt: skip


def test_tasks_whose_blocks_are_gone_are_in_the_order_of_their_ids() -> None:
    rows = hub(ws(1, "W"), task(11, 1, "T3"), task(12, 1, "T2"), task(13, 1, "T1"))
    assert codes(files(plan("W", block("T3"))), rows) == [("C-10", "T1"), ("C-10", "T2")]


def test_task_with_other_fields_in_the_file() -> None:
    new, row = block("T1", title="New", priority="high"), task(11, 1, "T1")
    assert drifts(files(plan("W", new)), hub(ws(1, "W"), row)) == [
        Drift(
            Finding(
                "C-12", "task's title, priority in the file and in the hub differ", file="W.md", line=10, workplan="W",
                task="T1", db_status="todo", file_status="todo",
            ),
            UpdateTask(row, uid(1), new),
        )
    ]  # fmt: skip


def test_task_renamed_keeps_its_row_by_the_uuid() -> None:
    new, row = block("T9", "done", title="Title T1", uuid=uid(11)), task(11, 1, "T1", "todo")
    assert drifts(files(plan("W", new)), hub(ws(1, "W"), row)) == [
        Drift(
            Finding(
                "C-11", "file is ahead of task 'Title T1' (db=todo, file=done)", file="W.md", line=10, workplan="W",
                task="T9", db_status="todo", file_status="done",
            ),
            AdvanceTask(uid(11), uid(1), "todo", "done"),
        ),
        Drift(
            Finding(
                "C-12", "task's id (hub: 'T1') in the file and in the hub differ", file="W.md", line=10, workplan="W",
                task="T9", db_status="todo", file_status="done",
            ),
            UpdateTask(row, uid(1), new),
        ),
    ]  # fmt: skip


def test_task_with_another_uuid_than_the_hubs_is_only_reported() -> None:
    assert drifts(files(plan("W", block("T1", uuid=uid(99)))), hub(ws(1, "W"), task(11, 1, "T1"))) == [
        Drift(
            Finding(
                "C-12", f"state_hub_task_id is {uid(99)} in the file, the hub knows the task as {uid(11)}", file="W.md",
                line=10, workplan="W", task="T1", db_status="todo", file_status="todo", discriminator="uuid",
            )
        )
    ]  # fmt: skip


@pytest.mark.parametrize("uuid", [None, uid(11)])
def test_task_moved_to_another_workplan_takes_its_row_along(uuid: str | None) -> None:
    moved, row = block("T1", uuid=uuid), task(11, 1, "T1")
    assert drifts(files(plan("V", moved), plan("W")), hub(ws(1, "W"), ws(2, "V"), row)) == [
        Drift(
            Finding(
                "C-12", "task's workplan (hub: 'W') in the file and in the hub differ", file="V.md", line=10,
                workplan="V", task="T1", db_status="todo", file_status="todo",
            ),
            UpdateTask(row, uid(2), moved),
        )
    ]  # fmt: skip


def test_task_moved_from_a_workplan_that_is_gone() -> None:
    assert codes(files(plan("V", block("T1"))), hub(ws(1, "W"), ws(2, "V"), task(11, 1, "T1"))) == [
        ("C-12", "T1"),
        ("C-08", None),
    ]


def test_task_moved_or_renamed_and_reopened_is_no_news() -> None:
    rows = hub(ws(1, "W"), ws(2, "V"), task(11, 1, "T1", "todo"))
    moved = files(ParsedWorkplan(plan("V", block("T1", "done"))), ParsedWorkplan(plan("W"), {"T1": "done"}))
    assert codes(moved, rows) == [("C-12", "T1"), ("C-15", "T1")]
    renamed = files(
        ParsedWorkplan(plan("W", block("T9", "done", uuid=uid(11))), {"T1": "done"}), ParsedWorkplan(plan("V"))
    )
    assert codes(renamed, rows) == [("C-12", "T9"), ("C-15", "T9")]


def test_two_blocks_with_one_id_touch_neither() -> None:
    one, two = plan("V", block("T1", "done", line=5)), plan("W", block("T1", line=6), block("T2", "done"))
    rows = hub(ws(1, "W"), ws(2, "V"), task(11, 1, "T1"), task(12, 1, "T2"))
    result = compared(files(one, two), rows)
    assert list(result.drifts)[:2] == [
        Drift(
            Finding(
                "C-06", "task id 'T1' is also that of W.md:6", file="V.md", line=5, workplan="V", task="T1",
                file_status="done", discriminator="0",
            )
        ),
        Drift(
            Finding(
                "C-06", "task id 'T1' is also that of V.md:5", file="W.md", line=6, workplan="W", task="T1",
                file_status="todo", discriminator="1",
            )
        ),
    ]  # fmt: skip
    assert codes(files(one, two), rows)[2:] == [("C-11", "T2")]
    assert result.doubts == (Unevaluated(workplan="V", task="T1"), Unevaluated(workplan="W", task="T1"))


def test_many_blocks_with_one_id_have_short_messages() -> None:
    side = files(plan("W", *(block("T", line=line) for line in range(1, 2001))))
    found = [finding for finding in findings(side, hub(ws(1, "W"), task(11, 1, "T"))) if finding.code == "C-06"]
    assert len(found) == 2000
    assert found[1999].message == "task id 'T' is also that of W.md:1, W.md:2, W.md:3 and 1996 more"
    assert len({finding.dedup_key for finding in found}) == 2000


def test_block_with_the_id_of_an_invalid_one_is_left_alone() -> None:
    broken = Problem("C-05", "broken", 3, "T1", "0:status")
    side = files(plan("W", block("T1", "done"), problems=[broken]))
    assert drifts(side, hub(ws(1, "W"), task(11, 1, "T1"))) == [
        Drift(Finding("C-05", "broken", file="W.md", line=3, workplan="W", task="T1", discriminator="0:status")),
        Drift(
            Finding(
                "C-06", "task id 'T1' is also that of W.md (invalid block)", file="W.md", line=10, workplan="W",
                task="T1", file_status="done", discriminator="0",
            )
        ),
    ]  # fmt: skip


def test_invalid_block_with_an_id_keeps_its_task_from_being_gone() -> None:
    side = files(plan("W", problems=[Problem("C-05", "broken", 3, "T1", "0:status")]))
    result = compared(side, hub(ws(1, "W"), task(11, 1, "T1"), task(12, 1, "T2")))
    assert [(drift.finding.code, drift.finding.task) for drift in result.drifts] == [("C-10", "T2"), ("C-05", "T1")]
    assert result.doubts == (Unevaluated(workplan="W", task="T1"),)


def test_invalid_block_without_an_id_leaves_all_in_doubt() -> None:
    side = files(plan("W", block("T2"), problems=[Problem("C-05", "broken", 3, None, "0:yaml")]))
    result = compared(side, hub(ws(1, "W"), task(11, 1, "T1"), task(12, 1, "T2")))
    assert [(drift.finding.code, drift.finding.task) for drift in result.drifts] == [("C-05", None)]
    assert result.doubts == (Unevaluated(workplan="W", task="T1"),)


def stolen(key: str, uuid: str, owner: str, *, db_status: str | None = "todo") -> Drift:
    return Drift(
        Finding(
            "C-17", f"state_hub_task_id {uuid} belongs to {owner}", file="W.md", line=10, workplan="W", task=key,
            db_status=db_status, file_status="todo",
        )
    )  # fmt: skip


def test_copied_uuid_in_the_same_file() -> None:
    side = files(plan("W", block("T1", uuid=uid(11)), block("T2", uuid=uid(11))))
    result = compared(side, hub(ws(1, "W"), task(11, 1, "T1")))
    assert list(result.drifts) == [stolen("T2", uid(11), "task 'T1' of workplan 'W'")]
    assert result.doubts == (Unevaluated(workplan="W", task="T2"),)


def test_copied_uuid_of_another_task_that_has_a_row() -> None:
    side = files(plan("W", block("T1"), block("T2", uuid=uid(11))))
    rows = hub(ws(1, "W"), task(11, 1, "T1"), task(12, 1, "T2"))
    assert drifts(side, rows) == [stolen("T2", uid(11), "task 'T1' of workplan 'W'")]


def test_swapped_uuids_touch_neither() -> None:
    side = files(plan("W", block("T1", uuid=uid(12)), block("T2", uuid=uid(11))))
    assert drifts(side, hub(ws(1, "W"), task(11, 1, "T1"), task(12, 1, "T2"))) == [
        stolen("T1", uid(12), "task 'T2' of workplan 'W'"),
        stolen("T2", uid(11), "task 'T1' of workplan 'W'"),
    ]


def test_copied_uuid_in_another_file() -> None:
    side = files(plan("V", block("T1", uuid=uid(11))), plan("W", block("T2", uuid=uid(11))))
    rows = hub(ws(1, "W"), ws(2, "V"), task(11, 2, "T1"))
    assert drifts(side, rows) == [stolen("T2", uid(11), "task 'T1' of workplan 'V'")]


def test_copied_uuid_of_a_task_whose_file_is_settled() -> None:
    side = files(plan("W", block("T2", uuid=uid(11))), settled=[Settled("V.md", "V", uid(2))])
    rows = hub(ws(1, "W"), ws(2, "V"), task(11, 2, "T1"))
    assert drifts(side, rows) == [stolen("T2", uid(11), "task 'T1' of workplan 'V'")]


def test_copied_uuid_in_another_repo() -> None:
    side = files(plan("W", block("T1", uuid=uid(11))))
    rows = hub(ws(1, "W"), task(11, 8, "T1"), foreign={uid(8): "other/V"})
    assert drifts(side, rows) == [stolen("T1", uid(11), "a task of 'other/V', in another repo", db_status=None)]


def test_one_uuid_for_two_new_blocks() -> None:
    side = files(plan("W", block("T1", uuid=uid(99)), block("T2", uuid=uid(99))))
    assert drifts(side, hub(ws(1, "W"))) == [
        stolen("T1", uid(99), "another new task block", db_status=None),
        stolen("T2", uid(99), "another new task block", db_status=None),
    ]


@pytest.mark.parametrize(
    "original",
    [
        plan("V", problems=[Problem("C-05", "broken", 3, "T1", "0:status")]),
        plan("V", block("T1", uuid=uid(11)), block("T1", line=20)),
        plan("V", block("T1", uuid=uid(12))),
    ],
)
def test_copied_uuid_of_a_block_that_is_there_but_left_alone_is_no_rename(original: object) -> None:
    assert isinstance(original, type(plan("V")))
    side = files(original, plan("W", block("T9", uuid=uid(11))))
    rows = hub(ws(1, "W"), ws(2, "V"), task(11, 2, "T1"), task(12, 2, "T2"))
    assert stolen("T9", uid(11), "task 'T1' of workplan 'V'") in drifts(side, rows)


def test_uuid_of_a_task_whose_id_has_another_row_at_home() -> None:
    rows = hub(ws(1, "W"), ws(2, "V"), task(11, 1, "T1"), task(12, 2, "T1"))
    side = files(plan("W", block("T1", uuid=uid(12))), plan("V"))
    assert drifts(side, rows) == [stolen("T1", uid(12), "task 'T1' of workplan 'V'")]


@pytest.mark.parametrize("reverse", [False, True])
def test_id_that_the_hub_has_twice_goes_to_the_same_row_always(reverse: bool) -> None:
    row = task(13, 3, "T1")
    rows = [ws(1, "W"), ws(2, "U"), ws(3, "V"), task(12, 2, "T1"), row]
    found = drifts(files(plan("W", block("T1"))), hub(*(reversed(rows) if reverse else rows)))
    assert [drift.action for drift in found if drift.action] == [UpdateTask(row, uid(1), block("T1"))]


def test_id_that_the_hub_has_twice_goes_to_the_row_at_home() -> None:
    rows = hub(ws(1, "W"), ws(2, "V"), task(11, 1, "T1"), task(12, 2, "T1"))
    assert drifts(files(plan("W", block("T1")), plan("V")), rows) == []
    assert drifts(files(plan("W"), plan("V", block("T1"))), rows) == []


def test_what_was_taken_of_the_own_workplan_comes_first() -> None:
    own, other = (
        ParsedWorkplan(plan("W", block("T1", "done")), {"T1": "done"}, "active"),
        ParsedWorkplan(plan("V"), {"T1": "todo"}),
    )
    assert codes(files(own, other), hub(ws(1, "W"), ws(2, "V"), task(11, 1, "T1"))) == [("C-15", "T1")]


def test_invalid_block_without_an_id_leaves_other_workplans_tasks_in_no_doubt() -> None:
    broken = plan("W", problems=[Problem("C-05", "task block has no 'id'", 20)])
    result = compared(files(broken, plan("V")), hub(ws(1, "W"), ws(2, "V"), task(11, 1, "T1"), task(12, 2, "T2")))
    assert [(drift.finding.code, drift.finding.task) for drift in result.drifts] == [("C-10", "T2"), ("C-05", None)]
    assert result.doubts == (Unevaluated(workplan="W", task="T1"),)


def test_id_of_a_task_whose_file_is_settled() -> None:
    side = files(plan("W", block("T1")), settled=[Settled("V.md", "V", uid(2))])
    assert drifts(side, hub(ws(1, "W"), ws(2, "V"), task(11, 2, "T1"))) == [
        Drift(
            Finding(
                "C-06", "task id 'T1' is also that of V.md", file="W.md", line=10, workplan="W", task="T1",
                file_status="todo", discriminator="0",
            )
        )
    ]  # fmt: skip


def test_id_of_a_task_whose_file_cannot_be_compared() -> None:
    side = files(plan("W", block("T1")), unreadable=[Unreadable("V.md", (Problem("C-02", "broken", 3),))])
    result = compared(side, hub(ws(1, "W"), ws(2, "V"), task(11, 2, "T1")))
    assert result.drifts[1] == Drift(
        Finding(
            "C-06", "task id 'T1' is that of task 'T1' of workplan 'V', whose file cannot be compared now",
            file="W.md", line=10, workplan="W", task="T1", db_status="todo", file_status="todo",
        )
    )  # fmt: skip
    assert result.doubts == (Unevaluated(file="V.md"), Unevaluated(workplan="W", task="T1"))


def test_task_of_a_workstream_that_came_after_the_others_were_read() -> None:
    (finding,) = findings(files(plan("W", block("T1"))), hub(ws(1, "W"), task(11, 7, "T1")))
    assert finding.message == "task id 'T1' is that of task 'T1' of workplan '?', whose file cannot be compared now"
