"""A writeback is one commit of its own files; whatever else a person has stays exactly so."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from consistency.core.actions import StatusWritten
from consistency.git.commit import recover
from consistency.git.files import text_digest
from consistency.git.worktree import WorkTree
from consistency.git.writeback import message, write_back
from testing.gitlog import GitProcesses
from testing.repos import Clone, Origin
from testing.workplans import workplan
from tests.git.desk import (
    CHANGED,
    COMMITTER,
    DONE,
    LIMIT,
    STARTED,
    TODO,
    Hub,
    commit_workplans,
    digests,
    item,
    leftovers,
    not_recorded,
    photograph,
    tree_and_status,
    with_attributes,
    written,
)

MESSAGE = """\
chore(consistency): sync task status from DB [auto]

Updated by fix-consistency on 2026-03-04:
- A-T1: todo → done
"""


NAMES = ("cat-file", "fast-import", "read-tree", "update-ref")


@pytest.fixture
def clone(clone: Clone) -> Clone:
    return commit_workplans(clone)


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
        commit_workplans(clone, "a", "b/c", "Z")
        items = [item("Z"), item("a", "A-T2"), item("a"), item("b/c", new="cancelled")]
        result = written(clone, *items)
        assert sorted(result.files) == ["workplans/Z.md", "workplans/a.md", "workplans/b/c.md"]
        assert clone.git("log", "-1", "--format=%b").splitlines()[1:] == [
            "- A-T1: todo → done",
            "- A-T2: todo → done",
            "- A-T1: todo → done",
            "- A-T1: todo → cancelled",
        ]
        assert clone.git("show", "--format=", "--name-only").splitlines() == sorted(result.files)

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param(TODO.replace("\n", "\r\n"), id="crlf"),
            pytest.param("\ufeff" + TODO, id="bom"),
            pytest.param(TODO.rstrip("\n"), id="no last line end"),
            pytest.param(TODO.replace("status: todo", "status:   'todo'  # so", 1), id="quoted, with a comment"),
            pytest.param(TODO + "trailing  \n\n\n\x0c\x85\u2028", id="odd"),
        ],
    )
    def test_all_other_bytes_stay(self, clone: Clone, text: str) -> None:
        commit_workplans(clone, text=text)
        file = clone.path / "workplans" / "a.md"
        file.chmod(0o755)
        clone.commit(date=STARTED)
        assert written(clone).faults == []
        assert file.read_bytes() == text.encode().replace(b"todo", b"done", 1)
        assert (stat.S_IMODE(file.stat().st_mode), clone.status()) == (0o755, [])

    @pytest.mark.parametrize(
        "name",
        [
            "a b",
            "'quoted' \"twice\"",
            "line\nend",
            "tab\t",
            "-dash",
            "--all",
            ":(exclude)x",
            ":!x",
            "ünï — ☃",
            "back\\slash",
            "*",
            "[ab]",
            "#",
            "l" * 240,
            '"',
            "\\n",
            "trailing ",
        ],
    )
    def test_odd_names(self, clone: Clone, name: str) -> None:
        commit_workplans(clone, name, "neighbour")
        clone.write("workplans/neighbour.md", "mine")
        assert written(clone, item(name)).faults == []
        assert clone.git("show", "-z", "--format=", "--name-only").strip("\0\n") == f"workplans/{name}.md"
        assert clone.status() == [" M workplans/neighbour.md"]

    def test_name_with_brackets_and_its_neighbour(self, clone: Clone) -> None:
        commit_workplans(clone, "a[1]", "a1")
        clone.write("workplans/a1.md", "mine")
        assert written(clone, item("a[1]")).faults == []
        assert clone.git("show", "--format=", "--name-only") == "workplans/a[1].md"
        assert clone.status() == [" M workplans/a1.md"]

    @pytest.mark.proof
    def test_three_thousand_files(self, clone: Clone) -> None:
        folders = "/".join(["d" * 200] * 3)
        names = [f"{folders}/{number:04}-{'n' * 150}" for number in range(3000)]  # more than 2 MiB of paths
        commit_workplans(clone, *names)
        assert written(clone, *(item(name) for name in names)).faults == []
        assert len(clone.git("show", "--format=", "--name-only").splitlines()) == 3000
        assert (clone.status(), leftovers(clone)) == ([], [])

    def test_takes_a_few_git_processes(self, clone: Clone, git_processes: GitProcesses) -> None:
        commit_workplans(clone, *"abcdefgh")
        tree, state = tree_and_status(clone)
        items = [item(name) for name in "abcdefgh"]
        git_processes.clear()
        assert write_back(tree, state, items, digests(clone, items), COMMITTER, LIMIT, not_recorded).faults == []
        assert [call[call.index(name)] for call in git_processes for name in NAMES if name in call] == list(NAMES)
        assert len(git_processes) == 4

    def test_is_on_record_before_the_branch_has_it(self, clone: Clone) -> None:
        hub, before = Hub(), clone.head
        heads = list[str]()

        def record(commit: str, when: int, changes: Sequence[StatusWritten]) -> None:
            heads.append(clone.head)
            hub.record(commit, when, changes)

        commit_workplans(clone, "a", "b")
        before = clone.head
        result = written(clone, item("b", "A-T2", new="cancelled"), item(), record=record)
        cancelled = workplan("A", [("T1", "todo"), ("T2", "cancelled")])
        assert heads == [before]
        assert hub.commits == {
            result.commit: (
                int(CHANGED.timestamp()),
                [
                    StatusWritten("workplans/b.md", "A", "A-T2", "todo", "cancelled", text_digest(cancelled.encode())),
                    StatusWritten("workplans/a.md", "A", "A-T1", "todo", "done", text_digest(DONE.encode())),
                ],
            )
        }

    def test_only_what_is_in_it_is_on_record(self, clone: Clone) -> None:
        commit_workplans(clone, "a", "b")
        (clone.path / "workplans" / "a.md").chmod(0o444)
        hub = Hub()
        written(clone, item(), item("b"), record=hub.record)
        assert [[each.path for each in changes] for _, changes in hub.commits.values()] == [["workplans/b.md"]]

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

    def test_takes_the_parents_bytes_and_the_work_trees_own(self, clone: Clone) -> None:
        """Each side keeps its line ends."""
        clone.write(".gitattributes", "*.md eol=crlf\n")
        clone.write("workplans/a.md", TODO.replace("\n", "\r\n"))
        clone.commit(date=STARTED)
        assert written(clone).faults == []
        assert clone.read("workplans/a.md") == DONE.replace("\n", "\r\n").encode()
        assert clone.git("show", "HEAD:workplans/a.md") + "\n" == DONE
        assert clone.status() == []

    def test_executable_bit_stays(self, clone: Clone) -> None:
        (clone.path / "workplans" / "a.md").chmod(0o755)
        clone.commit(date=STARTED)
        assert written(clone).faults == []
        assert clone.git("ls-tree", "HEAD", "workplans/a.md").startswith("100755 blob ")
        assert (clone.status(), os.access(clone.path / "workplans/a.md", os.X_OK)) == ([], True)

    def test_executable_bit_that_only_head_has(self, clone: Clone) -> None:
        clone.git("config", "core.fileMode", "false")
        clone.git("update-index", "--chmod=+x", "workplans/a.md")
        clone.git("commit", "--quiet", "--message=x")
        assert written(clone).faults == []
        assert clone.git("ls-tree", "HEAD", "workplans/a.md").startswith("100755 blob ")
        assert (clone.status(), os.access(clone.path / "workplans/a.md", os.X_OK)) == ([], False)

    def test_in_a_sha256_repository(self, tmp_path: Path, origin: Origin) -> None:
        origin.git("init", "--quiet", "--object-format=sha256", str(tmp_path / "new"))
        new = commit_workplans(Clone(tmp_path / "new"), "a", "sub/b")
        result = written(new, item(), item("sub/b"))
        assert (result.commit, result.faults, len(new.head)) == (new.head, [], 64)
        assert (new.git("show", "HEAD:workplans/a.md") + "\n", new.status(), leftovers(new)) == (DONE, [], [])
        new.git("fsck", "--strict")

    def test_leaves_a_sound_repository(self, clone: Clone) -> None:
        assert written(clone).commit
        clone.git("fsck", "--strict")
        assert clone.git("for-each-ref", "refs/worktree") == ""
        assert clone.git("reflog", "-1", "--format=%gs") == (
            "commit: chore(consistency): sync task status from DB [auto]"
        )

    def test_in_a_clone_with_a_split_index(self, clone: Clone) -> None:
        clone.git("update-index", "--split-index")
        commit_workplans(clone, "a", "b")
        assert written(clone).faults == []
        assert (clone.status(), leftovers(clone)) == ([], [])

    def test_in_a_sparse_checkout_with_a_sparse_index(self, clone: Clone) -> None:
        commit_workplans(clone, "in/a", "out/b")
        clone.write("other/deep/c", "x")
        clone.commit(date=STARTED)
        clone.git("sparse-checkout", "init", "--cone", "--sparse-index")
        clone.git("sparse-checkout", "set", "workplans/in")
        before = clone.git("ls-files", "--sparse", "-t")
        assert written(clone, item("in/a")).faults == []
        assert clone.git("show", "--format=", "--name-only") == "workplans/in/a.md"
        assert (clone.git("ls-files", "--sparse", "-t"), clone.status()) == (before, [])
        assert not (clone.path / "workplans" / "out").exists()
        assert clone.git("rev-parse", "HEAD:workplans/out", "HEAD:other") == clone.git(
            "rev-parse", "HEAD~1:workplans/out", "HEAD~1:other"
        )

    def test_in_a_linked_worktree_of_a_bare_clone(self, origin: Origin, clone: Clone) -> None:
        clone.push()
        bare, linked = origin.path.with_name("bare.git"), Clone(origin.path.with_name("linked"))
        origin.git("clone", "--quiet", "--bare", str(origin.path), str(bare))
        origin.git(f"--git-dir={bare}", "worktree", "add", "--quiet", str(linked.path), "main")
        assert written(linked).commit == written(clone).commit == linked.head
        assert (linked.status(), leftovers(linked)) == ([], [])

    def test_in_a_partial_clone(self, origin: Origin, clone: Clone) -> None:
        clone.push()
        origin.git("config", "uploadpack.allowFilter", "true")
        partial = origin.path.with_name("partial")
        origin.git("clone", "--quiet", "--filter=blob:none", f"file://{origin.path}", str(partial))
        assert written(Clone(partial)).commit == written(clone).commit
        assert Clone(partial).status() == []


class TestFilters:
    """git's conversions on the way into a commit do not affect the commit."""

    def commit_holds_one_value(self, clone: Clone) -> None:
        assert clone.git("show", "--format=", "--numstat", "HEAD") == "1\t1\tworkplans/a.md"

    def test_clean_filter_that_loses_what_it_is_given(self, clone: Clone) -> None:
        clone.git("config", "filter.lossy.clean", "tr a-z A-Z")
        clone.git("config", "filter.lossy.smudge", "cat")
        with_attributes(clone, "*.md filter=lossy\n")
        written(clone)
        if clone.log("%an")[0] == "State Hub":
            self.commit_holds_one_value(clone)
        else:  # Or refused in words; then nothing has changed.
            assert clone.read("workplans/a.md") == TODO.encode()
        assert leftovers(clone) == []

    def test_filter_program_is_not_run_for_the_commit(self, clone: Clone) -> None:
        clone.git("config", "filter.note.clean", "cat; touch .git/ran")
        clone.git("config", "filter.note.smudge", "cat; touch .git/ran")
        clone.git("config", "filter.note.required", "true")
        with_attributes(clone, "*.md filter=note\n")
        tree, state = tree_and_status(clone)
        (clone.path / ".git" / "ran").unlink(missing_ok=True)
        result = write_back(tree, state, [item()], digests(clone, [item()]), COMMITTER, LIMIT, not_recorded)
        assert (result.commit, result.faults) == (clone.head, [])
        assert not (clone.path / ".git" / "ran").exists()
        self.commit_holds_one_value(clone)
        assert clone.status() == []

    def test_filter_that_changes_every_line(self, clone: Clone) -> None:
        """As git-crypt or an indenter: HEAD has another form than the work tree."""
        clone.git("config", "filter.tab.clean", "sed 's/^\t//'")
        clone.git("config", "filter.tab.smudge", "sed 's/^/\t/'")
        clone.write("workplans/a.md", "".join(f"\t{line}" for line in TODO.splitlines(True)))
        with_attributes(clone, "*.md filter=tab\n")
        before = photograph(clone)
        result = written(clone)  # a work tree of which nothing can be read has nothing to write
        assert (result.commit, len(result.faults)) == (None, 1)
        assert photograph(clone) == before

    def test_pointer_in_the_place_of_the_file(self, clone: Clone) -> None:
        """As Git LFS: the commit has three lines about the file, the work tree has the file."""
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 1\n"
        clone.git("config", "filter.lfs.clean", f"cat >/dev/null; printf '{pointer}'".replace("\n", "\\n"))
        clone.git("config", "filter.lfs.smudge", "cat")
        with_attributes(clone, "*.md filter=lfs\n")
        clone.git("add", "--renormalize", "workplans")
        clone.git("commit", "--quiet", "--message=x")
        assert clone.git("show", "HEAD:workplans/a.md").startswith("version https://git-lfs")
        before = photograph(clone)
        result = written(clone)
        assert (result.commit, result.files) == (None, {})
        assert result.faults == [
            ("workplans/a.md", "in the last commit, the file is no longer a readable workplan"),
        ]
        assert (photograph(clone), leftovers(clone)) == (before, [])

    def test_ident(self, clone: Clone) -> None:
        text = TODO + "$Id$\n"
        commit_workplans(clone, text=text)
        with_attributes(clone, "*.md ident\n")
        (clone.path / "workplans" / "a.md").unlink()
        clone.git("checkout", "--quiet", "--", "workplans/a.md")
        shown = clone.read("workplans/a.md")
        assert b"$Id: " in shown
        assert written(clone).faults == []
        self.commit_holds_one_value(clone)
        assert (clone.read("workplans/a.md"), clone.status()) == (shown.replace(b"todo", b"done", 1), [])

    def test_working_tree_encoding(self, clone: Clone) -> None:
        with_attributes(clone, "*.md working-tree-encoding=UTF-8\n")
        assert written(clone).faults == []
        assert clone.status() == []


CRLF, CRLF_DONE = TODO.replace("\n", "\r\n"), DONE.replace("\n", "\r\n")


class TestLineEnds:
    @pytest.mark.parametrize("attributes", ["*.md text", "* text=auto", "*.md eol=lf", "*.md eol=crlf", "*.md -text"])
    @pytest.mark.parametrize("autocrlf", ["false", "true", "input"])
    def test_crlf_in_head_stays_crlf(self, clone: Clone, attributes: str, autocrlf: str) -> None:
        commit_workplans(clone, text=CRLF)
        with_attributes(clone, f"{attributes}\n")
        clone.git("config", "core.autocrlf", autocrlf)
        before = clone.status()
        result = written(clone)
        assert (result.commit, result.faults) == (clone.head, [])
        assert clone.git("show", "--format=", "--numstat", "HEAD") == "1\t1\tworkplans/a.md"
        blob = clone.git("rev-parse", "HEAD:workplans/a.md")
        assert blob == clone.git("hash-object", "--no-filters", "--stdin-paths", input="workplans/a.md")
        assert (clone.read("workplans/a.md"), leftovers(clone)) == (CRLF_DONE.encode(), [])
        _, state = tree_and_status(clone)
        assert (state.dirty, clone.status() == before or clone.status() == []) == (frozenset(), True)
        clone.write("workplans/a.md", CRLF_DONE + "mine\r\n")
        assert tree_and_status(clone)[1].dirty == {"workplans/a.md"}

    def test_mixed_line_ends_stay_mixed(self, clone: Clone) -> None:
        text = TODO.replace("\n", "\r\n", 3)
        commit_workplans(clone, text=text)
        with_attributes(clone, "*.md text\n")
        assert written(clone).faults == []
        assert clone.read("workplans/a.md") == text.replace("todo", "done", 1).encode()
        assert clone.git("show", "--format=", "--numstat", "HEAD") == "1\t1\tworkplans/a.md"

    def test_again_and_again(self, clone: Clone) -> None:
        commit_workplans(clone, text=CRLF)
        with_attributes(clone, "*.md text\n")
        assert written(clone).commit
        assert written(clone, item(old="done", new="todo")).commit == clone.head
        assert clone.git("diff", "--stat", "HEAD~2", "HEAD") == ""
        assert (clone.read("workplans/a.md"), tree_and_status(clone)[1].dirty) == (CRLF.encode(), frozenset())


class TestStrangers:
    def test_stay_exactly_so(self, clone: Clone) -> None:
        names = ("staged", "unstaged", "both", "deleted", "removed", "moved", "flagged", "skipped")
        commit_workplans(clone, "a", *names)
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


class TestDate:
    def test_is_that_of_the_newest_change(self, clone: Clone) -> None:
        commit_workplans(clone, "a", "b")
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

    @pytest.mark.parametrize(
        ("date", "expected"),
        [
            ("@1700000000 +0000", CHANGED),
            ("@0 +0000", CHANGED),
            ("@1700000000 -1200", CHANGED),
            ("@1700000000 +1400", CHANGED),
            ("@4070908800 +0000", datetime(2099, 1, 1, tzinfo=UTC)),
            ("@253402300799 +0000", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
            ("@253402300800 +0000", CHANGED),
            ("@1700000000000 +0000", CHANGED),
            ("@99999999999999 +0000", CHANGED),
        ],
    )
    def test_whatever_the_parents(self, clone: Clone, date: str, expected: datetime) -> None:
        clone.commit("Odd", date=date)
        result = written(clone)
        assert (result.commit, result.faults) == (clone.head, [])
        assert clone.log("%at %ct")[0] == f"{int(expected.timestamp())} {int(expected.timestamp())}"
        assert f"on {expected:%Y-%m-%d}:" in clone.git("log", "-1", "--format=%b")

    @pytest.mark.parametrize(
        "committer",
        [
            "committer X <x@example.org> 18446744073709551616 +0000",
            "committer X <x@example.org> -5 +0000",
            "committer X <x@example.org> yesterday",
            "committer X <x@example.org>",
            "committer X x@example.org 1700000000 +0000",
            "committer > <> <x> 1700000000 +9999",
        ],
    )
    def test_parent_without_one_that_can_be_read(self, clone: Clone, committer: str) -> None:
        raw = clone.git("cat-file", "commit", "HEAD")
        head, _, rest = raw.partition("\ncommitter ")
        odd = clone.git(
            "hash-object",
            "-t",
            "commit",
            "-w",
            "--literally",
            "--stdin",
            input=f"{head}\n{committer}\n{rest.partition(chr(10))[2]}\n",
        )
        clone.git("update-ref", "refs/heads/main", odd)
        result = written(clone)
        assert (result.commit, result.faults) == (clone.head, [])
        assert clone.log("%P %ct")[0] == f"{odd} {int(CHANGED.timestamp())}"

    def test_text_of_the_parent_is_no_date_of_it(self, clone: Clone) -> None:
        clone.git(
            "commit",
            "--quiet",
            "--allow-empty",
            "--message=x\n\ncommitter X <x@example.org> 4070908800 +0000",
            env={"GIT_COMMITTER_DATE": STARTED, "GIT_AUTHOR_DATE": STARTED},
        )
        assert written(clone).faults == []
        assert clone.log("%ct")[0] == str(int(CHANGED.timestamp()))


def test_message() -> None:
    items = [item(), item(task="A-T2", old="blocked", new="cancelled")]
    assert message(items, datetime(2026, 3, 4, tzinfo=UTC)) == MESSAGE + "- A-T2: blocked → cancelled\n"


def test_again_there_is_nothing_to_do(clone: Clone, tree: WorkTree) -> None:
    assert written(clone).commit
    assert recover(tree) == []
    result = written(clone, item()._replace(old="done"))
    assert (result.commit, clone.status()) == (None, [])


def test_workplan_that_is_none_any_more(clone: Clone) -> None:
    commit_workplans(clone, text=workplan("A").replace("type: workplan", "type: note"))
    assert written(clone).faults == [("workplans/a.md", "the file is no longer a readable workplan")]
