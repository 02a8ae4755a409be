"""Which commit brought a status: real histories, whole answers."""

from __future__ import annotations

import pytest

from consistency.core.workplan.model import Workplan
from consistency.core.workplan.new_statuses import ParsedVersion
from consistency.core.workplan.parse import parse_workplan
from consistency.git.blame import NOT_KNOWN, UNCOMMITTED, FileStatus, Provenance, find_provenances
from consistency.git.files import text_digest
from consistency.git.worktree import find_worktree
from testing.gitlog import GitProcesses
from testing.repos import Clone, Origin
from testing.workplans import workplan

PATTERN = "workplans/**/*.md"
FILE, OTHER = "workplans/a.md", "workplans/deep/b.md"
ARRANGING = 2
"""Processes of `find` itself."""
DONE = FileStatus(FILE, "WP-1-T01", "00000000-0000-0000-0000-000000000001", "done")


def text(status: str, more: str = "") -> str:
    return workplan("WP-1", [("T01", status)]) + more


def say(clone: Clone, status: str, message: str = "Work", *, path: str = FILE, more: str = "") -> str:
    clone.write(path, text(status, more))
    return clone.commit(message)


def find(clone: Clone, status: FileStatus = DONE, *, since: str = "") -> Provenance:
    head = clone.git("rev-parse", "--verify", "--quiet", "HEAD")
    return find_provenances(find_worktree(str(clone.path)), PATTERN, head, [status], since=since).of[status]


def commits(clone: Clone, status: FileStatus = DONE, *, since: str = "") -> list[str]:
    found = find(clone, status, since=since)
    assert not found.uncommitted
    return [brought.commit.id for brought in found.commits]


def over_wire(origin: Origin, name: str, *args: str) -> Clone:
    origin.git("config", "uploadpack.allowFilter", "true")
    path = origin.path.with_name(name)
    origin.git("clone", "--quiet", *args, f"file://{origin.path}", str(path))
    return Clone(path)


class TestOneLine:
    def test_commit_as_it_was_made(self, clone: Clone) -> None:
        say(clone, "todo")
        clone.write(FILE, text("done"))
        clone.git("add", "--all")
        env = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@x", "GIT_AUTHOR_DATE": "@1700000000 +0500"}
        clone.git("commit", "--quiet", "--message=Done", env=env)
        commit = clone.head
        clone.write(".mailmap", "Another <another@x> <ada@x>\n")
        say(clone, "done", "Later", more="\nA note.\n")
        (brought,) = find(clone).commits
        found = brought.commit
        assert (found.id, found.author, found.email, found.authored) == (commit, "Ada", "ada@x", 1_700_000_000)
        assert (brought.digest, brought.again) == (text_digest(text("done").encode()), False)

    def test_name_in_another_encoding(self, clone: Clone) -> None:
        clone.git("config", "i18n.commitEncoding", "ISO-8859-1")
        clone.git("config", "i18n.logOutputEncoding", "ISO-8859-1")
        clone.write(FILE, text("done"))
        clone.git("add", "--all")
        clone.git("commit", "--quiet", "-mDone", env={"GIT_AUTHOR_NAME": b"L\xf6we".decode("utf-8", "surrogateescape")})
        (brought,) = find(clone).commits
        assert brought.commit.author == "Löwe"

    def test_uncommitted(self, clone: Clone) -> None:
        say(clone, "todo")
        clone.write(FILE, text("done"))
        assert find(clone) == UNCOMMITTED

    def test_file_that_no_commit_has(self, clone: Clone) -> None:
        clone.write(FILE, text("done"))
        assert find(clone) == UNCOMMITTED

    def test_branch_without_a_commit(self, clone: Clone) -> None:
        assert find_provenances(find_worktree(str(clone.path)), PATTERN, "", [DONE]).of == {DONE: UNCOMMITTED}

    def test_dirty_file_whose_status_is_committed(self, clone: Clone) -> None:
        commit = say(clone, "done")
        clone.write(FILE, text("done", "\nNot committed.\n"))
        assert commits(clone) == [commit]

    def test_there_back_and_there_again(self, clone: Clone) -> None:
        say(clone, "todo")
        say(clone, "done")
        say(clone, "todo")
        commit = say(clone, "done")
        (brought,) = find(clone).commits
        assert (brought.commit.id, brought.again) == (commit, True)

    def test_version_that_was_broken_for_a_while(self, clone: Clone) -> None:
        commit = say(clone, "done")
        clone.write(FILE, text("done").replace("title: ", "title: [", 1))
        clone.commit("Broken")
        say(clone, "done", "Whole again")
        assert commits(clone) == [commit]

    def test_root_commit(self, clone: Clone) -> None:
        clone.git("switch", "--quiet", "--orphan", "new")
        commit = say(clone, "done")
        assert commits(clone) == [commit]

    def test_line_ends_alone_change_nothing(self, clone: Clone) -> None:
        commit = say(clone, "done")
        clone.write(FILE, text("done").replace("\n", "\r\n"))
        clone.commit("CRLF")
        assert commits(clone) == [commit]

    def test_history_longer_than_what_is_read_ahead(self, clone: Clone, git_processes: GitProcesses) -> None:
        commit = say(clone, "done")
        for number in range(30):
            say(clone, "done", more=f"\nNote {number}.\n")
        git_processes.clear()
        assert commits(clone) == [commit]
        assert len(git_processes) == 4 + ARRANGING


class TestMoves:
    def test_renamed_file(self, clone: Clone) -> None:
        commit = say(clone, "done")
        (clone.path / "workplans/deep").mkdir()
        clone.git("mv", FILE, OTHER)
        clone.commit("Rename")
        assert commits(clone, FileStatus(OTHER, DONE.task, DONE.uuid, "done")) == [commit]

    def test_renamed_and_edited_file(self, clone: Clone) -> None:
        commit = say(clone, "done")
        (clone.path / FILE).unlink()
        say(clone, "done", path=OTHER, more="\nNew words.\n" * 50)
        assert commits(clone, FileStatus(OTHER, DONE.task, DONE.uuid, "done")) == [commit]

    def test_block_that_moved_to_a_file_that_was_there(self, clone: Clone) -> None:
        clone.write(OTHER, workplan("WP-2", [("T02", "todo")]))
        commit = say(clone, "done")
        moved = workplan("WP-2", [("T02", "todo"), {"id": "X", "status": "done"}]).replace("WP-2-X", "WP-1-T01")
        clone.write(OTHER, moved)
        clone.write(FILE, workplan("WP-1", [("T03", "todo")]))
        clone.commit("Move")
        assert commits(clone, FileStatus(OTHER, DONE.task, DONE.uuid, "done")) == [commit]

    def test_block_that_took_another_id(self, clone: Clone) -> None:
        block = {"id": "T01", "status": "done", "state_hub_task_id": DONE.uuid}
        clone.write(FILE, workplan("WP-1", [block]))
        commit = clone.commit()
        clone.write(FILE, workplan("WP-1", [{**block, "id": "T09"}]))
        clone.commit("Another id")
        assert commits(clone, FileStatus(FILE, "WP-1-T09", DONE.uuid, "done")) == [commit]

    def test_block_copied_with_another_status(self, clone: Clone) -> None:
        say(clone, "todo")
        commit = say(clone, "done")
        assert commits(clone) == [commit]


class TestMerges:
    def branches(self, clone: Clone, ours: str, theirs: str) -> tuple[str, str]:
        say(clone, "todo")
        clone.git("switch", "--quiet", "-c", "side")
        second = say(clone, theirs, "Theirs", more="\nTheirs.\n") if theirs else clone.head
        clone.git("switch", "--quiet", "main")
        clone.write("notes.md", "Ours.\n")
        first = say(clone, ours, "Ours") if ours else clone.commit("Notes")
        return first, second

    def test_brought_by_the_second_parent(self, clone: Clone) -> None:
        _, theirs = self.branches(clone, "", "done")
        clone.git("merge", "--quiet", "--no-edit", "side")
        assert commits(clone) == [theirs]

    def test_brought_by_both(self, clone: Clone) -> None:
        ours, theirs = self.branches(clone, "done", "done")
        clone.git("merge", "--quiet", "--no-edit", "side")
        assert commits(clone) == [ours, theirs]

    def test_brought_by_the_merge_itself(self, clone: Clone) -> None:
        self.branches(clone, "in_progress", "blocked")
        clone.git("merge", "--quiet", "--no-commit", "-Xours", "side")
        commit = say(clone, "done", "Merge")
        assert commits(clone) == [commit]
        assert clone.git("rev-list", "--merges", "HEAD") == commit

    def test_merge_that_keeps_ours(self, clone: Clone) -> None:
        ours, _ = self.branches(clone, "done", "blocked")
        clone.git("merge", "--quiet", "--no-edit", "-s", "ours", "side")
        assert commits(clone) == [ours]

    def test_octopus(self, clone: Clone) -> None:
        _, theirs = self.branches(clone, "", "done")
        clone.git("switch", "--quiet", "-c", "third", "main~1")
        clone.write("more.md", "More.\n")
        clone.commit("Third")
        clone.git("switch", "--quiet", "main")
        clone.git("merge", "--quiet", "--no-edit", "third", "side")
        assert commits(clone) == [theirs]


class TestSince:
    def test_found_in_what_is_new(self, clone: Clone, git_processes: GitProcesses) -> None:
        since = say(clone, "todo")
        commit = say(clone, "done")
        git_processes.clear()
        assert commits(clone, since=since) == [commit]
        assert len(git_processes) == 2 + ARRANGING

    def test_found_in_what_is_older(self, clone: Clone, git_processes: GitProcesses) -> None:
        commit = say(clone, "done")
        since = say(clone, "done", more="\nA note.\n")
        say(clone, "done", more="\nTwo notes.\n")
        git_processes.clear()
        assert commits(clone, since=since) == [commit]
        assert len(git_processes) == 4 + ARRANGING

    def test_commit_that_is_not_here(self, clone: Clone) -> None:
        commit = say(clone, "done")
        assert commits(clone, since="c" * 40) == [commit]


class TestNotKnown:
    def test_shallow_clone(self, clone: Clone, origin: Origin) -> None:
        say(clone, "done")
        clone.push()
        assert find(over_wire(origin, "shallow", "--depth", "1")) == NOT_KNOWN

    def test_linked_work_tree_of_a_shallow_clone(self, clone: Clone, origin: Origin) -> None:
        say(clone, "done")
        clone.push()
        shallow = over_wire(origin, "shallow", "--depth", "1")
        shallow.git("worktree", "add", "--quiet", "../linked")
        assert find(Clone(origin.path.with_name("linked"))) == NOT_KNOWN

    def test_shallow_clone_that_goes_deep_enough(self, clone: Clone, origin: Origin) -> None:
        say(clone, "todo")
        commit = say(clone, "done")
        clone.push()
        assert commits(over_wire(origin, "shallow", "--depth", "2")) == [commit]

    @pytest.mark.parametrize("kind", ["blob:none", "tree:0"])
    def test_partial_clone_fetches_nothing(self, clone: Clone, origin: Origin, kind: str) -> None:
        say(clone, "todo")
        say(clone, "done")
        clone.push()
        partial = over_wire(origin, "partial", f"--filter={kind}")
        before = sorted((partial.path / ".git/objects/pack").iterdir())
        assert find(partial) == NOT_KNOWN
        assert sorted((partial.path / ".git/objects/pack").iterdir()) == before

    def test_file_that_a_filter_stores_as_another(self, clone: Clone) -> None:
        clone.git("config", "filter.hide.clean", "echo hidden")
        clone.write(".gitattributes", "*.md filter=hide\n")
        say(clone, "done")
        assert find(clone) == NOT_KNOWN


@pytest.mark.parametrize("size", [1, 5, 50])
def test_processes_do_not_grow(clone: Clone, git_processes: GitProcesses, size: int) -> None:
    statuses = []
    for number in range(size):
        statuses.append(FileStatus(f"workplans/{number}.md", f"WP-{number}-T01", DONE.uuid, "done"))
        clone.write(statuses[-1].path, workplan(f"WP-{number}", [("T01", "todo")]))
    clone.commit()
    brought = {}
    for number, status in enumerate(statuses):
        clone.write(status.path, workplan(f"WP-{number}", [("T01", "done")]))
        brought[status] = [clone.commit()]
    tree, head = find_worktree(str(clone.path)), clone.head
    git_processes.clear()
    found = find_provenances(tree, PATTERN, head, statuses).of
    assert {status: [each.commit.id for each in where.commits] for status, where in found.items()} == brought
    assert len(git_processes) == 2


def test_versions_that_are_parsed_already_are_not_read(clone: Clone, git_processes: GitProcesses) -> None:
    texts = [text(status).encode() for status in ("todo", "done")]
    versions = [ParsedVersion(each, workplan_of(each)) for each in texts]
    say(clone, "todo")
    brought = say(clone, "done")
    tree = find_worktree(str(clone.path))
    expected = find_provenances(tree, PATTERN, brought, [DONE])
    git_processes.clear()
    assert find_provenances(tree, PATTERN, brought, [DONE], parsed={FILE: versions}) == expected
    assert len(git_processes) == 1
    assert [(each.commit.id, each.digest) for each in expected.of[DONE].commits] == [(brought, text_digest(texts[1]))]
    git_processes.clear()
    assert find_provenances(tree, PATTERN, brought, [DONE], parsed={FILE: versions[1:]}) == expected
    assert len(git_processes) == 2


def workplan_of(data: bytes) -> Workplan:
    found = parse_workplan(FILE, data)
    assert isinstance(found, Workplan)
    return found
