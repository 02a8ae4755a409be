"""Authors of workplans can change nothing except what the hub mirrors."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consistency.core.actions import WriteBack
from consistency.core.workplan.model import Unreadable, Workplan
from consistency.core.workplan.parse import parse_workplan
from consistency.git.files import ReadFile, read_files
from consistency.git.writeback import message
from statehub.models import Task, Workstream
from testing.hub import Hub
from testing.repos import Clone, Origin
from testing.workplans import workplan
from tests.cli.helpers import document, fix, run
from tests.git.desk import commit_workplans, item, written

LIMIT = 1000
GITS_OWN = "a link that leads into git's own folder"
NESTED = "a link that leads into another repository"
DAY = datetime(2026, 3, 4, tzinfo=UTC)


def linked(clone: Clone, target: str) -> list[ReadFile]:
    (clone.path / "link.md").symlink_to(target)
    return list(read_files(str(clone.path), ["link.md"], LIMIT))


@pytest.mark.parametrize("target", [".git/config", ".git/description", ".GIT/config"])
def test_link_into_gits_own_folder_is_not_read(clone: Clone, target: str) -> None:
    if target.startswith(".GIT"):
        clone.write(target, "a folder of that name, where capitals count")
    assert linked(clone, target) == [ReadFile("link.md", None, GITS_OWN)]


def test_folder_that_became_a_link_into_gits_own_is_not_read(clone: Clone) -> None:
    (clone.path / "plans").symlink_to(".git")
    assert list(read_files(str(clone.path), ["plans/config"], LIMIT)) == [ReadFile("plans/config", None, GITS_OWN)]


def test_link_into_a_nested_repository_is_not_read(clone: Clone, origin: Origin) -> None:
    clone.git("clone", "--quiet", str(origin.path), "vendor/nested")
    clone.write("vendor/nested/deep/plan.md", "theirs")
    assert linked(clone, "vendor/nested/deep/plan.md") == [ReadFile("link.md", None, NESTED)]


def test_files_of_submodules_and_nested_repos_are_not_ours(
    clone: Clone, new_origin: Callable[[str], Origin], hub: Hub
) -> None:
    other = new_origin("other")
    theirs = other.clone("theirs")
    theirs.write("a.md", workplan("THEIRS", [("T01", "done")]))
    theirs.commit()
    theirs.push()
    clone.git("submodule", "add", "--quiet", str(other.path), "workplans/module")
    clone.git("clone", "--quiet", str(other.path), "workplans/nested")
    clone.write("workplans/ours.md", workplan("OURS", [("T01", "done")]))
    assert document(fix("--path", clone.path, "--no-fetch"))["repos"][0]["converged"] is True
    assert list(Workstream.objects.values_list("key", flat=True)) == ["OURS"]


def test_writeback_does_not_reach_a_file_through_a_hard_link(clone: Clone, tmp_path: Path) -> None:
    commit_workplans(clone)
    outside = tmp_path / "outside.md"
    os.link(clone.path / "workplans/a.md", outside)
    before = outside.read_bytes()
    assert written(clone, item()).commit == clone.head
    assert (outside.read_bytes(), clone.read("workplans/a.md")) == (
        before,
        before.replace(b"status: todo", b"status: done", 1),
    )


def test_stamp_ids_does_not_write_through_a_link(clone: Clone, hub: Hub) -> None:
    text = workplan("OURS", [("T01", "todo")])
    clone.write("notes/plan.md", text)
    clone.write("workplans/link.md", "")
    (clone.path / "workplans/link.md").unlink()
    (clone.path / "workplans/link.md").symlink_to("../notes/plan.md")
    clone.commit()
    clone.push()
    fix("--path", clone.path)
    ended = run("stamp_ids", "clone")
    assert "the file is a symbolic link, which a writeback does not follow" in ended.stdout + ended.stderr
    assert clone.read("notes/plan.md").decode() == text
    assert clone.status() == []


@pytest.mark.parametrize(
    "title",
    [
        "!!python/object/apply:os.system ['touch pwned']",
        "!!python/name:os.system",
        "&anchor x",
        "*alias",
        "!include /etc/passwd",
    ],
)
def test_yaml_makes_nothing_but_text(title: str) -> None:
    text = f"---\nid: A\ntype: workplan\nstatus: active\ntitle: {title}\n---\n```task\nid: T\nstatus: todo\n```\n"
    parsed = parse_workplan("a.md", text.encode())
    assert isinstance(parsed, Unreadable)
    assert "is not allowed here" in parsed.problems[0].message
    block = parse_workplan("a.md", text.replace(title, "x").replace("id: T", f"id: T\ntitle: {title}").encode())
    assert isinstance(block, Workplan)
    assert (block.blocks, len(block.problems)) == ((), 1)


@pytest.mark.parametrize(
    "key", ["Signed-off-by: Someone <a@b>", "x\u2028Signed-off-by: y", "(cherry picked from commit 1)", "# comment"]
)
def test_task_id_stays_on_its_line_of_the_commit(clone: Clone, key: str) -> None:
    text = message([WriteBack("a.md", "A", key, "todo", "done", DAY)], DAY)
    assert text.split("\n")[3:] == [f"- {key}: todo → done", ""]
    assert clone.git("interpret-trailers", "--parse", input=text) == ""


@pytest.mark.parametrize("key", ["a\\nb", "a\\rb", "a\\x1b[31mb", "a\\0b", "x" * 201])
def test_task_id_holds_no_line_end_and_no_control_character(key: str) -> None:
    parsed = parse_workplan("a.md", workplan("A", [f'```task\nid: "{key}"\nstatus: todo\n```\n']).encode())
    assert isinstance(parsed, Workplan)
    assert (parsed.blocks, [problem.code for problem in parsed.problems]) == ((), ["C-05"])


def test_titles_are_limited(clone: Clone, hub: Hub) -> None:
    clone.write("workplans/a.md", workplan("A", [("T01", "todo")], title="x" * 1_000_000))
    clone.write("workplans/b.md", f"{workplan('B')}\n# {'y' * 1_000_000}\n\n```task\nid: B-T\nstatus: todo\n```\n")
    fix("--path", clone.path, "--no-fetch")
    longest = [len(title) for model in (Workstream, Task) for title in model.objects.values_list("title", flat=True)]
    assert longest
    assert max(longest) <= 10_000
