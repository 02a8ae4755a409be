"""One commit beside the branch, then files, index and branch: no hook runs, and no other change is lost."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from consistency.core.actions import StatusWritten
from consistency.git.commit import recover, writeback_blocker
from consistency.git.committer import Committer
from consistency.git.worktree import WorkTree
from testing.repos import Clone
from tests.git.desk import (
    DONE,
    HASTY,
    TODO,
    WITH_HOOKS,
    Hub,
    commit_workplans,
    item,
    leftovers,
    photograph,
    refused,
    tree_and_status,
    written,
)
from tests.git.processes import gone

Hook = Callable[[str, str], Path]
HOOKS = (
    "pre-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "post-checkout",
    "post-merge",
    "post-rewrite",
    "reference-transaction",
    "post-index-change",
    "fsmonitor-watchman",
    "pre-auto-gc",
    "post-update",
)


@pytest.fixture
def clone(clone: Clone) -> Clone:
    return commit_workplans(clone)


def interfering(act: Callable[[], object]) -> Callable[[str, int, Sequence[StatusWritten]], None]:
    """Return a record that does something else before anything is written: a person at the same moment."""

    def record(commit: str, when: int, changes: Sequence[StatusWritten]) -> None:
        act()

    return record


class TestNoHooks:
    """The repo's hooks do not run, unless they are asked for."""

    def test_run(self, clone: Clone, hook: Hook) -> None:
        for name in HOOKS:
            hook(name, f"echo {name} >>.git/ran; exit 1")
        result = written(clone)
        assert (result.commit, result.faults) == (clone.head, [])
        assert not (clone.path / ".git" / "ran").exists()

    def test_from_a_folder_of_their_own(self, clone: Clone, tmp_path: Path) -> None:
        (tmp_path / "hooks").mkdir()
        for name in HOOKS:
            file = tmp_path / "hooks" / name
            file.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
            file.chmod(0o755)
        clone.git("config", "core.hooksPath", str(tmp_path / "hooks"))
        assert (written(clone).commit, (tmp_path / "ran").exists()) == (clone.head, False)

    def test_over_unsaved_work(self, clone: Clone, hook: Hook) -> None:
        hook("pre-commit", "git stash push --quiet; sleep 60")
        clone.write("README.md", "a person's line\n")
        assert written(clone).faults == []
        assert (clone.read("README.md"), clone.status()) == (b"a person's line\n", [" M README.md"])

    def test_when_a_writeback_is_refused_or_undone(self, clone: Clone, tree: WorkTree, hook: Hook) -> None:
        for name in HOOKS:
            hook(name, f"echo {name} >>.git/ran")
        clone.write(".git/index.lock", "")
        written(clone)
        (clone.path / ".git" / "index.lock").unlink()
        assert recover(tree) == []
        assert not (clone.path / ".git" / "ran").exists()

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("commit.gpgSign", "true"),
            ("gpg.format", "ssh"),
            ("gpg.program", "/no/such/program"),
            ("tag.gpgSign", "true"),
            ("user.signingKey", "nobody"),
            ("push.gpgSign", "true"),
        ],
    )
    def test_nor_a_signing_program(self, clone: Clone, name: str, value: str) -> None:
        clone.git("config", "commit.gpgSign", "true")
        clone.git("config", "gpg.program", "false")
        clone.git("config", name, value)
        assert written(clone).faults == []
        assert "gpgsig" not in clone.git("cat-file", "commit", "HEAD")


class TestHooks:
    """With STATEHUB_COMMIT_HOOKS, in a tree that holds nothing unsaved."""

    def test_run(self, clone: Clone, hook: Hook) -> None:
        for name in ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit"):
            hook(name, f"echo {name} >>.git/ran")
        assert written(clone, committer=WITH_HOOKS).faults == []
        assert clone.read(".git/ran") == b"pre-commit\nprepare-commit-msg\ncommit-msg\npost-commit\n"

    def test_make_the_same_commit_if_they_change_nothing(self, clone: Clone, hook: Hook) -> None:
        start = clone.head
        without = written(clone).commit
        clone.git("reset", "--quiet", "--hard", start)
        hook("pre-commit", "exit 0")
        assert written(clone, committer=WITH_HOOKS).commit == without

    def test_leave_no_reference_of_ours(self, clone: Clone) -> None:
        assert written(clone, committer=WITH_HOOKS).commit
        assert (clone.git("for-each-ref", "refs/worktree"), leftovers(clone)) == ("", [])

    def test_commit_is_on_record_as_it_became(self, clone: Clone, hook: Hook) -> None:
        hook("commit-msg", "echo >>$1; echo 'Change-Id: I1' >>$1")
        hub = Hub()
        result = written(clone, committer=WITH_HOOKS, record=hub.record)
        assert (list(hub.commits), result.faults) == ([clone.head], [])
        assert clone.git("log", "-1", "--format=%b").rstrip().endswith("Change-Id: I1")

    @pytest.mark.parametrize("name", ["pre-commit", "commit-msg"])
    def test_refuse(self, clone: Clone, hook: Hook, name: str) -> None:
        hook(name, "echo 'No — not today' >&2; exit 1")
        assert refused(clone, committer=WITH_HOOKS) == "No — not today"

    def test_refuse_without_a_word(self, clone: Clone, hook: Hook) -> None:
        hook("pre-commit", "exit 3")
        refused(clone, "git commit ended with 1", committer=WITH_HOOKS)

    def test_see_our_files_by_their_own_patterns(self, clone: Clone, hook: Hook) -> None:
        hook("pre-commit", "git diff --cached --name-only -- '*.md' >.git/seen; git show :workplans/a.md >.git/staged")
        assert written(clone, committer=WITH_HOOKS).faults == []
        assert (clone.read(".git/seen"), clone.read(".git/staged")) == (b"workplans/a.md\n", DONE.encode())

    @pytest.mark.parametrize("name", ["pre-commit", "prepare-commit-msg", "commit-msg"])
    def test_hang(self, clone: Clone, hook: Hook, name: str) -> None:
        hook(name, f"echo $$ >{clone.path}/.git/pid; sleep 60")
        refused(clone, "git commit did not end within 0.7 s", committer=HASTY)
        assert gone(int(clone.read(".git/pid")))
        assert [file.name for file in (clone.path / ".git").glob("*.lock")] == []

    @pytest.mark.parametrize("script", ["exit 1", "sleep 60"])
    def test_fail_or_hang_when_the_commit_stands(self, clone: Clone, hook: Hook, script: str) -> None:
        hook("post-commit", script)
        hub = Hub()
        result = written(clone, committer=HASTY, record=hub.record)
        assert (result.commit, result.faults, list(hub.commits)) == (clone.head, [], [clone.head])
        assert {path: edited.data for path, edited in result.files.items()} == {"workplans/a.md": DONE.encode()}
        assert (clone.log("%an")[0], clone.status(), leftovers(clone)) == ("State Hub", [], [])

    def taken_back(self, clone: Clone, hub: Hub) -> str:
        """Return a commit to which hooks have added something is none of ours; why."""
        before = photograph(clone)
        result = written(clone, committer=WITH_HOOKS, record=hub.record)
        assert (result.commit, result.files, hub.commits, len(result.faults)) == (None, {}, {}, 1)
        after = photograph(clone)
        assert (after["head"], after["index"], after["branch"]) == (before["head"], before["index"], before["branch"])
        assert leftovers(clone) == []
        return result.faults[0][1]

    def test_change_the_file_and_take_that_into_the_commit(self, clone: Clone, hook: Hook) -> None:
        hook("pre-commit", "echo more >>workplans/a.md; git add workplans/a.md")
        before = photograph(clone)
        words = "a hook changed what was committed (workplans/a.md), so the commit was taken back"
        assert self.taken_back(clone, Hub()) == words
        assert photograph(clone) == before

    def test_add_another_file_to_the_commit(self, clone: Clone, hook: Hook) -> None:
        hook("pre-commit", "echo more >CHANGES; git add CHANGES")
        assert self.taken_back(clone, Hub()).startswith("a hook changed what was committed")

    def test_take_a_file_out_of_the_commit(self, clone: Clone, hook: Hook) -> None:
        commit_workplans(clone, "a", "b")
        hook("pre-commit", "git rm --quiet --cached README.md")
        assert self.taken_back(clone, Hub()).startswith("a hook changed what was committed")
        assert clone.read("README.md") == b"# A repo\n"

    def test_make_a_commit_of_their_own(self, clone: Clone, hook: Hook) -> None:
        hook("post-commit", "git -c core.hooksPath=/dev/null commit --quiet --allow-empty --message=Mine")
        result = written(clone, committer=WITH_HOOKS)
        assert (result.commit is None) == bool(result.faults)
        assert (clone.status(), leftovers(clone)) == ([], [])

    def test_change_the_file_and_refuse(self, clone: Clone, hook: Hook) -> None:
        hook("pre-commit", "echo more >>workplans/a.md; echo reformatted >&2; exit 1")
        result = written(clone, committer=WITH_HOOKS)
        why = "reformatted; workplans/a.md was changed by a hook or a person since then and stays as it is"
        assert (result.commit, result.faults) == (None, [(None, why)])
        assert clone.read("workplans/a.md") == DONE.encode() + b"more\n"
        assert (clone.status(), leftovers(clone)) == ([" M workplans/a.md"], [])

    def test_change_the_file_after_the_commit(self, clone: Clone, hook: Hook) -> None:
        hook("post-commit", "echo more >>workplans/a.md")
        assert written(clone, committer=WITH_HOOKS).commit == clone.head
        assert (clone.read("workplans/a.md"), clone.status()) == (DONE.encode() + b"more\n", [" M workplans/a.md"])

    def test_delete_the_file_and_refuse(self, clone: Clone, hook: Hook) -> None:
        hook("pre-commit", "rm workplans/a.md; exit 1")
        assert "workplans/a.md was changed" in written(clone, committer=WITH_HOOKS).faults[0][1]
        assert clone.status() == [" D workplans/a.md"]

    def test_stash_and_put_back(self, clone: Clone, hook: Hook) -> None:
        hook("pre-commit", "git stash push --quiet --keep-index && git reset --quiet --hard && git stash pop --index")
        assert written(clone, committer=WITH_HOOKS).faults == []
        assert (clone.status(), clone.git("stash", "list"), leftovers(clone)) == ([], "", [])

    def test_stash_and_hang(self, clone: Clone, hook: Hook) -> None:
        """There is nothing of a person's that a stash could take away."""
        hook("pre-commit", "git stash push --quiet --keep-index; sleep 60")
        result = written(clone, committer=HASTY)
        assert (result.commit, len(result.faults)) == (None, 1)
        assert (clone.read("workplans/a.md"), clone.status(), leftovers(clone)) == (TODO.encode(), [], [])

    def test_leave_a_process_behind(self, clone: Clone, hook: Hook) -> None:
        hook("post-commit", "sleep 60 >/dev/null 2>&1 & echo $! >.git/pid")
        assert written(clone, committer=HASTY).faults == []
        os.kill(int(clone.read(".git/pid")), 9)  # it may live: its own files were its own

    def test_signing_is_never_asked_for(self, clone: Clone) -> None:
        clone.git("config", "commit.gpgSign", "true")
        clone.git("config", "gpg.program", "false")
        assert written(clone, committer=WITH_HOOKS).faults == []

    @pytest.mark.parametrize("unsaved", ["unstaged", "staged", "untracked", "deleted", "moved", "mode"])
    def test_do_not_run_over_unsaved_work(self, clone: Clone, hook: Hook, unsaved: str) -> None:
        hook("pre-commit", "touch .git/ran")
        clone.git("config", "status.showUntrackedFiles", "no")
        readme = clone.path / "README.md"
        if unsaved == "untracked":
            clone.write("new", "mine")
        elif unsaved == "deleted":
            readme.unlink()
        elif unsaved == "moved":
            clone.git("mv", "README.md", "moved")
        elif unsaved == "mode":
            readme.chmod(0o755)
        else:
            readme.write_text("mine")
        if unsaved == "staged":
            clone.git("add", "README.md")
        hub = Hub()
        words = refused(clone, "STATEHUB_COMMIT_HOOKS", committer=WITH_HOOKS, record=hub.record)
        assert ("new" if unsaved == "untracked" else "README.md") in words or unsaved == "moved"
        assert ((clone.path / ".git" / "ran").exists(), hub.commits) == (False, {})

    def test_ignored_files_are_no_unsaved_work(self, clone: Clone) -> None:
        clone.write(".git/info/exclude", "*.tmp\n")
        clone.write("x.tmp", "")
        assert written(clone, committer=WITH_HOOKS).faults == []

    def test_failing_record_loses_no_work_of_a_person(self, clone: Clone) -> None:
        """The commit was made before its id was known; without a record it must not stay as if it were ours."""

        def fail() -> None:
            raise RuntimeError("no database")

        with pytest.raises(RuntimeError, match="no database"):
            written(clone, committer=WITH_HOOKS, record=interfering(fail))
        assert (clone.log()[0], clone.status(), leftovers(clone)) == ("Plans", [], [])


class TestMeanwhile:
    """Another process acts between status and commit; `record` is called just before anything is written."""

    def lost(self, clone: Clone, act: Callable[[], object]) -> str:
        """Return a writeback that gives way to *act*: what is there after it stays exactly so; why."""
        before, after = photograph(clone), dict[str, object]()

        def then() -> None:
            act()
            after.update(photograph(clone), refs=before["refs"])  # without a reference of our own

        result = written(clone, record=interfering(then))
        assert (result.commit, result.files, len(result.faults)) == (None, {}, 1)
        assert (photograph(clone), leftovers(clone)) == (after, [])
        return result.faults[0][1]

    def test_commit_to_the_branch(self, clone: Clone) -> None:
        self.lost(clone, lambda: clone.commit("Mine"))

    def test_commit_of_the_file_to_the_branch(self, clone: Clone) -> None:
        def act() -> None:
            clone.write("workplans/a.md", TODO + "mine\n")
            clone.commit("Mine")

        self.lost(clone, act)

    def test_commit_amended(self, clone: Clone) -> None:
        self.lost(clone, lambda: clone.git("commit", "--quiet", "--amend", "--message=Mine"))

    def test_branch_moved_by_another_work_tree(self, clone: Clone) -> None:
        self.lost(clone, lambda: clone.git("update-ref", "refs/heads/main", "HEAD~1"))

    def test_branch_switched(self, clone: Clone) -> None:
        words = self.lost(clone, lambda: clone.git("checkout", "--quiet", "-b", "topic"))
        assert words == "another branch was checked out during this run"

    def test_branch_switched_to_another_commit(self, clone: Clone) -> None:
        self.lost(clone, lambda: clone.git("checkout", "--quiet", "-b", "topic", "HEAD~1"))

    def test_branch_renamed(self, clone: Clone) -> None:
        self.lost(clone, lambda: clone.git("branch", "--move", "trunk"))

    def test_branch_renamed_to_one_that_begins_like_it(self, clone: Clone) -> None:
        self.lost(clone, lambda: clone.git("branch", "--move", "main2"))

    def test_detached(self, clone: Clone) -> None:
        self.lost(clone, lambda: clone.git("checkout", "--quiet", "--detach"))

    def test_file_edited(self, clone: Clone) -> None:
        words = self.lost(clone, lambda: clone.write("workplans/a.md", TODO + "mine\n"))
        assert words.startswith("the file was changed during this run")

    def test_file_deleted(self, clone: Clone) -> None:
        self.lost(clone, (clone.path / "workplans" / "a.md").unlink)

    def test_file_made_a_link(self, clone: Clone) -> None:
        def act() -> None:
            file = clone.path / "workplans" / "a.md"
            file.rename(clone.path / "elsewhere")
            file.symlink_to("../elsewhere")

        self.lost(clone, act)

    def test_file_staged(self, clone: Clone) -> None:
        def act() -> None:
            clone.write("workplans/a.md", TODO + "mine\n")
            clone.git("add", "workplans/a.md")
            clone.write("workplans/a.md", TODO)

        self.lost(clone, act)

    def test_file_removed_from_the_index(self, clone: Clone) -> None:
        self.lost(clone, lambda: clone.git("rm", "--quiet", "--cached", "workplans/a.md"))

    @pytest.mark.parametrize("staged", [True, False])
    def test_neighbour_changed_is_no_matter_of_ours(self, clone: Clone, staged: bool) -> None:
        def act() -> None:
            clone.write("README.md", "mine")
            if staged:
                clone.git("add", "README.md")

        result = written(clone, record=interfering(act))
        assert (result.commit, result.faults) == (clone.head, [])
        assert clone.status() == ["M  README.md" if staged else " M README.md"]
        assert clone.git("show", "--format=", "--name-only") == "workplans/a.md"

    def test_index_locked(self, clone: Clone) -> None:
        result = written(clone, record=interfering(lambda: clone.write(".git/index.lock", "")))
        assert "index.lock': File exists" in result.faults[0][1]
        (clone.path / ".git" / "index.lock").unlink()
        assert (clone.read("workplans/a.md"), clone.status(), leftovers(clone)) == (TODO.encode(), [], [])

    def test_merge_begun(self, clone: Clone) -> None:
        """A merge that waits for its commit would take ours for its first parent."""

        def act() -> None:
            clone.git("checkout", "--quiet", "-b", "topic")
            clone.write("new", "x")
            clone.commit("Topic")
            clone.git("checkout", "--quiet", "main")
            clone.git("merge", "--quiet", "--no-ff", "--no-commit", "topic")

        result = written(clone, record=interfering(act))
        assert (result.commit is None) == bool(result.faults)
        assert clone.status() == ["A  new"]
        assert leftovers(clone) == []


class TestRecord:
    @pytest.mark.parametrize("error", [RuntimeError, OSError, KeyboardInterrupt])
    def test_that_fails_leaves_all_as_it_was(self, clone: Clone, error: type[BaseException]) -> None:
        def fail() -> None:
            raise error("no database")

        before = photograph(clone)
        if error is OSError:
            assert written(clone, record=interfering(fail)).faults == [(None, "no database")]
        else:
            with pytest.raises(error, match="no database"):
                written(clone, record=interfering(fail))
        assert (photograph(clone), leftovers(clone)) == (before, [])
        assert written(clone).commit == clone.head

    def test_of_a_commit_that_was_not_made_is_made_again(self, clone: Clone) -> None:
        """The same commit as before, which is on record already."""
        hub = Hub()

        def locked(commit: str, when: int, changes: Sequence[StatusWritten]) -> None:
            hub.record(commit, when, changes)
            clone.write(".git/index.lock", "")

        assert written(clone, record=locked).commit is None
        (clone.path / ".git" / "index.lock").unlink()
        assert [written(clone, record=hub.record).commit] == list(hub.commits)


def test_blocker(clone: Clone) -> None:
    assert writeback_blocker(tree_and_status(clone)[1]) is None
    clone.git("checkout", "--quiet", "--detach")
    assert writeback_blocker(tree_and_status(clone)[1]) == (
        "HEAD is detached: a commit would belong to no branch; check out a branch first"
    )
    clone.write(".git/MERGE_HEAD", f"{clone.head}\n")
    assert writeback_blocker(tree_and_status(clone)[1]) == "a merge is in progress; finish or abort it first"


def test_interrupt_puts_all_back_and_goes_on_up(clone: Clone, hook: Hook) -> None:
    hook("pre-commit", "kill -INT $(cat .git/python); sleep 60")
    clone.write(".git/python", str(os.getpid()))
    before = photograph(clone)
    with pytest.raises(KeyboardInterrupt):
        written(clone, committer=WITH_HOOKS)
    assert (photograph(clone), leftovers(clone)) == (before, [])


def test_putting_back_that_fails_is_told_and_tried_again(clone: Clone, hook: Hook, tree: WorkTree) -> None:
    hook("pre-commit", "mv .git/statehub-writeback/0 .git/away; mkdir .git/statehub-writeback/0; exit 1")
    result = written(clone, committer=WITH_HOOKS)
    assert "putting the files back failed as well" in result.faults[0][1]
    (clone.path / ".git" / "statehub-writeback" / "0").rmdir()
    (clone.path / ".git" / "away").rename(clone.path / ".git" / "statehub-writeback" / "0")
    assert recover(tree) == ["workplans/a.md"]
    assert (clone.status(), clone.read("workplans/a.md"), leftovers(clone)) == ([], TODO.encode(), [])


def test_stores_of_references_other_than_files(clone: Clone) -> None:
    """HEAD is packed away nowhere; packed branches and deep names are found as well."""
    clone.git("checkout", "--quiet", "-b", "team/Ünï.x")
    clone.git("pack-refs", "--all")
    result = written(clone, item())
    assert (result.commit, clone.git("rev-parse", "refs/heads/team/Ünï.x")) == (clone.head, clone.head)


def test_time_limit_does_not_depend_on_hooks(clone: Clone) -> None:
    assert written(clone, committer=Committer("A", "a@b", 0.001)).faults == []
