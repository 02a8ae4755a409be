"""One run, from its beginning to its end: what goes wrong on the way is one checkout's trouble, and is recorded."""

from __future__ import annotations

import subprocess

import pytest
from django.db import connection

from consistency.models import LedgerEntry, Run
from statehub.models import Repo, Task, Workstream
from statehub.task_lookup import find_task
from statehub.transitions import advance
from testing.repos import Clone
from testing.repos import Origin as Bare
from testing.samples import SOMEBODY, T01, T02
from testing.workplans import workplan
from tests.cli.helpers import FILE, check, codes, document, edit, episodes, fix, mirrored, rows
from tests.cli.meanwhile import reads_tasks, reported

pytestmark = pytest.mark.usefixtures("hub")


def test_others_create_the_same_at_every_attempt(clone: Clone) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("there the last attempt keeps all others out")
    mirrored(clone)
    edit(clone, "status: todo", "status: done")
    check("clone")
    keys = [f"NEW-{number:02}" for number in range(15)]
    for key in keys:
        clone.write(f"workplans/{key}.md", workplan(key, [("T01", "todo")]))
    left, home = iter(keys), Repo.objects.get()

    def create() -> None:
        Workstream.objects.create(repo=home, key=next(left), title="Theirs", status="active", path="theirs.md")

    words = "clone: the hub changed at each of 5 attempts during this run; run it again"
    with reported(reads_tasks, create):
        ended = fix("clone")
    repo = document(ended)["repos"][0]
    assert (ended.exit, ended.stderr, repo["outcome"], repo["error"]) == (2, f"error: {words}\n", "error", words)
    assert (repo["freshness"], repo["head"], repo["findings"]) == ("fresh", clone.head, [])
    assert Run.objects.latest("started_at").error == words
    assert episodes()[1:] == [("C-11", "", 1)]
    assert {("C-07", "created"), ("C-11", "advanced")} <= set(codes(fix("clone")))


def test_report_during_the_writeback_is_left_to_the_next_run(clone: Clone) -> None:
    mirrored(clone)
    advance(find_task(T01), "in_progress", SOMEBODY)
    hook = clone.path / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\nexit 0\n")
    hook.chmod(0o755)
    with reported(reads_tasks, lambda: advance(find_task(T01), "done", SOMEBODY)):
        assert codes(fix("clone")) == [("C-13", "written_back")]
    assert b"status: done" not in clone.read(FILE)
    assert codes(fix("clone")) == [("C-13", "written_back")]
    assert b"status: done" in clone.read(FILE)
    assert codes(fix("clone")) == []


def test_merge_under_way_holds_the_run_back(clone: Clone) -> None:
    mirrored(clone)
    advance(find_task(T01), "done", SOMEBODY)
    (clone.path / ".git/MERGE_HEAD").write_text(clone.head + "\n")
    ended = fix("clone")
    assert codes(ended) == [("C-21", "none")]
    assert "a merge is in progress" in ended.stdout
    (clone.path / ".git/MERGE_HEAD").unlink()
    assert codes(fix("clone")) == [("C-13", "written_back")]


def test_own_commits_that_are_not_pushed_are_no_reason_to_stop(origin: Bare, clone: Clone) -> None:
    mirrored(clone)
    for place, task in enumerate((T01, T02), start=1):
        advance(find_task(task), "done", SOMEBODY)
        repo = document(fix("clone"))["repos"][0]
        assert (repo["freshness"], repo["ahead"], repo["converged"]) == ("fresh", place, True)
    repo = document(fix("clone"))["repos"][0]
    assert (repo["ahead"], repo["writeback_commit"]) == (2, None)


def test_other_clone_takes_the_pushed_commit(origin: Bare, clone: Clone) -> None:
    mirrored(clone)
    other = origin.clone("other")
    fix("--path", other.path)
    advance(find_task(T01), "done", SOMEBODY)
    fix("--path", clone.path)
    clone.push()
    assert codes(fix("--path", other.path)) == [("C-14", "none")]
    assert codes(fix("--path", other.path, "--pull")) == []
    assert other.head == clone.head


def test_check_and_dry_run_keep_no_lock_and_no_trace(clone: Clone) -> None:
    mirrored(clone)
    before = clone.status(), rows(LedgerEntry)
    for _ in range(2):
        check("clone")
        fix("clone", "--dry-run")
    assert (clone.status(), rows(LedgerEntry)) == before
    listed = subprocess.run(
        ["git", "status", "--porcelain", "--ignored"], cwd=clone.path, capture_output=True, check=True
    )
    assert listed.stdout == b""
    assert [str(entry) for entry in LedgerEntry.objects.all()] == [FILE]


def test_fault_of_our_own_stops_one_checkout_and_no_other(clone: Clone, origin: Bare) -> None:
    mirrored(clone)
    edit(clone, "status: todo", "status: done")
    LedgerEntry.objects.update(content="{}")
    ended = fix("clone")
    words = "clone: internal error, please report it: KeyError: 'key'"
    assert (ended.exit, ended.stderr) == (2, f"error: {words}\n")
    assert [(run.outcome, run.error) for run in Run.objects.order_by("started_at")][1:] == [("error", words)]
    assert Task.objects.get(key=T01).status == "todo"
