"""A writeback is one commit of its own files; whatever else a person has stays exactly so."""

from __future__ import annotations

import os
import resource
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from consistency.checkout.atomicfile import replace_file
from consistency.checkout.commit import Committer, recover
from consistency.checkout.worktree import WorkTree
from consistency.checkout.writeback import message, write_back
from tests.checkout.desk import (
    CHANGED,
    COMMITTER,
    DONE,
    HASTY,
    LIMIT,
    STARTED,
    TODO,
    digests,
    item,
    laid_out,
    leftovers,
    looked,
    photograph,
    written,
)  # fmt: skip
from tests.checkout.processes import gone
from tests.support.gitlog import GitProcesses
from tests.support.repos import Clone, Origin
from tests.support.workplans import workplan

Hook = Callable[[str, str], Path]
MESSAGE = """\
chore(consistency): sync task status from DB [auto]

Updated by fix-consistency on 2026-03-04:
- A-T1: todo → done
"""
PATCH = """\
From x Mon Sep 17 00:00:00 2001
From: X <x@example.org>
Subject: x

---
diff --git a/README.md b/README.md
--- a/README.md
+++ b/README.md
@@ -1 +1 @@
-no
+yes
"""
CHANGED_MEANWHILE = "the file was changed while this run was at work"


@pytest.fixture
def clone(clone: Clone) -> Clone:
    return laid_out(clone)


def refused(clone: Clone, *words: str, committer: Committer = COMMITTER) -> str:
    """A writeback that must fail with these words, and leave all as it was; the words."""
    before = photograph(clone)
    result = written(clone, committer=committer)
    assert (result.commit, result.files, len(result.faults)) == (None, {}, 1)
    assert photograph(clone) == before
    assert leftovers(clone) == []
    for word in words:
        assert word in result.faults[0][1]
    return result.faults[0][1]


class TestCommit:
    def test_holds_the_status_and_nothing_else(self, clone: Clone) -> None:
        parent = clone.head
        result = written(clone)
        assert (result.commit, result.faults) == (clone.head, [])
        assert {path: edited.data for path, edited in result.files.items()} == {"workplans/a.md": DONE.encode()}
        assert (clone.read("workplans/a.md"), clone.status(), leftovers(clone)) == (DONE.encode(), [], [])
        assert clone.git("rev-parse", "HEAD^") == parent
        assert clone.git("show", "--format=", "--numstat", "HEAD") == "1\t1\tworkplans/a.md"
        assert clone.git("log", "-1", "--format=%an <%ae>%n%cn <%ce>%n%ad%n%cd%n%B", "--date=iso-strict").rstrip() == (
            "State Hub <state-hub@localhost>\nState Hub <state-hub@localhost>\n"
            f"2026-03-04T05:06:07+00:00\n2026-03-04T05:06:07+00:00\n{MESSAGE}".rstrip()
        )
        assert clone.git("cat-file", "commit", "HEAD").partition("\n\n")[2] + "\n" == MESSAGE

    def test_of_several_files_lists_tasks_in_their_order(self, clone: Clone) -> None:
        laid_out(clone, "a", "b/c", "Z")
        items = [item("Z"), item("a", "A-T2"), item("a"), item("b/c", new="cancelled")]
        result = written(clone, *items)
        assert sorted(result.files) == ["workplans/Z.md", "workplans/a.md", "workplans/b/c.md"]
        assert clone.git("log", "-1", "--format=%b").splitlines()[1:] == [
            "- A-T1: todo → done", "- A-T2: todo → done", "- A-T1: todo → done", "- A-T1: todo → cancelled",
        ]  # fmt: skip
        assert clone.git("show", "--format=", "--name-only").splitlines() == sorted(result.files)

    @pytest.mark.parametrize("text", [
        pytest.param(TODO.replace("\n", "\r\n"), id="crlf"),
        pytest.param("\ufeff" + TODO, id="bom"),
        pytest.param(TODO.rstrip("\n"), id="no last line end"),
        pytest.param(TODO.replace("status: todo", "status:   'todo'  # so", 1), id="quoted, with a comment"),
        pytest.param(TODO + "trailing  \n\n\n\x0c\x85\u2028", id="odd"),
    ])  # fmt: skip
    def test_all_other_bytes_stay(self, clone: Clone, text: str) -> None:
        laid_out(clone, text=text)
        file = clone.path / "workplans" / "a.md"
        file.chmod(0o755)
        clone.commit(date=STARTED)
        assert written(clone).faults == []
        assert file.read_bytes() == text.encode().replace(b"todo", b"done", 1)
        assert (stat.S_IMODE(file.stat().st_mode), clone.status()) == (0o755, [])

    @pytest.mark.parametrize("name", [
        "a b", "'quoted' \"twice\"", "line\nend", "tab\t", "-dash", "--all", ":(exclude)x", ":!x", "ünï — ☃",
        "back\\slash", "*", "[ab]", "#", "l" * 240,
    ])  # fmt: skip
    def test_odd_names(self, clone: Clone, name: str) -> None:
        laid_out(clone, name, "neighbour")
        clone.write("workplans/neighbour.md", "mine")
        assert written(clone, item(name)).faults == []
        assert clone.git("show", "-z", "--format=", "--name-only").strip("\0\n") == f"workplans/{name}.md"
        assert clone.status() == [" M workplans/neighbour.md"]

    def test_name_with_brackets_and_its_neighbour(self, clone: Clone) -> None:
        laid_out(clone, "a[1]", "a1")
        clone.write("workplans/a1.md", "mine")
        assert written(clone, item("a[1]")).faults == []
        assert clone.git("show", "--format=", "--name-only") == "workplans/a[1].md"
        assert clone.status() == [" M workplans/a1.md"]

    def test_three_thousand_files(self, clone: Clone) -> None:
        folders = "/".join(["d" * 200] * 3)
        names = [f"{folders}/{number:04}-{'n' * 150}" for number in range(3000)]  # more than 2 MiB of paths
        laid_out(clone, *names)
        assert written(clone, *(item(name) for name in names)).faults == []
        assert len(clone.git("show", "--format=", "--name-only").splitlines()) == 3000
        assert (clone.status(), leftovers(clone)) == ([], [])

    def test_takes_a_few_git_processes(self, clone: Clone, git_processes: GitProcesses) -> None:
        laid_out(clone, *"abcdefgh")
        tree, state = looked(clone)
        items = [item(name) for name in "abcdefgh"]
        git_processes.clear()
        assert write_back(tree, state, items, digests(clone, items), COMMITTER, LIMIT).faults == []
        assert len(git_processes) == 5

    def test_in_a_linked_worktree(self, clone: Clone) -> None:
        linked = Clone(clone.path.with_name("linked"))
        clone.git("worktree", "add", "--quiet", "-b", "other", str(linked.path))
        before = photograph(clone)
        assert written(linked).commit == linked.head != clone.head
        assert (photograph(clone), linked.status(), leftovers(linked)) == (before, [], [])

    def test_in_a_shallow_clone(self, origin: Origin, clone: Clone) -> None:
        clone.push()
        origin.git("clone", "--quiet", "--depth=1", f"file://{origin.path}", str(origin.path.with_name("shallow")))
        assert written(Clone(origin.path.with_name("shallow"))).commit == written(clone).commit

    def test_in_a_repository_with_a_submodule_that_was_touched(self, origin: Origin, clone: Clone) -> None:
        clone.git("submodule", "--quiet", "add", str(origin.path), "sub")
        clone.commit(date=STARTED)
        clone.write("sub/README.md", "touched")
        clone.git("-C", "sub", "commit", "--quiet", "--all", "--message=x")
        clone.write("sub/README.md", "and again")
        before = clone.git("status", "--porcelain=v2", "--", "sub")
        assert written(clone).faults == []
        assert clone.git("status", "--porcelain=v2", "--", "sub") == before

    def test_with_a_filter(self, clone: Clone) -> None:
        clone.git("config", "filter.upper.clean", "tr a-z A-Z")
        clone.git("config", "filter.upper.smudge", "cat")
        clone.write(".gitattributes", "other.txt filter=upper\n*.md eol=crlf\n")
        clone.write("workplans/a.md", TODO.replace("\n", "\r\n"))
        clone.commit(date=STARTED)
        assert written(clone).faults == []
        assert clone.read("workplans/a.md") == DONE.replace("\n", "\r\n").encode()
        assert clone.git("show", "HEAD:workplans/a.md") + "\n" == DONE
        assert clone.status() == []

    def test_that_a_filter_makes_empty(self, clone: Clone) -> None:
        clone.git(
            "config",
            "filter.same.clean",
            f"cat >/dev/null; git cat-file blob {clone.git('hash-object', '-w', 'workplans/a.md')}",
        )
        clone.write(".gitattributes", "*.md filter=same\n")
        clone.commit(date=STARTED)
        refused(clone)


class TestStrangers:
    def test_stay_exactly_so(self, clone: Clone) -> None:
        names = ("staged", "unstaged", "both", "deleted", "removed", "moved", "flagged", "skipped")
        laid_out(clone, "a", *names)
        for name in ("staged", "both"):
            clone.write(f"workplans/{name}.md", f"{TODO}staged\n")
        clone.git("add", "--all")
        for name in ("unstaged", "both"):
            clone.write(f"workplans/{name}.md", f"unstaged\n{TODO}")
        (clone.path / "workplans" / "deleted.md").unlink()
        clone.git("rm", "--quiet", "--cached", "workplans/removed.md")
        clone.git("mv", "workplans/moved.md", "elsewhere.md")
        for name, flag in (("flagged", "--assume-unchanged"), ("skipped", "--skip-worktree")):
            clone.git("update-index", flag, f"workplans/{name}.md")
            clone.write(f"workplans/{name}.md", "hidden")
        clone.write("intended", "x")
        clone.git("add", "--intent-to-add", "intended")
        clone.write("untracked", "x")
        clone.write("workplans/new", "x")
        clone.git("add", "workplans/new")
        before = photograph(clone)
        result = written(clone)
        assert (result.commit, result.faults) == (clone.head, [])
        after = photograph(clone)
        file = str(clone.path / "workplans" / "a.md")
        changed = {name for name in before | after if before.get(name) != after.get(name)}
        assert changed == {"head", "index", file}
        was, now = (str(photo["index"]).splitlines() for photo in (before, after))
        assert [line for line in was if line not in now] == [line for line in was if "workplans/a.md" in line]
        assert clone.git("show", "--format=", "--name-only") == "workplans/a.md"

    def test_staged_mode_change_of_a_neighbour(self, clone: Clone) -> None:
        clone.git("update-index", "--chmod=+x", "README.md")
        before = clone.git("status", "--porcelain=v2")
        assert written(clone).faults == []
        assert clone.git("status", "--porcelain=v2") == before


class TestConvergence:
    @pytest.fixture
    def other(self, origin: Origin, clone: Clone) -> Clone:
        clone.push()
        return origin.clone("other")

    def test_same_parent_and_items_make_the_same_commit(self, clone: Clone, other: Clone) -> None:
        assert written(clone).commit == written(other).commit
        assert clone.head == other.head

    @pytest.mark.parametrize(("name", "value"), [
        ("user.name", "Somebody Else"),
        ("user.useConfigOnly", "true"),
        ("author.name", "Author"),
        ("committer.email", "committer@example.org"),
        ("commit.gpgSign", "true"),
        ("i18n.commitEncoding", "ISO-8859-1"),
        ("i18n.logOutputEncoding", "ISO-8859-1"),
        ("commit.template", "/no/such/template"),
        ("commit.cleanup", "strip"),
        ("commit.verbose", "true"),
        ("commit.status", "false"),
        ("core.commentChar", "-"),
        ("core.quotePath", "false"),
        ("core.abbrev", "4"),
        ("core.editor", "false"),
        ("log.showSignature", "true"),
        ("log.date", "relative"),
        ("format.pretty", "oneline"),
        ("diff.autoRefreshIndex", "false"),
        ("color.ui", "always"),
        ("core.checkStat", "minimal"),
        ("core.trustctime", "false"),
        ("core.fileMode", "false"),
        ("core.splitIndex", "true"),
        ("core.untrackedCache", "true"),
        ("index.version", "4"),
        ("feature.manyFiles", "true"),
    ])  # fmt: skip
    def test_whatever_the_settings(self, clone: Clone, other: Clone, name: str, value: str) -> None:
        other.git("config", name, value)
        result = written(other)
        assert (result.commit, result.faults) == (written(clone).commit, [])
        assert other.git("-c", "status.showUntrackedFiles=all", "diff", "--name-only", "HEAD") == ""

    def test_whatever_the_line_ends_of_the_work_tree(self, origin: Origin, clone: Clone) -> None:
        clone.push()
        windows = origin.clone("windows", "--config=core.autocrlf=true")
        assert b"\r\n" in windows.read("workplans/a.md")
        assert written(windows).commit == written(clone).commit
        assert windows.read("workplans/a.md") == DONE.replace("\n", "\r\n").encode()

    def test_whatever_the_environment(self, clone: Clone, other: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        expected = written(clone).commit
        for name, value in {
            "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "EMAIL": "x@example.org", "GIT_AUTHOR_NAME": "X",
            "GIT_AUTHOR_DATE": "2001-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2001-01-01T00:00:00Z",
            "GIT_COMMITTER_EMAIL": "x", "GIT_INDEX_FILE": "/nowhere/index", "GIT_DIR": "/nowhere",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        before = os.umask(0o077)
        try:
            assert written(other).commit == expected
        finally:
            os.umask(before)

    def test_two_hubs_agree_whatever_their_time_zone(self, clone: Clone, other: Clone) -> None:
        east = CHANGED.astimezone(timezone(timedelta(hours=14)))
        assert written(clone, item(at=east)).commit == written(other).commit

    def test_other_name_makes_another_commit(self, clone: Clone, other: Clone) -> None:
        hub = Committer("Hub — Ünï", "hub@example.org", 20)
        assert written(clone, committer=hub).commit != written(other).commit
        assert clone.log("%an <%ae> %cn <%ce>")[0] == "Hub — Ünï <hub@example.org> Hub — Ünï <hub@example.org>"


class TestDate:
    def test_is_that_of_the_newest_change(self, clone: Clone) -> None:
        laid_out(clone, "a", "b")
        assert written(clone, item(at=CHANGED), item("b", at=CHANGED - timedelta(days=1))).faults == []
        assert clone.log("%aI %cI")[0] == "2026-03-04T05:06:07+00:00 2026-03-04T05:06:07+00:00"

    def test_is_that_of_the_parent_where_it_is_later(self, clone: Clone) -> None:
        clone.commit("Later", date="2026-03-05T01:30:00+05:00")
        assert written(clone).faults == []
        assert clone.log("%aI %cI")[0] == "2026-03-04T20:30:00+00:00 2026-03-04T20:30:00+00:00"
        assert "on 2026-03-04:" in clone.git("log", "-1", "--format=%b")

    def test_day_is_that_of_utc(self, clone: Clone) -> None:
        late = datetime(2026, 3, 5, 1, 0, tzinfo=timezone(timedelta(hours=2)))
        assert written(clone, item(at=late)).faults == []
        assert "on 2026-03-04:" in clone.git("log", "-1", "--format=%b")


def test_message() -> None:
    items = [item(), item(task="A-T2", old="blocked", new="cancelled")]
    assert message(items, datetime(2026, 3, 4, tzinfo=UTC)) == MESSAGE + "- A-T2: blocked → cancelled\n"


class TestHooks:
    def test_run(self, clone: Clone, hook: Hook) -> None:
        for name in ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit"):
            hook(name, f"echo {name} >>.git/ran")
        assert written(clone).faults == []
        assert clone.read(".git/ran") == b"pre-commit\nprepare-commit-msg\ncommit-msg\npost-commit\n"

    @pytest.mark.parametrize("name", ["pre-commit", "commit-msg"])
    def test_refuse(self, clone: Clone, hook: Hook, name: str) -> None:
        clone.write("strange", "x")
        clone.git("add", "strange")
        hook(name, "echo 'No — not today' >&2; exit 1")
        assert refused(clone) == "No — not today"

    def test_refuse_without_a_word(self, clone: Clone, hook: Hook) -> None:
        hook("pre-commit", "exit 3")
        refused(clone, "git commit ended with 1")

    def test_see_our_files_by_their_own_patterns(self, clone: Clone, hook: Hook) -> None:
        hook("pre-commit", "git diff --cached --name-only -- '*.md' >.git/seen; git show :workplans/a.md >.git/staged")
        assert written(clone).faults == []
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
        result = written(clone, committer=HASTY)
        assert (result.commit, result.faults) == (clone.head, [])
        assert {path: edited.data for path, edited in result.files.items()} == {"workplans/a.md": DONE.encode()}
        assert (clone.log("%an")[0], clone.status(), leftovers(clone)) == ("State Hub", [], [])

    def test_change_the_file_and_take_that_into_the_commit(self, clone: Clone, hook: Hook) -> None:
        hook("pre-commit", "echo more >>workplans/a.md; git add workplans/a.md")
        result = written(clone)
        assert (result.commit, result.faults) == (clone.head, [])
        assert clone.git("show", "HEAD:workplans/a.md").endswith("more")
        assert clone.read("workplans/a.md") == DONE.encode() + b"more\n"
        assert leftovers(clone) == []

    def test_change_the_file_and_refuse(self, clone: Clone, hook: Hook) -> None:
        hook("pre-commit", "echo more >>workplans/a.md; echo reformatted >&2; exit 1")
        result = written(clone)
        assert (result.commit, result.faults) == (None, [(
            None, "reformatted; workplans/a.md was changed by a hook or a person meanwhile and stays as it is",
        )])  # fmt: skip
        assert clone.read("workplans/a.md") == DONE.encode() + b"more\n"
        assert (clone.status(), leftovers(clone)) == ([" M workplans/a.md"], [])

    def test_change_the_file_after_the_commit(self, clone: Clone, hook: Hook) -> None:
        hook("post-commit", "echo more >>workplans/a.md")
        assert written(clone).commit == clone.head
        assert (clone.read("workplans/a.md"), clone.status()) == (DONE.encode() + b"more\n", [" M workplans/a.md"])

    def test_delete_the_file_and_refuse(self, clone: Clone, hook: Hook) -> None:
        hook("pre-commit", "rm workplans/a.md; exit 1")
        assert "workplans/a.md was changed" in written(clone).faults[0][1]
        assert clone.status() == [" D workplans/a.md"]

    def test_leave_a_process_behind(self, clone: Clone, hook: Hook) -> None:
        hook("post-commit", "sleep 60 >/dev/null 2>&1 & echo $! >.git/pid")
        assert written(clone, committer=HASTY).faults == []
        os.kill(int(clone.read(".git/pid")), 9)  # it may live: its own files were its own


class TestStates:
    """C-16: no commit can or may be made."""

    def test_detached(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "--detach")
        refused(clone, "HEAD is detached")

    def conflict(self, clone: Clone, command: str) -> None:
        clone.git("checkout", "--quiet", "-b", "other")
        for text in ("theirs", "more theirs"):
            clone.write("README.md", text)
            clone.commit(text)
        clone.git("checkout", "--quiet", "main")
        clone.write("README.md", "ours")
        clone.commit("ours")
        with pytest.raises(AssertionError, match=r"(?i)conflict|failed"):
            clone.git(*command.split())

    @pytest.mark.parametrize(("command", "what"), [
        ("merge other", "a merge"),
        ("rebase other", "a rebase"),
        ("rebase --apply other", "a rebase or am"),
        ("cherry-pick other", "a cherry-pick"),
        ("revert --no-edit HEAD~1 other", "a revert"),
    ])  # fmt: skip
    def test_under_way(self, clone: Clone, command: str, what: str) -> None:
        if command.startswith("revert"):
            clone.write("README.md", "1")
            clone.commit()
            clone.write("README.md", "2")
            clone.commit()
            with pytest.raises(AssertionError):
                clone.git("revert", "--no-edit", "HEAD^")
        else:
            self.conflict(clone, command)
        refused(clone, f"{what} is under way; end it first")

    def test_am_under_way(self, clone: Clone) -> None:
        clone.write("patch.mbox", PATCH)
        with pytest.raises(AssertionError):
            clone.git("am", "patch.mbox")
        refused(clone, "a rebase or am is under way")

    def test_between_two_steps_of_a_cherry_pick(self, clone: Clone) -> None:
        self.conflict(clone, "cherry-pick other~1 other")
        clone.write("README.md", "solved")
        clone.commit("Solved")
        assert not (clone.path / ".git" / "CHERRY_PICK_HEAD").exists()
        refused(clone, "a cherry-pick or revert is under way")

    @pytest.mark.parametrize(
        ("command", "file"), [("merge --squash other", "SQUASH_MSG"), ("cherry-pick -n other", "MERGE_MSG")]
    )
    def test_message_that_waits_for_its_commit(self, clone: Clone, command: str, file: str) -> None:
        clone.git("checkout", "--quiet", "-b", "other")
        clone.write("new", "x")
        clone.commit("Their words")
        clone.git("checkout", "--quiet", "main")
        clone.git(*command.split())
        refused(clone, "is under way; end it first")
        assert b"Their words" in clone.read(f".git/{file}")

    def test_branch_without_a_commit(self, tmp_path: Path, origin: Origin) -> None:
        origin.git("init", "--quiet", str(tmp_path / "new"))
        new = Clone(tmp_path / "new")
        new.write("workplans/a.md", TODO)
        result = written(new)
        assert (result.commit, len(result.faults)) == (None, 1)
        assert (new.read("workplans/a.md"), new.status()) == (TODO.encode(), ["?? workplans/a.md"])

    def test_index_lock_is_held(self, clone: Clone) -> None:
        tree, state = looked(clone)
        lock = clone.write(".git/index.lock", "")
        result = write_back(tree, state, [item()], digests(clone, [item()]), COMMITTER, LIMIT)
        assert "index.lock': File exists" in result.faults[0][1]
        assert lock.exists()
        lock.unlink()
        assert (clone.status(), clone.read("workplans/a.md"), leftovers(clone)) == ([], TODO.encode(), [])

    def test_objects_cannot_be_written(self, clone: Clone) -> None:
        clone.git("repack", "-adq")
        for number in range(256):
            prefix = clone.path / ".git" / "objects" / f"{number:02x}"
            shutil.rmtree(prefix, ignore_errors=True)
            prefix.touch()
        refused(clone, "error: unable to create temporary file")

    def test_git_folder_cannot_be_written(self, clone: Clone) -> None:
        clone.write(".git/statehub-writeback", "in the way")
        tree, state = looked(clone)
        result = write_back(tree, state, [item()], digests(clone, [item()]), COMMITTER, LIMIT)
        assert (result.commit, result.files) == (None, {})
        assert result.faults == [(None, f"File exists: {clone.path}/.git/statehub-writeback")]
        assert (clone.status(), clone.read("workplans/a.md")) == ([], TODO.encode())

    def test_head_has_moved(self, clone: Clone) -> None:
        tree, state = looked(clone)
        moved = clone.commit("Moved")
        result = write_back(tree, state, [item()], digests(clone, [item()]), COMMITTER, LIMIT)
        assert (result.commit, result.faults) == (None, [(None, "HEAD moved while this run was at work")])
        assert (clone.head, clone.status()) == (moved, [])

    def test_git_gone_in_between(self, clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        tree, state = looked(clone)
        monkeypatch.setenv("PATH", str(tmp_path))
        result = write_back(tree, state, [item()], digests(clone, [item()]), COMMITTER, LIMIT)
        assert result.faults[0][1].startswith("git is not on the PATH: install git")
        assert clone.read("workplans/a.md") == TODO.encode()


class TestFiles:
    """C-16 for one file; the others go on."""

    def one_refused(self, clone: Clone, change: Callable[[Path], object], why: str) -> None:
        laid_out(clone, "a", "b")
        tree, state = looked(clone)
        items = [item("a"), item("b")]
        known = digests(clone, items)
        change(clone.path / "workplans" / "a.md")
        before = (clone.path / "workplans" / "a.md").lstat() if os.path.lexists(clone.path / "workplans/a.md") else None
        staged = clone.git("diff", "--cached")
        result = write_back(tree, state, items, known, COMMITTER, LIMIT)
        assert (result.commit, result.faults) == (clone.head, [("workplans/a.md", why)])
        assert clone.git("show", "--format=", "--name-only") == "workplans/b.md"
        if before:
            after = (clone.path / "workplans" / "a.md").lstat()
            assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
        assert clone.git("diff", "--cached") == staged
        assert leftovers(clone) == []

    def test_read_only(self, clone: Clone) -> None:
        self.one_refused(clone, lambda file: file.chmod(0o444), "the file is read-only (chmod u+w makes it writable)")

    def test_edited_since_it_was_compared(self, clone: Clone) -> None:
        self.one_refused(clone, lambda file: file.write_text(TODO + "mine"), CHANGED_MEANWHILE)

    def test_deleted(self, clone: Clone) -> None:
        self.one_refused(clone, Path.unlink, "the file cannot be read: No such file or directory")

    def test_made_a_link(self, clone: Clone) -> None:
        def link(file: Path) -> None:
            file.rename(file.with_suffix(".other"))
            file.symlink_to("a.other")

        self.one_refused(clone, link, "the file is a symbolic link, which a writeback does not follow")

    def test_made_a_pipe(self, clone: Clone) -> None:
        def pipe(file: Path) -> None:
            file.unlink()
            os.mkfifo(file)

        self.one_refused(clone, pipe, "not a regular file")

    def test_folder_made_a_link_out_of_the_repo(self, clone: Clone) -> None:
        laid_out(clone, "sub/a", "b")
        tree, state = looked(clone)
        items = [item("sub/a"), item("b")]
        known = digests(clone, items)
        outside = clone.path.with_name("outside")
        (clone.path / "workplans" / "sub").rename(outside)
        (clone.path / "workplans" / "sub").symlink_to(outside)
        result = write_back(tree, state, items, known, COMMITTER, LIMIT)
        assert result.faults == [("workplans/sub/a.md", "a link that leads out of the repo")]
        assert (outside / "a.md").read_text() == TODO

    @pytest.mark.parametrize("undone", [False, True])
    def test_staged_since_the_look(self, clone: Clone, undone: bool) -> None:
        def stage(file: Path) -> None:
            file.write_text(TODO + "mine\n")
            clone.git("add", "workplans/a.md")
            if undone:
                file.write_text(TODO)

        self.one_refused(clone, stage, CHANGED_MEANWHILE)

    def test_edited_between_the_look_and_the_reading(self, clone: Clone) -> None:
        laid_out(clone, "a", "b")
        tree, state = looked(clone)
        clone.write("workplans/a.md", TODO + "mine\n")
        items = [item("a"), item("b")]
        result = write_back(tree, state, items, digests(clone, items), COMMITTER, LIMIT)
        assert result.faults == [("workplans/a.md", CHANGED_MEANWHILE)]
        assert (clone.read("workplans/a.md"), clone.status()) == (f"{TODO}mine\n".encode(), [" M workplans/a.md"])

    @pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
    def test_changes_that_git_overlooks(self, clone: Clone, flag: str) -> None:
        laid_out(clone, "a", "b")
        clone.git("update-index", flag, "workplans/a.md")
        clone.write("workplans/a.md", TODO + "only here\n")
        result = written(clone, item("a"), item("b"))
        assert [path for path, _ in result.faults] == ["workplans/a.md"]
        assert "overlook" in result.faults[0][1]
        assert clone.read("workplans/a.md") == f"{TODO}only here\n".encode()
        assert clone.git("show", "HEAD:workplans/a.md") == TODO.rstrip("\n")

    def test_untracked_after_all(self, clone: Clone) -> None:
        tree, state = looked(clone)
        clone.git("rm", "--quiet", "--cached", "workplans/a.md")
        result = write_back(tree, state, [item()], digests(clone, [item()]), COMMITTER, LIMIT)
        assert (result.commit, len(result.faults)) == (None, 1)
        assert (clone.read("workplans/a.md"), leftovers(clone)) == (TODO.encode(), [])
        assert clone.status() == ["D  workplans/a.md", "?? workplans/a.md"]

    def test_task_gone(self, clone: Clone) -> None:
        result = written(clone, item(task="A-T9"))
        assert result.faults == [("workplans/a.md", "task 'A-T9' is not in the file any more")]
        assert (clone.status(), leftovers(clone)) == ([], [])

    def test_grown_over_the_limit(self, clone: Clone) -> None:
        tree, state = looked(clone)
        result = write_back(tree, state, [item()], digests(clone, [item()]), COMMITTER, 10)
        assert result.faults == [("workplans/a.md", "larger than the limit of 10 bytes")]

    def test_edited_at_the_last_moment(self, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        laid_out(clone, "a", "b")
        before = clone.head

        def person_saves_b(path: str, expected: str, data: bytes) -> None:
            replace_file(path, expected, data)
            clone.write("workplans/b.md", "mine")

        monkeypatch.setattr("consistency.checkout.writeback.replace_file", person_saves_b)
        result = written(clone, item("a"), item("b"))
        assert result.commit is None
        assert CHANGED_MEANWHILE in result.faults[0][1]
        assert (clone.head, clone.read("workplans/a.md"), clone.read("workplans/b.md")) == (
            before,
            TODO.encode(),
            b"mine",
        )
        assert (clone.status(), leftovers(clone)) == ([" M workplans/b.md"], [])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """What a full disk does, for files beyond *size* bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestNoRoom:
    @pytest.mark.parametrize("names", ["a", "ab", "ba"])
    def test_for_a_file(self, clone: Clone, names: str) -> None:
        laid_out(clone, *names)
        large = TODO + "x" * 300_000
        clone.write("workplans/b.md" if "b" in names else "workplans/a.md", large)
        clone.commit(date=STARTED)
        before = photograph(clone)
        items = [item(name) for name in names]
        with files_no_larger_than(200_000):
            result = written(clone, *items)
        assert (result.commit, result.files) == (None, {})
        assert result.faults[0][1].startswith("File too large")
        assert (photograph(clone), leftovers(clone)) == (before, [])

    def test_for_the_list_of_originals(self, clone: Clone) -> None:
        before = photograph(clone)
        tree, state = looked(clone)
        known = digests(clone, [item()])
        with files_no_larger_than(10):
            result = write_back(tree, state, [item()], known, COMMITTER, LIMIT)
        assert (result.commit, len(result.faults)) == (None, 1)
        assert (photograph(clone), leftovers(clone)) == (before, [])

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
    def test_on_a_disk_that_is_full(self, origin: Origin, clone: Clone, small_disk: Path) -> None:
        names = [f"{number}" for number in range(12)]
        laid_out(clone, *names)
        clone.push()
        origin.git("clone", "--quiet", str(origin.path), str(small_disk / "clone"))
        there = Clone(small_disk / "clone")
        seen = set()
        with (small_disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while filler.write(b"x" * 4096):
                pass
        before = photograph(there)
        items = [item(name) for name in names]
        while not (result := written(there, *items)).commit:  # a little more room each time: each step fails once
            seen.add(result.faults[0][1].partition(":")[0])
            assert (photograph(there), leftovers(there)) == (before, [])
            os.truncate(small_disk / "filler", (small_disk / "filler").stat().st_size - 12288)
        assert (result.commit, there.status(), leftovers(there)) == (there.head, [], [])
        assert "No space left on device" in seen
        assert len(seen) > 1


def test_interrupt_puts_all_back_and_goes_on_up(clone: Clone, hook: Hook) -> None:
    hook("pre-commit", "kill -INT $(cat .git/python); sleep 60")
    clone.write(".git/python", str(os.getpid()))
    before = photograph(clone)
    with pytest.raises(KeyboardInterrupt):
        written(clone)
    assert (photograph(clone), leftovers(clone)) == (before, [])


def test_putting_back_that_fails_is_told_and_tried_again(clone: Clone, hook: Hook, tree: WorkTree) -> None:
    hook("pre-commit", "mv .git/statehub-writeback/0 .git/away; mkdir .git/statehub-writeback/0; exit 1")
    result = written(clone)
    assert "putting the files back failed as well" in result.faults[0][1]
    (clone.path / ".git" / "statehub-writeback" / "0").rmdir()
    (clone.path / ".git" / "away").rename(clone.path / ".git" / "statehub-writeback" / "0")
    assert recover(tree) == ["workplans/a.md"]
    assert (clone.status(), clone.read("workplans/a.md"), leftovers(clone)) == ([], TODO.encode(), [])


def test_again_there_is_nothing_to_do(clone: Clone, tree: WorkTree) -> None:
    assert written(clone).commit
    assert recover(tree) == []
    result = written(clone, replace(item(), old="done"))
    assert (result.commit, clone.status()) == (None, [])


def test_workplan_that_is_none_any_more(clone: Clone) -> None:
    laid_out(clone, text=workplan("A").replace("type: workplan", "type: note"))
    assert written(clone).faults == [("workplans/a.md", "the file is no readable workplan any more")]
