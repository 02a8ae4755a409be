"""A writeback is one commit of its own files; whatever else a person has stays exactly so."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from consistency.checkout.commit import recover
from consistency.checkout.worktree import WorkTree
from consistency.checkout.writeback import message, write_back
from tests.checkout.desk import (
    CHANGED,
    COMMITTER,
    DONE,
    LIMIT,
    STARTED,
    TODO,
    digests,
    item,
    laid_out,
    leftovers,
    looked,
    photograph,
    refused,
    written,
)  # fmt: skip
from tests.support.gitlog import GitProcesses
from tests.support.repos import Clone, Origin
from tests.support.workplans import workplan

MESSAGE = """\
chore(consistency): sync task status from DB [auto]

Updated by fix-consistency on 2026-03-04:
- A-T1: todo → done
"""


@pytest.fixture
def clone(clone: Clone) -> Clone:
    return laid_out(clone)


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


def test_again_there_is_nothing_to_do(clone: Clone, tree: WorkTree) -> None:
    assert written(clone).commit
    assert recover(tree) == []
    result = written(clone, replace(item(), old="done"))
    assert (result.commit, clone.status()) == (None, [])


def test_workplan_that_is_none_any_more(clone: Clone) -> None:
    laid_out(clone, text=workplan("A").replace("type: workplan", "type: note"))
    assert written(clone).faults == [("workplans/a.md", "the file is no readable workplan any more")]
