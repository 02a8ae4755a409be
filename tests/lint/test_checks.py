"""The checks of `statehub-lint`, on plain values."""

from __future__ import annotations

import pytest

from consistency.core.finding import Finding
from consistency.git.files import ReadFile
from consistency.lint.checks import check_files, check_statuses
from testing.workplans import workplan

A, B = "workplans/a.md", "workplans/b.md"


def source(path: str, text: str) -> ReadFile:
    return ReadFile(path, text.encode())


def found(*files: ReadFile) -> list[tuple[str, str | None, int | None, str]]:
    return [(each.code, each.file, each.line, each.message) for each in check_files(files)]


def test_sound_workplans_have_no_findings() -> None:
    assert found(source(A, workplan("WP-1", [("T01", "done")])), source(B, workplan("WP-2", [("T01", "todo")]))) == []


def test_file_that_is_not_a_workplan_has_no_findings() -> None:
    assert found(source("README.md", "# Read me\n"), source("x.md", "---\ntype: note\n---\n")) == []


@pytest.mark.parametrize(
    ("text", "code", "line", "message"),
    [
        (workplan("WP-1", [("T01", "finished")]), "C-05", 14,
         "unknown task status 'finished' — did you mean 'done'?"),
        (workplan("WP-1", status="open"), "C-03", 5, "unknown workplan status 'open' — did you mean 'active'?"),
        ("---\nid: [\ntype: workplan\n---\n", "C-02", 2, None),
        (workplan("WP-1", ["```Task\nid: WP-1-T01\nstatus: todo\n```\n"]), "C-24", 10, None),
        (workplan("WP-1", [{"id": "T01", "status": "todo", "title": "one #2"}]), "C-12", 15, None),
        ("\n" + workplan("WP-1"), "C-23", 2, None),
    ],
)  # fmt: skip
def test_faults_of_one_file(text: str, code: str, line: int, message: str | None) -> None:
    [(found_code, file, found_line, found_message)] = found(source(A, text))
    assert (found_code, file, found_line) == (code, A, line)
    assert message in (None, found_message)


def test_ids_that_files_share() -> None:
    one, two = workplan("WP-1", [("T01", "done")]), workplan("WP-1")
    assert [(code, file) for code, file, _, _ in found(source(A, one), source(B, two))] == [("C-04", A), ("C-04", B)]
    two = workplan("WP-2", ["```task\nid: WP-1-T01\nstatus: todo\n```\n"])
    assert found(source(A, one), source(B, two)) == [
        ("C-06", A, 14, f"task id 'WP-1-T01' is also that of {B}:12"),
        ("C-06", B, 12, f"task id 'WP-1-T01' is also that of {A}:14"),
    ]


def test_uuid_that_files_share() -> None:
    uuid = "0b7f1f6e-6f43-4f0e-9a3f-2f1c7f1a9b11"
    plan = workplan("WP-1", [{"id": id, "status": "todo", "state_hub_task_id": uuid} for id in ("T01", "T02")])
    assert [(code, line) for code, _, line, _ in found(source(A, plan))] == [("C-17", 14), ("C-17", 22)]


def test_file_that_cannot_be_read() -> None:
    assert found(ReadFile(A, None, "a link that leads out of the repo")) == [
        ("C-02", A, None, "a link that leads out of the repo")
    ]


def went_back(old: str, new: str) -> Finding:
    message = (
        f"task 'Task WP-1-T01' goes back from {old} to {new}, which the hub would undo; to do it on purpose, reopen it "
        f"in the hub (reopen_task WP-1-T01 {new} --reason …): the file follows"
    )
    return Finding("C-13", message, A, 14, "WP-1", "WP-1-T01", old, new)


@pytest.mark.parametrize(
    ("old", "new", "is_back"),
    [
        ("done", "todo", True), ("done", "in_progress", True), ("blocked", "todo", True), ("cancelled", "todo", True),
        ("todo", "done", False), ("done", "cancelled", False), ("blocked", "in_progress", False),
        ("done", "done", False),
    ],
)  # fmt: skip
def test_status_that_goes_back(old: str, new: str, is_back: bool) -> None:
    before, after = (source(A, workplan("WP-1", [("T01", status)])) for status in (old, new))
    assert check_statuses([[before]], [after]) == ([went_back(old, new)] if is_back else [])


def test_task_is_followed_to_another_file() -> None:
    before = source(B, workplan("WP-1", [("T01", "done")]))
    assert check_statuses([[before]], [source(A, workplan("WP-1", [("T01", "todo")]))]) == [went_back("done", "todo")]


def test_status_of_the_merged_side_is_not_the_merges_doing() -> None:
    ours, theirs = (source(A, workplan("WP-1", [("T01", status)])) for status in ("done", "todo"))
    assert check_statuses([[ours], [theirs]], [theirs]) == []
    between = source(A, workplan("WP-1", [("T01", "in_progress")]))
    assert check_statuses([[ours], [theirs]], [between]) == [went_back("done", "in_progress")]


def test_new_task_has_not_gone_back() -> None:
    assert check_statuses([[]], [source(A, workplan("WP-1", [("T01", "todo")]))]) == []
