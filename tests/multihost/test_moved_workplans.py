"""A workplan that moves to another repo takes its rows and their history along; a copy does not."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from consistency.models import Finding, LedgerEntry
from consistency.runs import sync
from statehub.models import Repo, StatusChange, Task, Workstream, WorkstreamMove
from testing.manage import Ended
from testing.repos import Origin
from testing.samples import T01, ahead_of_file
from testing.workplans import workplan
from tests.cli.helpers import FILE, codes, episodes, findings, hub_rows, statuses
from tests.multihost.machine import Machine, machine, reopen, report

pytestmark = pytest.mark.usefixtures("hub")

UUID = uuid.UUID("6c1a7e0a-5d0b-4a52-9d55-000000000001")
TASK_UUID = "6c1a7e0a-5d0b-4a52-9d55-000000000002"
OTHER_TASK_UUID = "6c1a7e0a-5d0b-4a52-9d55-000000000003"
THERE = "workplans/moved.md"

NewOrigin = Callable[[str], Origin]


def make_text(*, plan: bool = True, tasks: bool = True, status: str = "todo") -> str:
    """Return WP-1 with two tasks; *plan* and *tasks* are the UUIDs in it."""
    fields = {"state_hub_workstream_id": str(UUID)} if plan else {}
    first, second = {"id": "T01", "status": status}, {"id": "T02", "status": "in_progress"}
    if tasks:
        first["state_hub_task_id"], second["state_hub_task_id"] = TASK_UUID, OTHER_TASK_UUID
    return workplan("WP-1", [first, second], **fields)


def make_repo(new_origin: NewOrigin, name: str, files: dict[str, str]) -> Machine:
    """Return a machine with a clone of a repo of its own, in the hub."""
    made = Machine(name, new_origin(name).clone(name))
    for path, content in files.items():
        made.clone.write(path, content)
    made.commit("Plan")
    made.push()
    assert made.fix().exit == 0
    return made


@pytest.fixture
def pair(new_origin: NewOrigin) -> tuple[Machine, Machine]:
    """Return repo a with WP-1 and two others, and repo b."""
    return make_pair(new_origin, make_text())


def make_pair(new_origin: NewOrigin, content: str) -> tuple[Machine, Machine]:
    others = {f"workplans/{name}.md": workplan(name, [("T01", "todo")]) for name in ("WP-2", "WP-3")}
    return make_repo(new_origin, "a", {FILE: content, **others}), make_repo(new_origin, "b", {})


def remove_workplan(a: Machine) -> None:
    """Remove WP-1 from repo a, commit, push, and fix there."""
    a.clone.git("rm", "--quiet", FILE)
    a.commit("Moved to b")
    a.push()
    assert codes(a.fix()) == [("C-08", "none")]


def add_workplan(b: Machine, content: str, path: str = THERE) -> None:
    """Add WP-1 to repo b, commit and push."""
    b.clone.write(path, content)
    b.commit("Moved from a")
    b.push()


def reopen_and_remove(a: Machine) -> None:
    """Reopen WP-1, which was done, write that back in repo a, and remove the workplan there."""
    a.clone.write(FILE, make_text(status="done"))
    a.commit("Done")
    a.push()
    assert codes(a.fix()) == [("C-11", "advanced")]
    reopen(T01, "todo")
    assert codes(a.fix()) == [("C-15", "written_back")]
    a.push()
    remove_workplan(a)


def messages(ended: Ended) -> list[tuple[str, str]]:
    return [(each["code"], each["message"]) for each in findings(ended)]


MOVED = ("C-12", "workplan has moved here from repo 'a': its tasks and their history come along")
AHEAD = ahead_of_file(T01, "done", "todo")
BELONGS = f"state_hub_workstream_id {UUID} belongs to workplan 'a/WP-1' of another repo"


def read_homes() -> dict[str, tuple[str, str]]:
    """Return each workstream's repo and path, by key."""
    rows = Workstream.objects.order_by("key").values_list("key", "repo__slug", "path")
    return {key: (slug, path) for key, slug, path in rows if key == "WP-1"}


def test_rows_and_their_history_come_along(pair: tuple[Machine, Machine]) -> None:
    a, b = pair
    report(T01, "done")
    changes = list(StatusChange.objects.values())
    remove_workplan(a)
    add_workplan(b, make_text())
    ended = b.fix()
    assert messages(ended) == [MOVED, ("C-13", AHEAD)]
    assert codes(ended) == [("C-12", "updated"), ("C-13", "written_back")]
    assert read_homes() == {"WP-1": ("b", THERE)}
    assert [str(pk) for pk in Task.objects.filter(workstream=UUID).order_by("key").values_list("pk", flat=True)] == [
        TASK_UUID, OTHER_TASK_UUID,
    ]  # fmt: skip
    assert list(StatusChange.objects.values()) == changes
    assert statuses()[T01] == "done"
    assert "status: done" in b.clone.read(THERE).decode()
    (move,) = WorkstreamMove.objects.all()
    assert (move.workstream_id, move.from_slug, move.from_repo, move.to_repo) == (
        UUID, "a", Repo.objects.get(slug="a"), Repo.objects.get(slug="b"),
    )  # fmt: skip
    assert (move.host, move.commit) == ("b", b.clone.log("%H")[1])
    assert codes(b.fix()) == codes(a.fix()) == []


def test_finding_of_the_file_that_is_gone_ends_as_moved(pair: tuple[Machine, Machine]) -> None:
    a, b = pair
    remove_workplan(a)
    add_workplan(b, make_text())
    assert codes(b.fix()) == [("C-12", "updated")]
    (gone,) = Finding.objects.filter(code="C-08")
    assert (gone.resolution, gone.resolved_by, gone.checkout.repo.slug) == ("moved", b.last_run, "a")
    assert a.fix().exit == 0
    assert [each for each in episodes() if each[0] == "C-08"] == [("C-08", "moved", 1)]


def test_repo_that_it_moved_to_is_run_first(pair: tuple[Machine, Machine]) -> None:
    a, b = pair
    report(T01, "done")
    a.clone.git("rm", "--quiet", FILE)
    a.commit("Moved to b")
    a.push()
    add_workplan(b, make_text())
    before = hub_rows()
    said = (
        f"{BELONGS}; its file was there at the last fix of a:{a.clone.path}/{FILE} — if it has moved here, commit and "
        "push its removal there, run fix_consistency a, then this again; if this is a copy, take the UUIDs out of it"
    )
    ended = b.fix()
    assert (messages(ended), ended.exit) == ([("C-17", said)], 1)
    after = hub_rows()
    assert [after[name] for name in ("Workstream", "Task", "StatusChange")] == [
        before[name] for name in ("Workstream", "Task", "StatusChange")
    ]
    assert codes(a.fix()) == [("C-08", "none")]
    assert codes(b.fix()) == [("C-12", "updated"), ("C-13", "written_back")]


def test_copy_is_no_move(pair: tuple[Machine, Machine]) -> None:
    a, b = pair
    add_workplan(b, make_text())
    for _ in range(2):
        assert [each["code"] for each in findings(b.fix())] == ["C-17"]
        assert codes(a.fix()) == []
    assert read_homes() == {"WP-1": ("a", FILE)}


@pytest.mark.parametrize("uncommitted", [True, False])
def test_removal_that_is_not_on_the_branch_is_no_move(pair: tuple[Machine, Machine], uncommitted: bool) -> None:
    a, b = pair
    a.clone.git("rm", "--quiet", FILE)
    if not uncommitted:
        a.commit("Not pushed")
    assert codes(a.fix()) == [("C-08", "none")]
    add_workplan(b, make_text())
    assert [each["code"] for each in findings(b.fix())] == ["C-17"]
    a.commit("Moved to b")
    a.push()
    assert codes(a.fix()) == [("C-08", "none")]
    assert codes(b.fix()) == [("C-12", "updated")]


def test_sparse_checkout_is_no_move(pair: tuple[Machine, Machine]) -> None:
    a, b = pair
    a.clone.git("sparse-checkout", "set", "--no-cone", "/*", f"!/{FILE}")
    assert not (a.clone.path / FILE).exists()
    assert codes(a.fix()) == [("C-23", "none")]
    add_workplan(b, make_text())
    assert [each["code"] for each in findings(b.fix())] == ["C-17"]
    assert read_homes() == {"WP-1": ("a", FILE)}


def test_pattern_that_leaves_the_file_out_is_no_move(pair: tuple[Machine, Machine]) -> None:
    a, b = pair
    assert a.manage("register_repo", a.clone.path, "--workplans", "workplans/WP-*.md").exit == 0
    a.fix()
    add_workplan(b, make_text())
    assert [each["code"] for each in findings(b.fix())] == ["C-17"]
    assert read_homes() == {"WP-1": ("a", FILE)}


def test_remote_that_did_not_answer_is_no_evidence(pair: tuple[Machine, Machine]) -> None:
    a, b = pair
    a.clone.git("rm", "--quiet", FILE)
    a.commit("Moved to b")
    a.push()
    assert codes(a.fix("--no-fetch")) == [("C-08", "none")]
    add_workplan(b, make_text())
    assert [each["code"] for each in findings(b.fix())] == ["C-17"]
    assert codes(a.fix()) == [("C-08", "none")]
    assert codes(b.fix()) == [("C-12", "updated")]


def test_checks_are_no_evidence_and_change_nothing(pair: tuple[Machine, Machine]) -> None:
    a, b = pair
    a.clone.git("rm", "--quiet", FILE)
    a.commit("Moved to b")
    a.push()
    assert codes(a.check()) == [("C-08", "none")]
    add_workplan(b, make_text())
    assert [each["code"] for each in findings(b.fix())] == ["C-17"]
    a.fix()
    before = hub_rows()
    assert messages(b.check()) == [MOVED]
    assert hub_rows() == before
    assert codes(b.fix("--dry-run")) == [("C-12", "none")]
    assert hub_rows() == before


def test_stale_clone_of_the_old_repo_does_not_keep_it(pair: tuple[Machine, Machine]) -> None:
    a, b = pair
    stale = machine(Origin(a.clone.path.with_name("origin.git")), "stale")
    assert stale.fix().exit == 0
    remove_workplan(a)
    add_workplan(b, make_text())
    assert codes(b.fix()) == [("C-12", "updated")]
    assert codes(stale.fix()) == [("C-14", "none")]
    stale.pull()
    assert codes(stale.fix()) == codes(b.fix()) == []
    assert read_homes() == {"WP-1": ("b", THERE)}


def test_file_that_was_put_back_in_another_clone_keeps_its_rows(pair: tuple[Machine, Machine]) -> None:
    a, b = pair
    other = machine(Origin(a.clone.path.with_name("origin.git")), "other")
    remove_workplan(a)
    other.pull()
    other.clone.git("revert", "--no-edit", "HEAD")
    other.push()
    assert codes(other.fix()) == []
    add_workplan(b, make_text())
    (found,) = findings(b.fix())
    assert found["code"] == "C-17"
    assert f"other:{other.clone.path}/{FILE}" in found["message"]
    assert read_homes() == {"WP-1": ("a", FILE)}


def test_clone_that_never_had_the_file_can_tell_too(pair: tuple[Machine, Machine]) -> None:
    a, b = pair
    a.clone.git("rm", "--quiet", FILE)
    a.commit("Moved to b")
    a.push()
    fresh = machine(Origin(a.clone.path.with_name("origin.git")), "fresh")
    assert codes(fresh.fix()) == [("C-08", "none")]
    add_workplan(b, make_text())
    assert codes(b.fix()) == [("C-12", "updated")]


def test_file_that_is_not_committed_takes_nothing_along(pair: tuple[Machine, Machine]) -> None:
    a, b = pair
    remove_workplan(a)
    b.clone.write(THERE, make_text())
    said = f"{BELONGS}, whose file is gone from there — commit this one, and the next fix takes the rows along"
    assert messages(b.fix()) == [("C-17", said)]
    b.commit("Moved from a")
    assert codes(b.fix()) == [("C-12", "updated")]


def test_only_one_of_two_repos_takes_it(pair: tuple[Machine, Machine], new_origin: NewOrigin) -> None:
    a, b = pair
    c = make_repo(new_origin, "c", {})
    remove_workplan(a)
    add_workplan(b, make_text())
    add_workplan(c, make_text())
    assert codes(c.fix()) == [("C-12", "updated")]
    assert [each["code"] for each in findings(b.fix())] == ["C-17"]
    assert read_homes() == {"WP-1": ("c", THERE)}


def test_it_moves_back(pair: tuple[Machine, Machine]) -> None:
    a, b = pair
    remove_workplan(a)
    add_workplan(b, make_text())
    assert codes(b.fix()) == [("C-12", "updated")]
    report(T01, "done")
    b.clone.git("rm", "--quiet", THERE)
    b.commit("Back to a")
    b.push()
    assert codes(b.fix("--allow-missing")) == [("C-25", "none"), ("C-08", "none")]
    add_workplan(a, make_text(), FILE)
    assert codes(a.fix()) == [("C-12", "updated"), ("C-13", "written_back")]
    assert read_homes() == {"WP-1": ("a", FILE)}
    assert list(WorkstreamMove.objects.order_by("pk").values_list("from_slug", "to_repo__slug")) == [
        ("a", "b"), ("b", "a"),
    ]  # fmt: skip
    assert (codes(a.fix()), codes(b.fix())) == ([], [("C-25", "none")])  # Nothing is left in b.


def test_other_id_in_the_new_repo(pair: tuple[Machine, Machine]) -> None:
    a, b = pair
    remove_workplan(a)
    add_workplan(b, make_text().replace("id: WP-1", "id: B-1"))
    ended = b.fix()
    assert messages(ended) == [
        MOVED,
        ("C-12", "task's id (hub: 'WP-1-T01') in the file and in the hub differ"),
        ("C-12", "task's id (hub: 'WP-1-T02') in the file and in the hub differ"),
    ]
    assert list(Task.objects.filter(workstream=UUID).order_by("key").values_list("key", flat=True)) == [
        "B-1-T01", "B-1-T02",
    ]  # fmt: skip


def test_uuids_of_tasks_tell_whose_it_is(new_origin: NewOrigin) -> None:
    a, b = make_pair(new_origin, make_text(plan=False))
    report(T01, "done")
    add_workplan(b, make_text(plan=False))
    assert [each["code"] for each in findings(b.fix())] == ["C-17"]
    remove_workplan(a)
    assert codes(b.fix()) == [("C-12", "updated"), ("C-13", "written_back")]
    assert (read_homes(), statuses()[T01]) == ({"WP-1": ("b", THERE)}, "done")


def test_workplan_named_by_uuid_comes_along(new_origin: NewOrigin) -> None:
    a, b = make_pair(new_origin, make_text(plan=False, tasks=False))
    report(T01, "done")
    remove_workplan(a)
    add_workplan(b, make_text(plan=False, tasks=False))
    row = Workstream.objects.get(key="WP-1")
    said = (
        "workplan 'a/WP-1' of another repo has the same id and tasks, and its file is gone from there — if it has "
        f"moved here, write state_hub_workstream_id: {row.pk} into the front matter and its statuses and history come "
        "along; if this is another workplan, give it another id, or delete the workstream there"
    )
    assert messages(b.fix()) == [("C-17", said)]
    assert Workstream.objects.filter(repo__slug="b").count() == 0
    plain = make_text(plan=False, tasks=False)
    add_workplan(b, plain.replace("type: workplan", f"type: workplan\nstate_hub_workstream_id: {row.pk}"))
    assert codes(b.fix()) == [("C-12", "updated"), ("C-13", "written_back")]
    assert (read_homes(), statuses()[T01]) == ({"WP-1": ("b", THERE)}, "done")


def test_another_workplan_of_the_same_id_is_new(new_origin: NewOrigin) -> None:
    a, b = make_pair(new_origin, make_text(plan=False, tasks=False))
    remove_workplan(a)
    add_workplan(b, workplan("WP-1", [("T07", "todo")], title="Something else"))
    assert codes(b.fix()) == [("C-07", "created")]


def test_same_id_in_two_repos_with_files_is_no_move(new_origin: NewOrigin) -> None:
    _, b = make_pair(new_origin, make_text(plan=False, tasks=False))
    add_workplan(b, make_text(plan=False, tasks=False))
    assert messages(b.fix()) == [("C-07", "workplan 'Workplan WP-1' with 2 tasks is not in the hub")]


def test_similar_workplan_further_along_comes_along_later(new_origin: NewOrigin) -> None:
    """The file's removal is unseen, and there is no UUID: a new workplan is created, and the report says what to do."""
    a, b = make_pair(new_origin, make_text(plan=False, tasks=False))
    report(T01, "done")
    old, plain = Workstream.objects.get(key="WP-1"), make_text(plan=False, tasks=False)
    add_workplan(b, plain)
    said = (
        "workplan 'Workplan WP-1' with 2 tasks is not in the hub; repo 'a' has a workplan of that id and title that is "
        f"further along ('WP-1-T01' is done): if it has moved here, write state_hub_workstream_id: {old.pk} into the "
        "front matter"
    )
    assert messages(b.fix()) == [("C-07", said)]
    new = Workstream.objects.get(repo__slug="b")
    a.clone.git("rm", "--quiet", FILE)
    a.commit("Moved to b")
    a.push()
    gone = (
        "workplan of 'Workplan WP-1' is gone from the checkout; repo 'b' has a workplan of that id and title: if it "
        f"has moved there, write state_hub_workstream_id: {old.pk} into its front matter, and it takes its statuses "
        "and history along"
    )
    assert messages(a.fix()) == [("C-08", gone)]
    add_workplan(b, plain.replace("type: workplan", f"type: workplan\nstate_hub_workstream_id: {old.pk}"))
    assert codes(b.fix()) == [("C-12", "updated"), ("C-13", "written_back")]
    assert not Workstream.objects.filter(pk=new.pk).exists()
    assert (read_homes(), Task.objects.get(key=T01).status) == ({"WP-1": ("b", THERE)}, "done")
    assert codes(b.fix()) == codes(a.fix()) == []


def test_repo_keeps_its_own_workplan_with_a_history(new_origin: NewOrigin) -> None:
    a, b = make_pair(new_origin, make_text())
    add_workplan(b, make_text(plan=False, tasks=False))
    assert codes(b.fix()) == [("C-07", "created")]
    report(f"b/{T01}", "done")
    remove_workplan(a)
    add_workplan(b, make_text(tasks=False))
    said = (
        f"{BELONGS}, whose file is gone, but this repo has a workplan 'WP-1' of its own in the hub — report there what "
        "it lacks (set_task_status), and take the UUID out of the file"
    )
    assert messages(b.fix()) == [("C-17", said)]


def test_old_file_in_the_new_repo_undoes_no_reopen(pair: tuple[Machine, Machine]) -> None:
    a, b = pair
    reopen_and_remove(a)
    add_workplan(b, make_text(status="done").replace("title: Workplan WP-1", "title: New"))
    assert codes(b.fix("--no-writeback")) == [("C-12", "updated"), ("C-15", "skipped")]
    other = machine(Origin(b.clone.path.with_name("origin.git")), "other")
    assert codes(other.fix("--no-writeback")) == [("C-15", "skipped")]
    assert statuses()[T01] == "todo"


def test_work_done_in_the_new_repo_after_a_reopen_is_news(pair: tuple[Machine, Machine]) -> None:
    a, b = pair
    reopen_and_remove(a)
    add_workplan(b, make_text())
    assert codes(b.fix()) == [("C-12", "updated")]
    b.clone.write(THERE, make_text(status="done"))
    b.clone.commit("Done again", date="2026-01-02T03:04:05+00:00")  # In no second of another statement.
    b.push()
    assert codes(b.fix()) == [("C-11", "advanced")]
    assert statuses()[T01] == "done"


def test_old_repos_ledger_remembers_that_it_has_left(pair: tuple[Machine, Machine]) -> None:
    a, b = pair
    remove_workplan(a)
    add_workplan(b, make_text())
    b.fix()
    rows = LedgerEntry.objects.filter(workstream=UUID).order_by("checkout__host")
    assert [(row.checkout.host, row.path, row.digest == "-") for row in rows] == [
        ("a", FILE, True),
        ("b", THERE, False),
    ]


def meanwhile(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """Do *work* between the first comparison and the changes that follow from it."""
    compare, waiting = sync.compare_checkout, [work]

    def and_then(*args: Any) -> sync.Sync:
        compared = compare(*args)
        if waiting:
            waiting.pop()()
        return compared

    monkeypatch.setattr(sync, "compare_checkout", and_then)


def test_report_in_the_middle_is_not_lost(pair: tuple[Machine, Machine], monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pair
    remove_workplan(a)
    add_workplan(b, make_text())
    meanwhile(monkeypatch, lambda: report(T01, "done"))
    assert codes(b.fix()) == [("C-12", "updated"), ("C-13", "written_back")]
    assert (read_homes(), statuses()[T01]) == ({"WP-1": ("b", THERE)}, "done")


def test_repo_that_is_faster_takes_it(
    pair: tuple[Machine, Machine], new_origin: NewOrigin, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = pair
    c = make_repo(new_origin, "c", {})
    remove_workplan(a)
    add_workplan(b, make_text())
    add_workplan(c, make_text())
    meanwhile(monkeypatch, c.fix)
    assert [each["code"] for each in findings(b.fix())] == ["C-17"]
    assert read_homes() == {"WP-1": ("c", THERE)}
    assert WorkstreamMove.objects.count() == 1
