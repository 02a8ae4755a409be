"""Gates that block a whole checkout: another branch, and workplans that are suddenly gone."""

from __future__ import annotations

import pytest

from consistency.models import LedgerEntry
from statehub.models import Repo
from testing.repos import Clone, Origin
from testing.samples import T01
from testing.workplans import workplan
from tests.cli.helpers import FILE, TEXT, codes, findings, hub_rows, tree
from tests.multihost.machine import Machine, make_machines, reopen, repo, report

pytestmark = pytest.mark.usefixtures("hub")


class TestBranch:
    def test_default_is_what_origin_calls_its_own(self, origin: Origin) -> None:
        make_machines(origin, "a")
        assert Repo.objects.get().branch == "main"

    def test_origin_is_asked_where_the_clone_has_no_note(self, origin: Origin) -> None:
        origin.git("branch", "trunk", "main")
        origin.git("symbolic-ref", "HEAD", "refs/heads/trunk")
        clone = origin.clone("a")
        clone.git("remote", "set-head", "origin", "--delete")
        Machine("a", clone).manage("register_repo", str(clone.path))
        assert Repo.objects.get().branch == "trunk"

    def test_repo_without_origin_has_none(self, origin: Origin) -> None:
        clone = origin.clone("a")
        clone.git("remote", "remove", "origin")
        Machine("a", clone).manage("register_repo", str(clone.path))
        assert Repo.objects.get().branch == ""

    def test_it_can_be_named(self, origin: Origin) -> None:
        (a,) = make_machines(origin, "a")
        ended = a.manage("register_repo", str(a.clone.path), "--branch", "release")
        assert ended.stdout == f"{a.clone.path} is registered already, as 'a'; its branch is release (1 file matches)\n"
        assert Repo.objects.get().branch == "release"

    def test_nothing_is_written_on_another_branch(self, origin: Origin) -> None:
        (a,) = make_machines(origin, "a")
        report(T01, "in_progress")
        a.clone.git("checkout", "-q", "-b", "topic")
        a.clone.write(FILE, TEXT.replace("status: todo", "status: done").replace("Workplan WP-1", "Another title"))
        a.commit()
        before = hub_rows(), tree(a.clone)
        ended = a.fix()
        (finding,) = findings(ended)
        words = "Repo 'a' is on branch 'topic', not on 'main' — nothing is written (--any-branch lifts this)"
        assert (finding["code"], finding["severity"], finding["message"]) == ("C-18", "WARN", words)
        assert (repo(ended)["outcome"], repo(ended)["converged"]) == ("skipped", False)
        assert (hub_rows(), tree(a.clone)) == before
        assert [(each["code"], each["severity"]) for each in findings(a.check())] == [
            ("C-18", "INFO"),
            ("C-12", "WARN"),
            ("C-11", "WARN"),
        ]
        assert codes(a.fix("--any-branch")) == [("C-12", "updated"), ("C-11", "advanced")]

    def test_both_gates_are_named(self, origin: Origin) -> None:
        a, b = make_machines(origin, "a", "b")
        b.clone.write("x.md", "x")
        b.commit()
        b.push()
        a.clone.git("checkout", "-q", "-b", "topic", "--track", "origin/main")
        assert codes(a.fix()) == [("C-14", "none"), ("C-18", "none")]
        # Nor is anything pulled there.
        head = a.clone.head
        assert codes(a.fix("--pull")) == [("C-14", "none"), ("C-18", "none")]
        assert a.clone.head == head

    def test_detached_head_at_the_tip_is_on_it(self, origin: Origin) -> None:
        (a,) = make_machines(origin, "a")
        a.clone.git("checkout", "-q", "--detach")
        ended = a.fix()
        assert (codes(ended), repo(ended)["freshness"]) == ([], "fresh")


def make_machine_with_workplans(origin: Origin, number: int = 3) -> Machine:
    (a,) = make_machines(origin, "a")
    for extra in range(2, number + 1):
        a.clone.write(f"workplans/{extra}.md", workplan(f"WP-{extra}", [("T01", "todo")]))
    a.commit()
    a.push()
    a.fix()
    return a


def remove_workplans(a: Machine, *numbers: int) -> None:
    for number in numbers:
        (a.clone.path / (FILE if number == 1 else f"workplans/{number}.md")).unlink()


class TestSuddenlyEmpty:
    @pytest.mark.parametrize(
        ("number", "lost", "words"),
        [
            (1, [1], "no longer has the one workplan that the last fix saw"),
            (3, [1, 2, 3], "shows none of the 3 workplans of its last fix"),
            (3, [2, 3], "shows only 1 of the 3 workplans of its last fix"),
            (4, [1, 2, 3], "shows only 1 of the 4 workplans of its last fix"),
        ],
    )
    def test_most_workplans_are_gone(self, origin: Origin, number: int, lost: list[int], words: str) -> None:
        a = make_machine_with_workplans(origin, number)
        remove_workplans(a, *lost)
        if 1 not in lost:
            a.edit(T01, "done")
        before = hub_rows(), tree(a.clone)
        ended = a.fix()
        finding, *others = findings(ended)
        assert (finding["code"], finding["severity"], finding["file"]) == ("C-19", "FAIL", None)
        assert finding["message"] == (
            f"Repo 'a' {words} — nothing is written "
            "(wrong branch, sparse checkout, unmounted disk? --allow-missing if really removed)"
        )
        assert {each["action"] for each in others} == {"none"}
        assert [each["code"] for each in others].count("C-08") == len(lost)
        assert (ended.exit, repo(ended)["outcome"]) == (1, "skipped")
        assert (hub_rows(), tree(a.clone)) == before
        assert ("C-19", "INFO") in [(each["code"], each["severity"]) for each in findings(a.check())]
        # Lifted once, it is the new state of things.
        assert ("C-19", "none") not in codes(a.fix("--allow-missing"))
        assert ("C-19", "none") not in codes(a.fix())

    @pytest.mark.parametrize(("number", "lost"), [(2, [1]), (3, [2]), (4, [1, 2])])
    def test_half_of_them_are_enough(self, origin: Origin, number: int, lost: list[int]) -> None:
        a = make_machine_with_workplans(origin, number)
        remove_workplans(a, *lost)
        assert codes(a.fix()) == [("C-08", "none")] * len(lost)

    def test_moved_is_not_gone(self, origin: Origin) -> None:
        a = make_machine_with_workplans(origin)
        (a.clone.path / "workplans/old").mkdir()
        for name in ("a", "2", "3"):
            a.clone.git("mv", f"workplans/{name}.md", f"workplans/old/{name}.md")
        assert codes(a.fix()) == [("C-12", "updated")] * 3
        assert sorted(LedgerEntry.objects.values_list("path", flat=True)) == [
            f"workplans/old/{name}.md" for name in ("2", "3", "a")
        ]

    def test_sparse_checkout(self, origin: Origin) -> None:
        a = make_machine_with_workplans(origin)
        a.clone.git("sparse-checkout", "set", "--no-cone", "/README.md")
        assert codes(a.fix())[0] == ("C-19", "none")

    def test_reopened_task_whose_file_was_away_for_a_while(self, origin: Origin) -> None:
        """A status from before the file went away is not news when the file comes back."""
        a = make_machine_with_workplans(origin, 4)
        a.edit(T01, "done")
        a.commit()
        assert codes(a.fix()) == [("C-11", "advanced")]
        text = a.clone.read(FILE)
        remove_workplans(a, 1)
        assert codes(a.fix()) == [("C-08", "none")]
        reopen(T01, "todo")
        a.clone.write(FILE, text)
        assert codes(a.fix()) == [("C-15", "written_back")]
        assert a.statuses()[T01] == "todo"


def test_clone_of_another_person_is_untouched_by_a_check(origin: Origin, clone: Clone) -> None:
    (a,) = make_machines(origin, "a")
    a.clone.git("checkout", "-q", "-b", "topic")
    before = tree(a.clone)
    a.check()
    assert tree(a.clone) == before
