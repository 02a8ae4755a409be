"""Absence: files in one checkout and not in another. Only files of the repo's branch can be gone from a clone."""

from __future__ import annotations

import pytest

from statehub.models import Workstream
from testing.repos import Origin
from testing.workplans import workplan
from tests.cli.helpers import FILE, codes, findings
from tests.multihost.machine import Machine, machine, make_machines

DRAFT = "workplans/draft.md"
TEXT = workplan("WP-2", [("T01", "todo")])

pytestmark = pytest.mark.usefixtures("hub")


def committed() -> bool:
    return Workstream.objects.get(key="WP-2").committed


class TestUncommitted:
    @pytest.fixture
    def two(self, origin: Origin) -> tuple[Machine, Machine]:
        """Give the hub a workplan that is untracked in the first clone."""
        a, b = make_machines(origin, "a", "b")
        a.clone.write(DRAFT, TEXT)
        assert codes(a.fix()) == [("C-07", "created")]
        return a, b

    def test_other_checkouts_do_not_miss_it(self, two: tuple[Machine, Machine]) -> None:
        a, b = two
        for host in (a, b):
            assert (codes(host.fix()), codes(host.check())) == ([], [])
        assert committed() is False

    @pytest.mark.parametrize("stage", ["untracked", "staged", "committed"])
    def test_nor_until_the_branch_has_it(self, two: tuple[Machine, Machine], stage: str) -> None:
        a, b = two
        if stage != "untracked":
            a.clone.git("add", DRAFT)
        if stage == "committed":
            a.commit()
        assert (codes(a.fix()), codes(b.fix()), committed()) == ([], [], False)

    def test_once_the_branch_has_it_it_can_be_gone(self, two: tuple[Machine, Machine], origin: Origin) -> None:
        a, b = two
        a.commit()
        a.push()
        version = Workstream.objects.get(key="WP-2").version
        assert (codes(a.fix()), committed()) == ([], True)
        assert Workstream.objects.get(key="WP-2").version == version
        b.pull()
        b.clone.git("rm", "--quiet", DRAFT)
        assert codes(b.fix()) == [("C-08", "none")]
        b.commit()
        b.push()
        c = machine(origin, "c")
        assert codes(c.fix()) == [("C-08", "none")]

    def test_first_seen_in_a_commit_of_the_branch(self, two: tuple[Machine, Machine], origin: Origin) -> None:
        a, b = two
        a.commit()
        a.push()
        b.pull()
        assert (codes(b.fix()), committed()) == ([], True)

    def test_who_had_it_says_that_it_is_gone(self, two: tuple[Machine, Machine]) -> None:
        a, b = two
        (a.clone.path / DRAFT).unlink()
        assert codes(a.fix()) == [("C-08", "none")]
        assert codes(b.fix()) == []

    def test_check_marks_nothing(self, two: tuple[Machine, Machine]) -> None:
        a, _ = two
        a.commit()
        a.push()
        assert (codes(a.check()), committed()) == ([], False)

    def test_committed_file_that_becomes_a_workplan_without_a_commit(self, origin: Origin) -> None:
        a, b = make_machines(origin, "a", "b")
        a.clone.write(DRAFT, TEXT.replace("type: workplan", "type: note"))
        a.commit()
        a.push()
        b.pull()
        a.clone.write(DRAFT, TEXT)
        assert codes(a.fix()) == [("C-07", "created")]
        assert codes(b.fix()) == []

    def test_reports_go_on_meanwhile(self, two: tuple[Machine, Machine]) -> None:
        a, b = two
        a.clone.write(DRAFT, TEXT.replace("status: todo", "status: done"))
        assert codes(a.fix()) == [("C-11", "advanced")]
        assert (codes(b.fix()), committed()) == ([], False)


class TestAllowedOnce:
    """`--allow-missing` holds for the repo."""

    LOST = ("workplans/2.md", "workplans/3.md", "workplans/4.md")

    @pytest.fixture
    def hosts(self, origin: Origin) -> list[Machine]:
        hosts = make_machines(origin, "a", "b", "c")
        a = hosts[0]
        for number, path in enumerate(self.LOST, 2):
            a.clone.write(path, workplan(f"WP-{number}", [("T01", "todo")]))
        a.commit()
        a.push()
        for host in hosts:
            host.pull()
            host.fix()
        a.clone.git("rm", "--quiet", *self.LOST)
        a.commit()
        a.push()
        return hosts

    def test_other_checkouts_are_not_asked_again(self, hosts: list[Machine]) -> None:
        a, b, c = hosts
        assert codes(a.fix())[0] == ("C-19", "none")
        assert codes(a.fix("--allow-missing")) == [("C-08", "none")] * 3
        # One that does not ask its remote still has them, and is held back by what the hub has seen.
        assert codes(c.fix("--no-fetch")) == [("C-14", "none")]
        for host in (b, c):
            host.pull()
            assert codes(host.check()) == [("C-08", "none")] * 3
            assert codes(host.fix()) == [("C-08", "none")] * 3

    def test_without_it_each_is_asked(self, hosts: list[Machine]) -> None:
        for host in hosts[1:]:
            host.pull()
        assert [codes(host.fix())[0] for host in hosts] == [("C-19", "none")] * 3

    def test_others_that_go_missing_later_are_asked_for(self, hosts: list[Machine]) -> None:
        a, b, _ = hosts
        a.fix("--allow-missing")
        b.pull()
        (b.clone.path / FILE).unlink()
        assert [code for code, _ in codes(b.fix())] == ["C-19", "C-25", *["C-08"] * 4]

    def test_once_back_they_may_not_go_again(self, hosts: list[Machine]) -> None:
        a, b, _ = hosts
        a.fix("--allow-missing")
        a.clone.git("revert", "--quiet", "--no-edit", "HEAD")
        a.push()
        assert codes(a.fix()) == []
        b.pull()
        assert codes(b.fix()) == []
        for path in self.LOST:
            (b.clone.path / path).unlink()
        assert [code for code, _ in codes(b.fix())] == ["C-19", *["C-08"] * 3]

    def test_dry_run_allows_nothing(self, hosts: list[Machine]) -> None:
        a, b, _ = hosts
        a.fix("--allow-missing", "--dry-run")
        a.check("--allow-missing")
        b.pull()
        assert findings(b.fix())[0]["code"] == "C-19"
