"""A reopen holds against every older statement, however its commit comes back; work done since is news."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from consistency.models import OwnCommit
from consistency.runs.stale_changes import NOT_SHOWN
from statehub.models import Checkout, StatusChange
from testing.gitlog import GitProcesses
from testing.repos import Clone, Origin
from testing.samples import T01, T02
from testing.workplans import workplan
from tests.cli.helpers import FILE, codes, findings, statuses
from tests.multihost.machine import Machine, make_machines, reopen, report

pytestmark = pytest.mark.usefixtures("hub")

MOVED = workplan("WP-2", [{"id": T01, "status": "done"}]).replace("WP-2-WP-1", "WP-1")
REOPENED = f"task 'Task {T01}' was reopened in the hub, the file still has the old status (db=todo, file=done)"

STANDS = [("C-15", "written_back")]
NEWS = [("C-11", "advanced")]
DAY = timedelta(days=1)


def commit_done(at_work: Machine, message: str = "Done", *, off: timedelta | None = None) -> str:
    """Set T01 to done and commit it, as a person; the clock is *off* by so much."""
    at_work.edit(T01, "done")
    date = (datetime.now(UTC) + off).isoformat() if off is not None else None
    return at_work.clone.commit(message, date=date)


def push_done_and_reopen(a: Machine, *, off: timedelta | None = None) -> str:
    """Set T01 to done on *a*, push, bring it to the hub, and reopen it."""
    commit = commit_done(a, off=off)
    a.push()
    assert codes(a.fix()) == NEWS
    reopen(T01, "todo")
    return commit


def commit_other_work(at_work: Machine, name: str = "notes.md") -> None:
    at_work.clone.write(name, "Something else.\n")
    at_work.commit("Something else")


def make_machine_with_clone(origin: Origin, name: str, *args: str) -> Machine:
    """Return a machine with a clone of its own kind, over a transport that knows depths and filters."""
    origin.git("config", "uploadpack.allowFilter", "true")
    path = origin.path.with_name(name)
    origin.git("clone", "--quiet", *args, f"file://{origin.path}", str(path))
    made = Machine(name, Clone(path))
    assert made.manage("register_repo", str(path), "--slug", "a").exit == 0
    return made


def messages(ended: object) -> list[str]:
    return [finding["message"] for finding in findings(ended)]  # type: ignore[arg-type]


class TestOldStatement:
    def test_shallow_clone(self, origin: Origin) -> None:
        """Nothing in it tells that the commit is older."""
        (a,) = make_machines(origin, "a")
        push_done_and_reopen(a)
        commit_other_work(a)
        a.push()
        c = make_machine_with_clone(origin, "c", "--depth", "1")
        ended = c.fix()
        assert codes(ended) == STANDS
        assert messages(ended) == [REOPENED + NOT_SHOWN]
        assert (statuses()[T01], c.statuses()[T01]) == ("todo", "todo")
        assert codes(c.fix()) == []

    def test_shallow_clone_that_still_has_the_commit(self, origin: Origin) -> None:
        (a,) = make_machines(origin, "a")
        push_done_and_reopen(a)
        commit_other_work(a)
        a.push()
        ended = make_machine_with_clone(origin, "c", "--depth", "3").fix()
        assert codes(ended) == STANDS
        assert NOT_SHOWN not in messages(ended)[0]

    @pytest.mark.parametrize("kind", ["blob:none", "tree:0"])
    def test_partial_clone(self, origin: Origin, kind: str) -> None:
        (a,) = make_machines(origin, "a")
        push_done_and_reopen(a)
        commit_other_work(a)
        a.push()
        assert codes(make_machine_with_clone(origin, "c", f"--filter={kind}").fix()) == STANDS

    def test_own_writeback_that_a_person_rebased(self, origin: Origin) -> None:
        """Under another name by `.mailmap`, and a late pull."""
        a, b = make_machines(origin, "a", "b")
        report(T01, "done")
        assert codes(a.fix()) == [("C-13", "written_back")]
        commit_other_work(b)
        b.push()
        a.clone.git("pull", "--quiet", "--rebase")
        a.clone.write(".mailmap", "Robot <robot@x> State Hub <state-hub@localhost>\n")
        a.commit("Names")
        a.push()
        reopen(T01, "todo")
        b.pull()
        assert codes(b.fix()) == STANDS
        assert statuses()[T01] == "todo"

    def test_own_writeback_that_a_person_squashed(self, origin: Origin) -> None:
        a, b = make_machines(origin, "a", "b")
        report(T01, "done")
        assert codes(a.fix()) == [("C-13", "written_back")]
        commit_other_work(a)
        reopen(T01, "todo")
        a.clone.git("reset", "--quiet", "--soft", "origin/main")
        a.commit("All of it")
        a.push()
        b.pull()
        assert codes(b.fix()) == STANDS

    @pytest.mark.parametrize("how", ["amend", "cherry-pick"])
    def test_own_writeback_made_again(self, origin: Origin, how: str) -> None:
        a, b = make_machines(origin, "a", "b")
        report(T01, "done")
        assert codes(a.fix()) == [("C-13", "written_back")]
        own = a.clone.head
        reopen(T01, "todo")
        if how == "amend":
            a.clone.git("commit", "--quiet", "--amend", "--message=In my words", env={"GIT_COMMITTER_NAME": "Ada"})
        else:
            a.clone.git("reset", "--quiet", "--hard", "origin/main")
            commit_other_work(a)
            a.clone.git("cherry-pick", own)
        a.push()
        b.pull()
        assert codes(b.fix()) == STANDS

    def test_own_writeback_under_a_former_name(self, origin: Origin) -> None:
        a, b = make_machines(origin, "a", "b")
        with override_settings(STATEHUB_COMMIT_NAME="Former", STATEHUB_COMMIT_EMAIL="former@x"):
            report(T01, "done")
            assert codes(a.fix()) == [("C-13", "written_back")]
        Checkout.objects.update(head="", tip="")
        reopen(T01, "todo")
        a.push()
        b.pull()
        assert codes(b.fix()) == STANDS

    @pytest.mark.parametrize("off", [-DAY, DAY], ids=["clock behind", "clock ahead"])
    @pytest.mark.parametrize(
        "again",
        [
            ("commit", "--quiet", "--amend", "--message=In other words"),
            ("commit", "--quiet", "--amend", "--reset-author", "--no-edit"),
            ("rebase", "--quiet", "--force-rebase", "HEAD~1"),
        ],
        ids=["amended", "amended with a new date", "rebased"],
    )
    def test_commit_made_again(self, origin: Origin, again: tuple[str, ...], off: timedelta) -> None:
        a, b = make_machines(origin, "a", "b")
        old = commit_done(a, off=off)
        assert codes(a.fix()) == NEWS
        reopen(T01, "todo")
        a.clone.git(*again, env={"GIT_COMMITTER_NAME": "Another Person"})
        assert a.clone.head != old
        a.push()
        b.pull()
        assert codes(b.fix()) == STANDS

    def test_commits_squashed_to_one(self, origin: Origin) -> None:
        a, b = make_machines(origin, "a", "b")
        commit_done(a)
        assert codes(a.fix()) == NEWS
        commit_other_work(a)
        reopen(T01, "todo")
        a.clone.git("reset", "--quiet", "--soft", "origin/main")
        a.commit("All of it")
        a.push()
        b.pull()
        assert codes(b.fix()) == STANDS

    def test_commit_picked_to_another_branch_of_history(self, origin: Origin) -> None:
        a, b = make_machines(origin, "a", "b")
        old = commit_done(a)
        assert codes(a.fix()) == NEWS
        reopen(T01, "todo")
        commit_other_work(b)
        b.clone.git("fetch", "--quiet", str(a.clone.path), "main")
        b.clone.git("cherry-pick", old)
        assert codes(b.fix()) == STANDS

    def test_uncommitted_then_committed_and_pulled_elsewhere(self, origin: Origin) -> None:
        a, b = make_machines(origin, "a", "b")
        a.edit(T01, "done")
        assert codes(a.fix()) == NEWS
        reopen(T01, "todo")
        a.commit("At last")
        a.push()
        b.clone.git("config", "core.autocrlf", "true")
        b.pull()
        assert codes(b.fix()) == STANDS

    def test_workplan_renamed(self, origin: Origin) -> None:
        a, b = make_machines(origin, "a", "b")
        push_done_and_reopen(a)
        a.clone.git("mv", FILE, "workplans/z.md")
        a.commit("Rename")
        a.push()
        b.pull()
        assert sorted(codes(b.fix())) == [("C-12", "updated"), *STANDS]

    def test_block_moved_to_another_workplan(self, origin: Origin) -> None:
        a, b = make_machines(origin, "a", "b")
        push_done_and_reopen(a)
        a.clone.write("workplans/b.md", MOVED)
        a.clone.write(FILE, workplan("WP-1", [("T02", "in_progress")]))
        a.commit("Move")
        a.push()
        b.pull()
        assert ("C-15", "written_back") in codes(b.fix())
        assert statuses()[T01] == "todo"

    def test_merge_with_a_conflict_resolved_to_it(self, origin: Origin) -> None:
        a, b = make_machines(origin, "a", "b")
        push_done_and_reopen(a)
        b.edit(T01, "in_progress")
        b.commit("Begun")
        b.clone.git("fetch", "--quiet")
        b.clone.git("merge", "--quiet", "-Xtheirs", "--no-edit", "origin/main")
        assert b.statuses()[T01] == "done"
        assert codes(b.fix()) == STANDS

    def test_octopus(self, origin: Origin) -> None:
        a, b = make_machines(origin, "a", "b")
        push_done_and_reopen(a)
        for name in ("one", "two"):
            b.clone.git("switch", "--quiet", "-c", name, "main")
            commit_other_work(b, f"{name}.md")
        b.clone.git("switch", "--quiet", "main")
        b.clone.git("fetch", "--quiet")
        b.clone.git("merge", "--quiet", "--no-edit", "one", "two", "origin/main")
        assert codes(b.fix()) == STANDS

    def test_runs_pruned_and_clone_gone_in_between(self, origin: Origin) -> None:
        a, b = make_machines(origin, "a", "b")
        report(T01, "done")
        commit_done(a)
        a.push()
        assert codes(a.fix()) == []
        reopen(T01, "todo")
        commit_other_work(a)
        a.fix("--push")
        from consistency.models import Finding, Run

        Finding.objects.all().delete()
        Run.objects.all().delete()
        Checkout.objects.filter(host="a").delete()
        b.pull()
        assert codes(b.fix()) in ([], STANDS)
        assert statuses()[T01] == "todo"

    def test_replaced_commit(self, origin: Origin) -> None:
        """`git replace` shows people another history than the one there is."""
        a, b = make_machines(origin, "a", "b")
        push_done_and_reopen(a)
        commit_other_work(a)
        a.push()
        b.pull()
        b.clone.git("replace", "--graft", "HEAD")
        assert codes(b.fix()) == STANDS


class TestNews:
    @pytest.mark.parametrize("off", [None, -DAY, DAY], ids=["clock right", "clock behind", "clock ahead"])
    @pytest.mark.parametrize("where", ["same machine", "another machine", "shallow clone"])
    def test_done_again_upon_the_writeback(self, origin: Origin, where: str, off: timedelta | None) -> None:
        a, b = make_machines(origin, "a", "b")
        push_done_and_reopen(a)
        assert codes(a.fix("--push")) == STANDS
        at_work = b if where == "another machine" else a
        if at_work is b:
            b.pull()
        commit_done(at_work, "Done again", off=off)
        at_work.push()
        seen = make_machine_with_clone(origin, "c", "--depth", "2") if where == "shallow clone" else at_work
        assert codes(seen.fix()) == NEWS
        assert statuses()[T01] == "done"

    def test_done_again_in_a_shallow_clone_without_the_writeback(self, origin: Origin) -> None:
        (a,) = make_machines(origin, "a")
        push_done_and_reopen(a, off=-DAY)
        assert codes(a.fix("--push")) == STANDS
        commit_other_work(a)
        commit_done(a, "Done again", off=timedelta(minutes=1))
        a.push()
        assert codes(make_machine_with_clone(origin, "c", "--depth", "2").fix()) == NEWS

    def test_revert_of_a_revert(self, origin: Origin) -> None:
        a, b = make_machines(origin, "a", "b")
        push_done_and_reopen(a)
        b.pull()
        b.clone.git("revert", "--no-edit", "HEAD")
        assert codes(b.fix()) == []
        b.clone.git("revert", "--no-edit", "HEAD")
        assert codes(b.fix()) == NEWS

    def test_another_status_by_amend(self, origin: Origin) -> None:
        """Only a clone that has what it replaced can tell that it is news."""
        a, b = make_machines(origin, "a", "b")
        a.edit(T01, "in_progress")
        a.commit("Begun")
        assert codes(a.fix()) == NEWS
        reopen(T01, "todo")
        a.edit(T01, "done")
        a.clone.git("commit", "--quiet", "--amend", "--all", "--no-edit")
        a.push()
        b.pull()
        assert messages(b.check()) == [REOPENED + NOT_SHOWN]
        assert codes(a.fix()) == NEWS

    def test_merge_brings_work_beside_an_old_statement(self, origin: Origin) -> None:
        a, b = make_machines(origin, "a", "b")
        push_done_and_reopen(a)
        commit_other_work(a)
        a.push()
        assert codes(a.fix("--push")) == STANDS
        commit_other_work(b)
        b.clone.git("pull", "--quiet", "--no-rebase", "--no-edit")
        b.edit(T01, "done")
        b.commit("Done again")
        assert codes(b.fix()) == NEWS


class TestEvidence:
    def test_heads_of_all_checkouts_are_kept_with_the_reopen(self, origin: Origin) -> None:
        a, b = make_machines(origin, "a", "b")
        old = b.clone.head
        new = push_done_and_reopen(a)
        assert StatusChange.objects.get(reopen=True).known_heads == sorted([new, old])

    def test_own_commit_is_enough(self, origin: Origin) -> None:
        a, b = make_machines(origin, "a", "b")
        commit = commit_done(a)
        reopen_after_report()
        OwnCommit.objects.create(repo=Checkout.objects.first().repo, commit=commit)  # type: ignore[union-attr]
        a.push()
        b.pull()
        assert codes(b.fix()) == STANDS


def reopen_after_report() -> None:
    report(T01, "in_progress")
    reopen(T01, "todo")


@pytest.mark.parametrize("size", [1, 5, 50])
def test_queries_and_processes_do_not_grow(origin: Origin, git_processes: GitProcesses, size: int) -> None:
    """Old statements and news, each in a file and in a commit of its own, by one fix."""
    a, b = make_machines(origin, "a", "b")
    plans = [f"WP-{number}" for number in range(2, 2 + size)]
    for plan in plans:
        a.clone.write(f"workplans/{plan}.md", workplan(plan, [("T01", "todo"), ("T02", "todo")]))
    a.commit()
    a.push()
    b.pull()
    assert (a.fix().exit, b.fix().exit) == (0, 0)
    for plan in plans:
        a.clone.write(f"workplans/{plan}.md", workplan(plan, [("T01", "done"), ("T02", "todo")]))
        a.clone.git("commit", "--quiet", "--all", "--message=Work")
    a.push()
    assert codes(a.fix()) == NEWS * size
    for plan in plans:
        reopen(f"{plan}-T01", "todo")
    for plan in plans:
        a.clone.write(f"workplans/{plan}.md", workplan(plan, [("T01", "done"), ("T02", "done")]))
        a.clone.git("commit", "--quiet", "--all", "--message=Work")
    a.push()
    b.pull()
    git_processes.clear()
    with CaptureQueriesContext(connection) as captured:
        ended = b.fix("--no-writeback")
    assert codes(ended) == [("C-15", "skipped"), ("C-11", "advanced")] * size
    provenance = [call for call in git_processes if call[-2:] == ["cat-file", "--batch"] or "--full-history" in call]
    assert len(provenance) == 2
    evidence = ("known_heads", "consistency_owncommit", '"authored"')
    asked = [query["sql"] for query in captured if query["sql"].startswith("SELECT")]
    assert sum(any(word in sql for word in evidence) for sql in asked) == 3


class TestWho:
    def test_author_of_the_commit(self, origin: Origin) -> None:
        (a,) = make_machines(origin, "a")
        a.edit(T01, "done")
        a.clone.git("commit", "--quiet", "--all", "--message=Done", "--author=Ada Löwe <ada@x>")
        commit = a.clone.head
        commit_other_work(a)
        assert codes(a.fix()) == NEWS
        (change,) = StatusChange.objects.all()
        authored = int(a.clone.git("show", "-s", "--format=%at", commit))
        assert (change.who, change.commit, change.authored) == ("Ada Löwe", commit, authored)
        assert len(change.digest) == 64

    def test_uncommitted_is_by_the_user_of_the_run(self, origin: Origin) -> None:
        (a,) = make_machines(origin, "a")
        a.edit(T01, "done")
        assert codes(a.fix()) == NEWS
        (change,) = StatusChange.objects.all()
        assert (change.who, change.commit, change.authored) == (a.last_run.user, "", None)
        assert len(change.digest) == 64

    def test_not_known_is_by_the_user_of_the_run_at_head(self, origin: Origin) -> None:
        (a,) = make_machines(origin, "a")
        commit_done(a)
        commit_other_work(a)
        a.push()
        c = make_machine_with_clone(origin, "c", "--depth", "1")
        assert codes(c.fix()) == NEWS
        (change,) = StatusChange.objects.all()
        assert (change.who, change.commit, change.digest) == (c.last_run.user, c.clone.head, "")

    def test_each_task_has_its_own(self, origin: Origin) -> None:
        (a,) = make_machines(origin, "a")
        for task, author in ((T01, "Ada"), (T02, "Ben")):
            a.edit(task, "done")
            a.clone.git("commit", "--quiet", "--all", "--message=Done", f"--author={author} <x@x>")
        assert codes(a.fix()) == NEWS * 2
        found = StatusChange.objects.order_by("task__key").values_list("task__key", "who")
        assert list(found) == [(T01, "Ada"), (T02, "Ben")]
