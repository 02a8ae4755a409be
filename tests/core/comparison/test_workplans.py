"""Workplans against workstreams: every code, whole findings, what a fix would do, what stays in doubt."""

from __future__ import annotations

import itertools
from datetime import datetime

import pytest

from consistency.core.actions import AdvanceWorkstream, CreateTask, CreateWorkstream, UpdateTask, UpdateWorkstream
from consistency.core.codes import Severity
from consistency.core.comparison.drift import Comparison, Drift, Unevaluated
from consistency.core.comparison.snapshot import ParsedWorkplan, Settled
from consistency.core.comparison.status_rule import classify_difference
from consistency.core.finding import Finding
from consistency.core.workplan.model import Problem, Unreadable
from statehub.statuses import WORKSTREAM_STATUSES, rank
from tests.core.values import BEFORE, WHEN, block, codes, compared, drifts, files, findings, hub, plan, task, uid, ws

BROKEN = Problem("C-02", "broken", 3)


def test_nothing_on_either_side() -> None:
    assert compared(files(), hub()) == Comparison((), (), {})


def test_settled_workplans_are_not_looked_at() -> None:
    side = files(settled=[Settled("W.md", "W", uid(1))])
    assert compared(side, hub(ws(1, "W", status="done"), task(11, 1, "T1"))) == Comparison((), (), {})


def test_workplan_not_in_the_hub_comes_with_its_tasks() -> None:
    new = plan("W", block("T1", "done"), block("T2", uuid=uid(22)), status="draft")
    message = "workplan 'Plan W' with 2 tasks is not in the hub"
    one, two = new.blocks
    tasks = (CreateTask(uid(0xF001), uid(0xF000), one), CreateTask(uid(22), uid(0xF000), two, 1))
    creation = CreateWorkstream(uid(0xF000), new, tasks)
    assert compared(files(new), hub()) == Comparison(
        (Drift(Finding("C-07", message, file="W.md", line=1, workplan="W", file_status="draft"), creation),),
        (),
        {"W.md": uid(0xF000)},
    )


def test_workplan_not_in_the_hub_keeps_its_uuid() -> None:
    new = plan("W", block("T1"), uuid=uid(1))
    (drift,) = drifts(files(new), hub())
    assert drift.finding.message == "workplan 'Plan W' with 1 task is not in the hub"
    assert drift.action == CreateWorkstream(uid(1), new, (CreateTask(uid(0xF000), uid(1), new.blocks[0]),))


def test_workplan_not_in_the_hub_says_all_the_same_what_is_wrong_with_its_blocks() -> None:
    new = plan("W", block("T1"), block("T2", uuid=uid(99)), problems=[Problem("C-05", "broken", 30)])
    rows = hub(task(99, 8, "X"), foreign={uid(8): "other/V"})
    assert codes(files(new), rows) == [("C-07", None), ("C-17", "T2"), ("C-05", None)]


def test_new_workplan_that_takes_a_task_along() -> None:
    new, row = plan("V", block("T1")), task(11, 1, "T1")
    creation, update = drifts(files(new, plan("W")), hub(ws(1, "W"), row))
    assert creation.action == CreateWorkstream(uid(0xF000), new, ())
    assert creation.finding.message == "workplan 'Plan V' with 0 tasks is not in the hub"
    assert update.action == UpdateTask(row, uid(0xF000), new.blocks[0])


def test_workstream_whose_workplan_is_gone_without_a_finding_for_each_task() -> None:
    message = "workplan of 'Plan {}' is gone from the checkout"
    assert compared(files(), hub(ws(1, "W", status="done"), ws(2, "V", path=""), task(11, 1, "T1"))) == Comparison(
        (
            Drift(Finding("C-08", message.format("V"), workplan="V", db_status="active")),
            Drift(Finding("C-08", message.format("W"), file="W.md", workplan="W", db_status="done")),
        ),
        (),
        {},
        gone=frozenset({uid(1), uid(2)}),
    )  # fmt: skip


def workstream_status_drifts(file: str, db: str, taken: str, moved: bool) -> list[Drift]:
    """Return the finding expected if a workplan's status is *file* and its workstream's is *db*."""
    code = classify_difference(file, db, taken, moved=moved)
    if code is None:
        return []
    statuses = f"(db={db}, file={file})"
    message = {
        "C-11": f"file {'has changed' if rank(file) == rank(db) else 'is ahead of'} workstream 'Plan W' {statuses}",
        "C-13": f"DB workstream 'Plan W' is ahead of file {statuses} — skipped to prevent regression",
        "C-15": f"workstream 'Plan W' was reopened in the hub, the file still has the old status {statuses}",
    }[code]
    finding = Finding(code, message, file="W.md", line=5, workplan="W", db_status=db, file_status=file)
    return [Drift(finding, AdvanceWorkstream(uid(1), db, file) if code == "C-11" else None)]


@pytest.mark.parametrize("since", [None, BEFORE, WHEN], ids=["never", "before", "now"])
@pytest.mark.parametrize("taken", ["", *WORKSTREAM_STATUSES])
def test_workstream_status_every_case_is_never_written_back(taken: str, since: datetime | None) -> None:
    for file, db in itertools.product(WORKSTREAM_STATUSES, WORKSTREAM_STATUSES):
        known = ParsedWorkplan(plan("W", status=file), {}, taken, {}, since)
        result = compared(files(known), hub(ws(1, "W", status=db)))
        assert list(result.drifts) == workstream_status_drifts(file, db, taken, since != WHEN)
        assert result.agreed == ({("W", None): WHEN} if file == db else {})


def test_workstream_with_other_fields_in_the_file() -> None:
    new = plan("W", mirrored=("New", "me", "", "", "", "", "2026-01-01"), path="moved/W.md")
    row = ws(1, "W", mirrored=("Old", "me", "d", "", "", "", ""))
    message = "workplan's title, domain, updated, path in the file and in the hub differ"
    finding = Finding("C-12", message, file="moved/W.md", line=1, workplan="W")
    assert drifts(files(new), hub(row)) == [Drift(finding, UpdateWorkstream(row, new))]


def test_workstream_renamed_keeps_its_row_by_the_uuid() -> None:
    new, row = plan("W9", uuid=uid(1), path="W.md", mirrored=ws(1, "W").mirrored), ws(1, "W")
    finding = Finding(
        "C-12", "workplan's id (hub: 'W') in the file and in the hub differ", file="W.md", line=1, workplan="W9"
    )  # fmt: skip
    assert compared(files(new), hub(row)) == Comparison(
        (Drift(finding, UpdateWorkstream(row, new)),), (), {"W.md": uid(1)}, agreed={("W9", None): WHEN}
    )  # fmt: skip


def test_workstream_renamed_and_changed_is_one_finding_that_begins_with_the_id() -> None:
    new = plan("W9", uuid=uid(1), path="W.md", mirrored=("New", "", "", "", "", "", ""))
    (finding,) = findings(files(new), hub(ws(1, "W")))
    assert finding.message == "workplan's id (hub: 'W'), title in the file and in the hub differ"


def test_workstream_whose_file_has_become_another_workplan_is_gone() -> None:
    assert codes(files(plan("W", path="a.md")), hub(ws(1, "OLD", path="a.md"))) == [("C-08", None), ("C-07", None)]


def test_workstream_whose_file_cannot_be_compared_is_not_gone() -> None:
    copied = plan("W", path="a.md", uuid=uid(8))
    assert codes(files(copied), hub(ws(1, "OLD", path="a.md"), foreign={uid(8): "other/V"})) == [("C-17", None)]


def test_workstream_with_another_uuid_than_the_hubs_is_only_reported() -> None:
    message = f"state_hub_workstream_id is {uid(9)} in the file, the hub knows it as {uid(1)}"
    assert drifts(files(plan("W", uuid=uid(9))), hub(ws(1, "W"))) == [
        Drift(Finding("C-12", message, file="W.md", line=1, workplan="W", discriminator="uuid"))
    ]


def test_unreadable_files_are_reported_and_leave_their_workstreams_in_peace() -> None:
    problem = Problem("C-03", "no title", 2, discriminator="title")
    broken = [Unreadable("V.md", (problem,), "V"), Unreadable("W.md", (BROKEN,)), Unreadable("x.md", ())]
    side = files(plan("A"), unreadable=broken)
    rows = hub(ws(1, "A"), ws(2, "V", path="old.md"), ws(3, "W"), ws(4, "U"), task(11, 2, "T1"), task(12, 3, "T2"))
    assert compared(side, rows) == Comparison(
        (
            Drift(
                Finding("C-08", "workplan of 'Plan U' is gone from the checkout", file="U.md", workplan="U",
                           db_status="active")
            ),
            Drift(Finding("C-03", "no title", file="V.md", line=2, workplan="V", discriminator="V.md:title")),
            Drift(Finding("C-02", "broken", file="W.md", line=3, discriminator="W.md:")),
        ),
        (Unevaluated(file="V.md"), Unevaluated(file="W.md"), Unevaluated(file="x.md")),
        {"A.md": uid(1)},
        agreed={("A", None): WHEN},
        gone=frozenset({uid(4)}),
    )  # fmt: skip


def test_unreadable_files_with_one_id_are_findings_of_their_own() -> None:
    problem = Problem("C-03", "no title", 2, discriminator="title")
    found = findings(files(unreadable=[Unreadable(path, (problem,), "W") for path in ("a.md", "b.md")]), hub())
    assert len({finding.dedup_key for finding in found}) == 2


def test_workplans_with_one_id_touch_neither() -> None:
    side = files(
        plan("W", block("T1", "done"), path="a.md"), plan("V", block("T9")), plan("W", block("T2"), path="b.md"),
        settled=[Settled("c.md", "W", uid(1))],
    )  # fmt: skip
    rows = hub(ws(1, "W", path="c.md"), ws(2, "V"), task(11, 1, "T1"), task(12, 1, "T3"))
    message = "workplan id 'W' is also that of {}"
    result = compared(side, rows)
    assert list(result.drifts) == [
        Drift(
            Finding("C-09", "task 'Title T9' is not in the hub", file="V.md", line=10, workplan="V", task="T9",
                       file_status="todo"),
            CreateTask(uid(0xF000), uid(2), block("T9")),
        ),
        *(
            Drift(Finding("C-04", message.format(others), file=path, line=1, workplan="W", discriminator=path))
            for path, others in [("a.md", "b.md, c.md"), ("b.md", "a.md, c.md"), ("c.md", "a.md, b.md")]
        ),
    ]  # fmt: skip
    assert (result.doubts, result.workstreams) == ((Unevaluated(workplan="W"),), {"V.md": uid(2)})


def test_two_workplans_with_one_id_are_both_reported() -> None:
    assert findings(files(plan("W", path="a.md"), plan("W", path="b.md")), hub()) == [
        Finding("C-04", f"workplan id 'W' is also that of {other}", file=path, line=1, workplan="W", discriminator=path)
        for path, other in (("a.md", "b.md"), ("b.md", "a.md"))
    ]


def test_many_workplans_with_one_id_have_short_messages() -> None:
    found = findings(files(*(plan("W", path=f"{number:04}.md") for number in range(2000))), hub())
    assert len(found) == 2000
    assert found[0].message == "workplan id 'W' is also that of 0001.md, 0002.md, 0003.md and 1996 more"


def stolen(key: str, uuid: str, owner: str) -> Drift:
    message = f"state_hub_workstream_id {uuid} belongs to {owner}"
    return Drift(Finding("C-17", message, file=f"{key}.md", line=1, workplan=key))


def test_copied_uuid_of_another_workplan() -> None:
    result = compared(files(plan("V", block("T1"), uuid=uid(1)), plan("W", uuid=uid(1))), hub(ws(1, "W")))
    assert list(result.drifts) == [stolen("V", uid(1), "workplan 'W' (W.md)")]
    assert (result.doubts, result.workstreams) == ((Unevaluated(file="V.md"),), {"W.md": uid(1)})


def test_copied_uuid_of_a_settled_workplan() -> None:
    side = files(plan("V", uuid=uid(1)), settled=[Settled("W.md", "W", uid(1))])
    assert drifts(side, hub(ws(1, "W"))) == [stolen("V", uid(1), "workplan 'W' (W.md)")]


@pytest.mark.parametrize(
    "unreadable", [Unreadable("W.md", (BROKEN,)), Unreadable("moved.md", (BROKEN,), "W")]
)  # fmt: skip
def test_copied_uuid_of_a_workplan_that_cannot_be_read_is_no_rename(unreadable: Unreadable) -> None:
    side = files(plan("V", uuid=uid(1)), unreadable=[unreadable])
    assert stolen("V", uid(1), "workplan 'W' (W.md)") in drifts(side, hub(ws(1, "W")))


def test_copied_uuid_of_a_workplan_whose_id_is_shared_is_no_rename() -> None:
    side = files(plan("V", uuid=uid(1)), plan("W", path="a.md"), plan("W", path="b.md"))
    assert stolen("V", uid(1), "workplan 'W' (W.md)") in drifts(side, hub(ws(1, "W")))


def test_swapped_uuids_of_workplans_touch_neither() -> None:
    side = files(plan("V", uuid=uid(1)), plan("W", uuid=uid(2)))
    assert drifts(side, hub(ws(1, "W"), ws(2, "V"))) == [
        stolen("V", uid(1), "workplan 'W' (W.md)"),
        stolen("W", uid(2), "workplan 'V' (V.md)"),
    ]


def test_one_uuid_for_two_new_workplans() -> None:
    assert drifts(files(plan("V", uuid=uid(9)), plan("W", uuid=uid(9))), hub()) == [
        stolen("V", uid(9), "another new workplan"),
        stolen("W", uid(9), "another new workplan"),
    ]


def test_copied_uuid_of_a_workplan_of_another_repo() -> None:
    side = files(plan("W", block("T1", "done"), uuid=uid(8)))
    result = compared(side, hub(ws(1, "W"), task(11, 1, "T1"), foreign={uid(8): "other/W"}))
    assert list(result.drifts) == [stolen("W", uid(8), "workplan 'other/W' of another repo")]
    assert result.doubts == (Unevaluated(file="W.md"),)


def test_drifts_stand_in_the_order_of_file_and_line() -> None:
    blocks = (block("T2", "done", line=30), block("T1", "done", line=20))
    side = files(plan("B", *blocks, status="done"), plan("A", block("T9")), unreadable=[Unreadable("0.md", (BROKEN,))])
    streams = [ws(1, "B"), ws(2, "A", mirrored=("x", "", "", "", "", "", ""))]
    tasks = [task(11, 1, "T1"), task(12, 1, "T2")]
    expected = [("0.md", 3), ("A.md", 1), ("A.md", 10), ("B.md", 5), ("B.md", 20), ("B.md", 30)]
    for rows in (hub(*streams, *tasks), hub(*tasks[::-1], *streams[::-1])):
        assert [(finding.file, finding.line) for finding in findings(side, rows)] == expected


def test_severities_are_those_of_the_table() -> None:
    side = files(plan("W", block("T1"), block("T1")), unreadable=[Unreadable("0.md", (BROKEN,))])
    severities = {finding.code: finding.severity for finding in findings(side, hub())}
    assert severities == {"C-02": Severity.FAIL, "C-06": Severity.FAIL, "C-07": Severity.WARN}


class TestWithoutAFile:
    """Which code a workstream gets for which no file was compared."""

    def test_file_that_is_there_is_not_gone(self) -> None:
        side = files()._replace(unread={"W.md": "git ignores it", "other": "a link to a folder"})
        comparison = compared(side, hub(ws(1, "W")))
        assert [drift.finding for drift in comparison.drifts] == [
            Finding(
                "C-23",
                "workplan of 'Plan W' is not read: git ignores it",
                file="W.md",
                workplan="W",
                db_status="active",
            ),
            Finding("C-23", "not read: a link to a folder", file="other"),
        ]
        assert comparison.doubts == (Unevaluated(workplan="W"),)

    def test_tasks_of_a_file_that_is_not_read_stay_where_they_are(self) -> None:
        side = files(plan("V", block("T")))._replace(unread={"W.md": "git ignores it"})
        rows = hub(ws(1, "V"), ws(2, "W"), task(11, 2, "T"))
        assert codes(side, rows) == [("C-06", "T"), ("C-23", None)]

    def test_file_with_another_workplan_now(self) -> None:
        found = findings(files(plan("W", path="a.md")), hub(ws(1, "OLD", path="a.md"), ws(2, "W", path="a.md")))
        message = "workplan of 'Plan OLD' is gone from the checkout: its file is now that of 'W'"
        assert found == [Finding("C-08", message, file="a.md", workplan="OLD", db_status="active")]

    def test_finished(self) -> None:
        rows = hub(ws(1, "V", status="done"), ws(2, "W"))._replace(finished=frozenset({uid(1)}))
        assert findings(files(), rows) == [
            Finding(
                "C-27", "workplan of 'Plan V' has left the checkout, its work is finished", file="V.md", workplan="V",
                db_status="done",
            ),
            Finding("C-08", "workplan of 'Plan W' is gone from the checkout", file="W.md", workplan="W",
                       db_status="active"),
        ]  # fmt: skip

    def test_only_other_checkouts_have_had_it(self) -> None:
        side = files()._replace(unread={"W.md": "git ignores it"}, elsewhere=frozenset({uid(1)}))
        assert findings(side, hub(ws(1, "W"))) == []

    def test_new_workplan_says_whether_a_commit_has_it(self) -> None:
        side = files(plan("V"), plan("W"))._replace(uncommitted=frozenset({"W.md"}))
        actions = [drift.action for drift in drifts(side, hub()) if isinstance(drift.action, CreateWorkstream)]
        assert [(action.workplan.key, action.committed) for action in actions] == [("V", True), ("W", False)]
