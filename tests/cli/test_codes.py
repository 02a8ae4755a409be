"""Every row of the table of codes, through the real commands on a real repository: whole reports, whole rows."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pytest_django import Settings

from consistency.core.codes import CODES
from consistency.models import Finding
from statehub.models import Source, StatusChange, Task, Workstream
from statehub.task_lookup import find_task
from statehub.transitions import Actor, advance, reopen
from testing.environment import HOST
from testing.hub import Hub
from testing.repos import Clone, read_refusal
from testing.repos import Origin as Bare
from testing.samples import T01, T02
from testing.workplans import task, workplan
from tests.cli.helpers import (
    FILE,
    TEXT,
    Json,
    check,
    codes,
    document,
    edit,
    finding,
    fix,
    hub_rows,
    mirrored,
    publish,
    repo_report,
    report,
    tree,
)
from tests.cli.test_gates import CLOSED

SOMEBODY = Actor("reporter", Source.API, "elsewhere")
UUID = "0b7f7a0e-3f6c-4a53-9d1e-8f0f6a1c2d3e"
OTHER_UUID = "1c7f7a0e-3f6c-4a53-9d1e-8f0f6a1c2d3e"

pytestmark = pytest.mark.usefixtures("hub")


@dataclass(frozen=True)
class Case:
    """A drift: how it comes about in a clone that agrees with the hub, and what is then found.

    `done` are the actions of a fix, in the order of the findings; `fix_only` are findings of a fix only; `repo` are
    fields of the report that differ from those of a fresh clone.
    """

    id: str
    arrange: Callable[[Clone], object]
    found: Callable[[Clone], list[Json]]
    done: tuple[str, ...]
    fix_only: Callable[[Clone], list[Json]] = lambda clone: []
    repo: dict[str, object] = field(default_factory=dict)


def committed(path: str, text: str | bytes) -> Callable[[Clone], None]:
    def arrange(clone: Clone) -> None:
        clone.write(path, text)
        publish(clone)

    return arrange


def edited(old: str, new: str) -> Callable[[Clone], None]:
    def arrange(clone: Clone) -> None:
        edit(clone, old, new)
        publish(clone)

    return arrange


def advanced(clone: Clone) -> None:
    advance(find_task(T01), "done", SOMEBODY)


def dirty(clone: Clone) -> None:
    advanced(clone)
    edit(clone, "# Workplan WP-1", "# Workplan 1")


def detached(clone: Clone) -> None:
    advanced(clone)
    clone.git("checkout", "--quiet", "--detach")


def reopened(clone: Clone) -> None:
    edit(clone, "status: todo", "status: done")
    publish(clone)
    assert fix("clone").exit == 0
    reopen(find_task(T01), "todo", "the test was wrong", SOMEBODY)


def copied_uuid(clone: Clone) -> None:
    clone.write("workplans/b.md", workplan("WP-2", [{"id": "T01", "state_hub_task_id": UUID}]))
    publish(clone)
    assert fix("clone").exit == 0
    edit(clone, "status: in_progress", f"status: in_progress\nstate_hub_task_id: {UUID}")
    publish(clone)


def gone(clone: Clone) -> None:
    committed("workplans/b.md", workplan("WP-2"))(clone)
    assert fix("clone").exit == 0
    clone.git("rm", "--quiet", FILE)
    publish(clone)


def ignored(clone: Clone) -> None:
    committed("workplans/b.md", workplan("WP-2"))(clone)
    assert fix("clone").exit == 0
    clone.git("rm", "--quiet", "--cached", FILE)
    clone.write(".gitignore", "a.md\n")
    publish(clone)


def back_and_forth(clone: Clone) -> None:
    for _ in range(3):
        assert fix("clone").exit == 0
        reopened(clone)


def told(clone: Clone) -> str:
    """Return the last six steps of the task, in the words of C-20."""
    moves = {
        "done": f"Test Person (file, {HOST}) moved todo → done",
        "todo": "reporter (api, elsewhere) reopened done → todo",
    }
    steps = [(change.at, moves[change.new]) for change in StatusChange.objects.filter(task__key=T01)]
    written = Finding.objects.filter(task=T01, resolution="written_back").values_list("resolved_at", flat=True)
    steps += [(at, f"a fix on {HOST} wrote todo over done in the file") for at in written if at]
    assert len(steps) == 8
    return "; ".join(f"{at:%Y-%m-%d %H:%M}Z {words}" for at, words in sorted(steps)[-6:])


SKIPPED = "skipped to prevent regression"
AHEAD = f"DB task 'Task {T01}' is ahead of file (db=done, file=todo) — {SKIPPED}"
DETACHED = "HEAD is detached: a commit would belong to no branch; check out a branch first"
ahead = finding("C-13", AHEAD, 14, task=T01, db="done", says="todo")
still = finding(
    "C-15",
    f"task 'Task {T01}' was reopened in the hub, the file still has the old status (db=todo, file=done)",
    14, task=T01, db="todo", says="done",
)  # fmt: skip

GONE = "(register_repo NEW-PATH if it has moved, retire_checkout PATH if it is gone for good)"

CASES = [
    Case(
        "C-01", lambda clone: shutil.rmtree(clone.path),
        lambda clone: [finding("C-01", f"{clone.path} is not there {GONE}", severity="FAIL", file=None, workplan=None)],
        ("none",),
        repo={"outcome": "error", "converged": False, "freshness": None, "head": None, "ahead": None, "behind": None},
    ),
    Case(
        "C-01 no git", lambda clone: shutil.rmtree(clone.path / ".git"),
        lambda clone: [
            finding(
                "C-01",
                f"{clone.path} is not a git work tree: {read_refusal(clone.path)} {GONE}",
                severity="FAIL", file=None, workplan=None,
            )
        ],
        ("none",),
        repo={"outcome": "error", "converged": False, "freshness": None, "head": None, "ahead": None, "behind": None},
    ),
    Case(
        "C-02", committed("workplans/b.md", workplan("WP-2").encode() + b"\xe9\n"),
        lambda clone: [
            finding("C-02", "not UTF-8: byte 0xe9 cannot be read", 9, severity="FAIL", file="workplans/b.md",
                    workplan=None)
        ],
        ("none",),
    ),
    Case(
        "C-03", edited("title: Workplan WP-1\nstatus: active", "status: activ"),
        lambda clone: [
            finding("C-03", "front matter field 'title' is missing", 1, severity="FAIL"),
            finding("C-03", "unknown workplan status 'activ' — did you mean 'active'?", 4, severity="FAIL"),
        ],
        ("none", "none"),
    ),
    Case(
        "C-04", committed("workplans/b.md", TEXT.replace("status: todo", "status: done")),
        lambda clone: [
            finding("C-04", "workplan id 'WP-1' is also that of workplans/b.md", 1, severity="FAIL"),
            finding("C-04", f"workplan id 'WP-1' is also that of {FILE}", 1, severity="FAIL", file="workplans/b.md"),
        ],
        ("none", "none"),
    ),
    Case(
        "C-05", edited("status: todo", "status: complete\npriority: {}"),
        lambda clone: [
            finding("C-05", "unknown task status 'complete' — did you mean 'done'?", 14, severity="FAIL", task=T01),
            finding("C-05", "'priority' must be a text, not a list or mapping — put the value in quotes if it is text",
                    15, severity="FAIL", task=T01),
        ],
        ("none", "none"),
    ),
    Case(
        "C-06", edited(f"id: {T02}", f"id: {T01}"),
        lambda clone: [
            finding("C-10", f"block of task 'Task {T02}' is gone from its workplan", task=T02, db="in_progress"),
            finding("C-06", f"task id '{T01}' is also that of {FILE}:21", 14, severity="FAIL", task=T01, says="todo"),
            finding("C-06", f"task id '{T01}' is also that of {FILE}:14", 21, severity="FAIL", task=T01,
                    says="in_progress"),
        ],
        ("none", "none", "none"),
    ),
    Case(
        "C-07", committed("workplans/b.md", workplan("WP-2", [("T01", "done")], state_hub_workstream_id=UUID)),
        lambda clone: [
            finding("C-07", "workplan 'Workplan WP-2' with 1 task is not in the hub", 1, file="workplans/b.md",
                    workplan="WP-2", says="active")
        ],
        ("created",),
    ),
    Case(
        "C-08", gone,
        lambda clone: [finding("C-08", "workplan of 'Workplan WP-1' is gone from the checkout", db="active")],
        ("none",),
    ),
    Case(
        "C-09", committed(FILE, TEXT + "\n" + task("WP-1-T03", "blocked", state_hub_task_id=UUID)),
        lambda clone: [
            finding("C-09", "task 'Task WP-1-T03' is not in the hub", 28, task="WP-1-T03", says="blocked"),
        ],
        ("created",),
    ),
    Case(
        "C-10", committed(FILE, workplan("WP-1", [("T01", "todo")])),
        lambda clone: [
            finding("C-10", f"block of task 'Task {T02}' is gone from its workplan", task=T02, db="in_progress"),
        ],
        ("none",),
    ),
    Case(
        "C-11", edited("status: todo", "status: cancelled"),
        lambda clone: [
            finding("C-11", f"file is ahead of task 'Task {T01}' (db=todo, file=cancelled)", 14, task=T01, db="todo",
                    says="cancelled"),
        ],
        ("advanced",),
    ),
    Case(
        "C-11 workplan", edited("status: active", "status: done"),
        lambda clone: [
            finding("C-11", "file is ahead of workstream 'Workplan WP-1' (db=active, file=done)", 5, db="active",
                    says="done"),
        ],
        ("advanced",),
    ),
    Case(
        "C-12", edited("status: in_progress", "status: in_progress\npriority: high\ntitle: Second"),
        lambda clone: [
            finding("C-12", "task's title, priority in the file and in the hub differ", 21, task=T02,
                    db="in_progress", says="in_progress"),
        ],
        ("updated",),
    ),
    Case(
        "C-12 workplan", edited("title: Workplan WP-1", "title: First\nowner: me"),
        lambda clone: [finding("C-12", "workplan's title, owner in the file and in the hub differ", 1)],
        ("updated",),
    ),
    Case("C-13", advanced, lambda clone: [ahead], ("written_back",)),
    Case(
        "C-13 workplan", edited("status: active", "status: draft"),
        lambda clone: [
            finding(
                "C-13",
                f"DB workstream 'Workplan WP-1' is ahead of file (db=active, file=draft) — {SKIPPED}",
                5, db="active", says="draft",
            )
        ],
        ("none",),
    ),
    Case(
        "C-14 dirty", dirty, lambda clone: [ahead], ("skipped",),
        fix_only=lambda clone: [finding("C-14", "workplan has uncommitted changes — skipping writeback")],
    ),
    Case(
        "C-15", reopened, lambda clone: [still],
        ("written_back",),
    ),
    Case(
        "C-16", detached, lambda clone: [ahead], ("failed",),
        fix_only=lambda clone: [
            finding("C-16", f"writeback was not possible: {DETACHED}", file=None, workplan=None),
        ],
    ),
    Case(
        "C-17", copied_uuid,
        lambda clone: [
            finding("C-17", f"state_hub_task_id {UUID} belongs to task 'WP-2-T01' of workplan 'WP-2'", 21,
                    severity="FAIL", task=T02, db="todo", says="in_progress")
        ],
        ("none",),
    ),
    Case(
        "C-23", ignored,
        lambda clone: [
            finding("C-23", "workplan of 'Workplan WP-1' is not read: git ignores it (.gitignore:1: a.md)", db="active")
        ],
        ("none",),
    ),
    Case(
        "C-20", back_and_forth,
        lambda clone: [
            still,
            finding("C-20", f"task '{T01}' keeps changing back and forth; it is not touched until someone decides: "
                    f"{told(clone)}", 14, severity="FAIL", task=T01, db="todo", says="done"),
        ],
        ("none", "none"),
    ),
    Case(
        "C-23", edited("---\nid: WP-1", "\n---\nid: WP-1"),
        lambda clone: [finding("C-23", "front matter begins on line 2: take away the blank lines above it", 2)],
        ("none",),
    ),
    Case(
        "C-23 on purpose", edited("type: workplan", "type: note"),
        lambda clone: [
            finding("C-23", "was workplan 'WP-1' at the last fix, but its type is 'note' now — put that back, or "
                    "delete the workstream in the hub if it is really over", 3)
        ],
        ("none",),
    ),
    Case(
        "C-24", edited(f"```task\nid: {T01}", f"```Task\nid: {T01}"),
        lambda clone: [
            finding("C-24", "looks like a task block, but is not read as one: its fence says 'Task': write ```task", 12,
                    task=T01)
        ],
        ("none",),
    ),
    Case(
        "C-28", edited(f"id: {T01}\nstatus: todo", f"id: {T01}\nstatus: todo\ndepends: [WP-1-T09, {T01}]"),
        lambda clone: [
            finding("C-12", "task's depends in the file and in the hub differ", 14, task=T01, db="todo", says="todo"),
            finding("C-28", "task 'Task WP-1-T01' depends on 'WP-1-T09', and there is no such task", 14, task=T01),
            finding("C-28", "task 'Task WP-1-T01' depends on itself: WP-1-T01 → WP-1-T01", 14, task=T01),
        ],
        ("updated", "none", "none"),
    ),
    Case(
        "C-12 owner", edited(f"id: {T01}\nstatus: todo", f"id: {T01}\nstatus: todo\nowner: ada"),
        lambda clone: [
            finding("C-12", "task's owner in the file and in the hub differ", 14, task=T01, db="todo", says="todo")
        ],
        ("updated",),
    ),
    Case(
        "C-12 cut off", edited("title: Workplan WP-1", "title: Workplan WP-1 #5"),
        lambda clone: [
            finding("C-12", "title is 'Workplan WP-1': YAML takes '#5' for a comment — put the value in quotes", 4)
        ],
        ("none",),
    ),
]  # fmt: skip

FIXED = {"created", "updated", "advanced", "written_back"}


def ids(case: Case) -> str:
    return case.id.replace(" ", "-")


@pytest.fixture
def agreed(clone: Clone) -> Clone:
    return mirrored(clone)


def expected_exit(found: list[Json]) -> int:
    return int(any(each["severity"] == "FAIL" for each in found))


def state(clone: Clone) -> tuple[object, object]:
    """Return everything that a run could change: the hub's rows, and the work tree if there is one."""
    return hub_rows(), tree(clone) if (clone.path / ".git").exists() else None


def is_fixed(found: list[Json]) -> bool:
    return all(each["action"] in FIXED for each in found)


def with_actions(found: list[Json], actions: tuple[str, ...]) -> list[Json]:
    return [{**each, "action": action} for each, action in zip(found, actions, strict=True)]


def test_every_code_has_a_case() -> None:
    # C-26 takes time to come about: test_unreachable.py. For C-25 there are no rows, C-27 is said once: test_unread.py.
    # C-29 is seen by workers: test_poller.py.
    elsewhere = {"C-25", "C-26", "C-27", "C-29"}
    assert {case.id[:4] for case in CASES} | {gate.code for gate in CLOSED} | elsewhere == set(CODES)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_check_and_dry_run_change_nothing_and_a_fix_mends_once(agreed: Clone, case: Case) -> None:
    case.arrange(agreed)
    found, extra = case.found(agreed), case.fix_only(agreed)
    before = state(agreed)

    checked = check("clone")
    assert document(checked) == report("check", repo_report(agreed, found, **case.repo))
    assert (checked.exit, checked.stderr, state(agreed)) == (expected_exit(found), "", before)

    tried = fix("clone", "--dry-run")
    untried = [each for each in extra if each["code"] != "C-16"]  # what git refuses is known when it is asked
    assert document(tried) == report("fix", repo_report(agreed, found + untried, **case.repo))
    assert (tried.exit, tried.stderr, state(agreed)) == (expected_exit(found), "", before)

    fixed = fix("clone")
    done = with_actions(found, case.done) + extra
    fields = {"converged": is_fixed(done), **case.repo}
    if "written_back" in case.done:
        fields |= {"writeback_commit": agreed.head, "ahead": 1}
        assert agreed.log()[0] == "chore(consistency): sync task status from DB [auto]"
        assert agreed.status() == []
    else:
        assert state(agreed)[1] == before[1]
    assert document(fixed) == report("fix", repo_report(agreed, done, **fields))
    assert (fixed.exit, fixed.stderr) == (expected_exit(found), "")

    after = state(agreed)
    left = [each["code"] for each in done if each["action"] not in FIXED]
    again = fix("clone")
    assert ([code for code, _ in codes(again)], state(agreed)) == (left, after)


WRITING = {"C-09", "C-11", "C-13", "C-14 dirty", "C-15", "C-16"}


@pytest.mark.parametrize("case", [case for case in CASES if case.id in WRITING], ids=ids)
def test_fix_without_writeback_leaves_the_files_alone(agreed: Clone, case: Case) -> None:
    case.arrange(agreed)
    files = tree(agreed)
    ended = fix("clone", "--no-writeback")
    done = with_actions(
        case.found(agreed),
        tuple(action.replace("written_back", "skipped").replace("failed", "skipped") for action in case.done),
    )
    fields = {"converged": is_fixed(done), **case.repo}
    assert document(ended) == report("fix", repo_report(agreed, done, **fields))
    assert (ended.exit, ended.stderr, tree(agreed)) == (expected_exit(done), "", files)


def test_created_rows_have_the_files_uuids(agreed: Clone) -> None:
    text = workplan("WP-2", [{"id": "T01", "state_hub_task_id": OTHER_UUID}], state_hub_workstream_id=UUID)
    committed("workplans/b.md", text)(agreed)
    assert fix("clone").exit == 0
    assert str(Workstream.objects.get(key="WP-2").pk) == UUID
    assert str(Task.objects.get(key="WP-2-T01").pk) == OTHER_UUID


def test_size_limit_is_a_setting(agreed: Clone, settings: Settings) -> None:
    settings.STATEHUB_MAX_FILE_SIZE = 100
    ended = fix("clone")
    found = [finding("C-02", "larger than the limit of 100 bytes", severity="FAIL", workplan=None)]
    assert (document(ended), ended.exit) == (report("fix", repo_report(agreed, found)), 1)


def test_link_out_of_the_repo_is_not_read(agreed: Clone, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text(workplan("WP-9"))
    (agreed.path / "workplans/link.md").symlink_to(tmp_path / "secret.md")
    found = [
        finding("C-02", "a link that leads out of the repo", severity="FAIL", file="workplans/link.md", workplan=None)
    ]
    assert document(check("clone")) == report("check", repo_report(agreed, found))


def test_workplan_of_another_repo_keeps_its_uuid(agreed: Clone, new_origin: Callable[[str], Bare], hub: Hub) -> None:
    text = workplan("WP-2", [{"id": "T01", "state_hub_task_id": OTHER_UUID}], state_hub_workstream_id=UUID)
    committed("workplans/b.md", text)(agreed)
    assert fix("clone").exit == 0
    stranger = new_origin("stranger").clone("stranger")
    stranger.write("workplans/copy.md", text.replace("WP-2", "WP-3"))
    stranger.write("workplans/task.md", workplan("WP-4", [{"id": "T01", "state_hub_task_id": OTHER_UUID}]))
    publish(stranger)
    before = list(Task.objects.values()), list(Workstream.objects.values())
    ended = fix("--path", stranger.path)
    assert [(each["code"], each["file"], each["message"]) for each in document(ended)["repos"][0]["findings"]] == [
        (
            "C-17",
            "workplans/copy.md",
            f"state_hub_workstream_id {UUID} belongs to workplan 'clone/WP-2' of another repo; its file was there at "
            f"the last fix of test-host:{agreed.path}/workplans/b.md — if it has moved here, commit and push its "
            "removal there, run fix_consistency clone, then this again; if this is a copy, take the UUIDs out of it",
        ),
        ("C-07", "workplans/task.md", "workplan 'Workplan WP-4' with 0 tasks is not in the hub"),
        (
            "C-17",
            "workplans/task.md",
            f"state_hub_task_id {OTHER_UUID} belongs to a task of 'clone/WP-2', in another repo",
        ),
    ]
    assert list(Task.objects.values()) == before[0]
    assert list(Workstream.objects.exclude(key="WP-4").values()) == before[1]
