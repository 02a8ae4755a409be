"""The helpers over real git and the builder of workplans."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from testing.gitlog import GitProcesses
from testing.repos import Clone, Origin
from testing.workplans import task, workplan


def test_clones_meet_at_their_origin(origin: Origin, clone: Clone) -> None:
    other = origin.clone("other")
    clone.write("workplans/a.md", "a\r\n")
    commit = clone.commit("Add a", date="2026-01-02T03:04:05Z")
    clone.push()
    other.pull()
    assert other.head == commit == origin.head
    assert other.read("workplans/a.md") == b"a\r\n"
    assert other.log("%an <%ae> %cI %s") == [
        "Test Person <test@example.org> 2026-01-02T03:04:05+00:00 Add a",
        other.git("log", "-1", "--skip=1", "--format=%an <%ae> %cI %s"),
    ]
    assert (clone.status(), other.status()) == ([], [])


def test_status_of_a_dirty_clone(clone: Clone) -> None:
    clone.write("README.md", b"other\n")
    clone.write("new/file", "")
    assert clone.status() == [" M README.md", "?? new/file"]


def test_a_git_command_that_fails_tells_why(clone: Clone) -> None:
    with pytest.raises(AssertionError, match=r"git rev-parse nothing failed with 128: fatal: ambiguous argument"):
        clone.git("rev-parse", "nothing")


def test_new_origins_are_apart(new_origin: Callable[[str], Origin]) -> None:
    paths = [new_origin(name).clone(name).path for name in ("one", "two")]
    assert [path.parent.name for path in paths] == ["one", "two"]
    assert all((path / "README.md").is_file() for path in paths)


def test_git_processes_are_counted_once_each(clone: Clone, git_processes: GitProcesses) -> None:
    clone.write("a", "")
    git_processes.clear()
    clone.commit("First\n\nline")
    assert len(git_processes) == 2
    assert git_processes.calls == [
        ["add", "--all"],
        ["commit", "--quiet", "--allow-empty", "--message=First\n\nline"],
    ]
    git_processes.clear()
    clone.git("fetch", "--quiet")  # starts more of its own, which do not count
    assert list(git_processes) == [["fetch", "--quiet"]]


def test_git_processes_of_one_path_alone(tmp_path: Path) -> None:
    processes = GitProcesses.logged_in(tmp_path / "a folder's")
    for path in (processes.path, os.environ["PATH"]):
        shown = subprocess.run(["git", "--version"], env={"PATH": path}, capture_output=True, text=True, check=True)
        assert shown.stdout.startswith("git version")
    assert processes.calls == [["--version"]]
    processes.clear()
    assert processes.calls == []


def test_environment_is_pinned() -> None:
    home = Path(os.environ["HOME"])
    assert home.name == "home"
    assert home.parent.name.startswith("statehub-tests-")
    name = subprocess.run(["git", "config", "user.name"], capture_output=True, text=True, check=True).stdout
    assert name == "Test Person\n"
    assert os.environ["STATEHUB_HOST"] == "test-host"


def test_workplan_with_tasks() -> None:
    text = workplan("WP-1", ["Words.\n", ("T01", "done"), {"id": "WP-1-T02", "priority": "high"}], owner="me")
    assert text == (
        "---\nid: WP-1\ntype: workplan\ntitle: Workplan WP-1\nstatus: active\nowner: me\n---\n\n# Workplan WP-1\n"
        "\nWords.\n"
        "\n### Task WP-1-T01\n\n```task\nid: WP-1-T01\nstatus: done\n```\n"
        "\n### Task WP-1-T02\n\n```task\nid: WP-1-T02\nstatus: todo\npriority: high\n```\n"
    )


def test_task_with_a_heading() -> None:
    assert task("X", heading="T01 — Name", title="Other") == (
        "### T01 — Name\n\n```task\nid: X\nstatus: todo\ntitle: Other\n```\n"
    )


def test_head_is_what_git_says(origin: Origin, clone: Clone) -> None:
    commits = [clone.commit("One"), clone.commit("Two")]
    clone.git("pack-refs", "--all")
    clone.git("worktree", "add", "--quiet", "--detach", "../other", commits[0])
    other = Clone(clone.path.with_name("other"))
    seen = [clone.head, other.head, origin.head]
    assert seen == [each.git("rev-parse", "HEAD") for each in (clone, other, origin)]
    clone.git("checkout", "--quiet", "--detach", commits[0])
    assert (clone.head, seen[:2]) == (commits[0], [commits[1], commits[0]])
