"""Meant, but not read: a run says which files it did not take, why, and what it therefore does not know."""

from __future__ import annotations

import pytest

from statehub.models import Repo, Workstream
from statehub.task_lookup import find_task
from statehub.transitions import advance, reopen
from testing.repos import Clone
from testing.samples import SOMEBODY, T01, T02
from testing.workplans import workplan
from tests.cli.helpers import (
    FILE,
    TEXT,
    check,
    codes,
    document,
    episodes,
    finding,
    findings,
    fix,
    hub_rows,
    mirrored,
    publish,
    repo_report,
    report,
    run,
    statuses,
)

B = "workplans/b.md"
COPY = "workplans/a (conflicted copy).md"

pytestmark = pytest.mark.usefixtures("hub")


def brief(clone: Clone) -> str:
    return run("fix_consistency", "--path", clone.path, "--verbosity", "0").stdout


class TestUnmatched:
    """C-25."""

    def message(self, clone: Clone, *args: str) -> str:
        registered = run("register_repo", clone.path, *args)
        assert registered.exit == 0
        (found,) = findings(fix("clone"))
        assert (found["code"], found["severity"], found["file"], found["workplan"]) == ("C-25", "WARN", None, None)
        assert registered.stderr == f"{found['message']}\n"
        return str(found["message"])

    def test_repo_that_never_had_any(self, clone: Clone) -> None:
        assert self.message(clone) == "no file matches the repo's workplan pattern 'workplans/**/*.md'"
        text = run("fix_consistency", "clone").stdout
        assert ("files and hub agree" in text, "some drift is left" in text) == (False, True)
        assert document(check("clone"))["repos"][0]["converged"] is False

    def test_pattern_with_a_comma(self, clone: Clone) -> None:
        clone.write(FILE, TEXT)
        publish(clone)
        assert self.message(clone, "--workplans", "workplans/*.md,docs/plans/*.md") == (
            "no file matches the repo's workplan pattern 'workplans/*.md,docs/plans/*.md'; commas do not separate "
            "patterns: --workplans 'workplans/*.md' --workplans 'docs/plans/*.md'; "
            f"`type: workplan` is in {FILE}"
        )

    def test_folder_that_is_a_link(self, clone: Clone) -> None:
        clone.write("plans/a.md", TEXT)
        (clone.path / "workplans").symlink_to("plans")
        publish(clone)
        assert self.message(clone) == (
            "no file matches the repo's workplan pattern 'workplans/**/*.md'; workplans is a link to the folder plans: "
            "such links are not followed"
        )

    def test_ends_with_the_first_workplan(self, clone: Clone) -> None:
        fix("--path", clone.path)
        clone.write(FILE, TEXT)
        assert codes(fix("clone")) == [("C-07", "created")]
        assert episodes() == [("C-25", "gone", 1), ("C-07", "created", 1)]
        assert codes(fix("clone")) == []

    def test_file_that_is_no_workplan_matches(self, clone: Clone) -> None:
        clone.write("workplans/README.md", "# How we plan\n")
        registered = run("register_repo", clone.path)
        assert (registered.stderr, codes(fix("clone"))) == ("", [])


class TestNotRead:
    """C-23: a path that is there is never gone."""

    @pytest.fixture
    def two(self, clone: Clone) -> Clone:
        return mirrored(clone, {FILE: TEXT, B: workplan("WP-2")})

    def ignore(self, clone: Clone) -> None:
        clone.git("rm", "--quiet", "--cached", FILE)
        clone.write(".gitignore", "a.md\n")
        publish(clone)

    def test_ignored(self, two: Clone) -> None:
        self.ignore(two)
        before = hub_rows()
        found = finding(
            "C-23", "workplan of 'Workplan WP-1' is not read: git ignores it (.gitignore:1: a.md)", db="active"
        )
        for _ in range(2):
            assert document(fix("clone")) == report("fix", repo_report(two, [found]))
        assert hub_rows()["Workstream"] == before["Workstream"]
        two.write(".gitignore", "")
        assert codes(fix("clone")) == []
        assert episodes()[-1] == ("C-23", "gone", 2)

    def test_what_was_open_of_it_stays_open(self, two: Clone) -> None:
        advance(find_task(T01), "done", SOMEBODY)
        check("clone")
        self.ignore(two)
        check("clone")
        assert episodes()[2:] == [("C-13", "", 1), ("C-23", "", 1)]

    def test_gone_before_it_came_back_unread(self, two: Clone) -> None:
        (two.path / FILE).unlink()
        assert codes(fix("clone")) == [("C-08", "none")]
        two.write(FILE, TEXT)
        self.ignore(two)
        assert codes(fix("clone")) == [("C-23", "none")]
        assert episodes()[2:] == [("C-08", "gone", 1), ("C-23", "", 1)]

    def test_sparse_checkout(self, two: Clone) -> None:
        two.git("sparse-checkout", "set", "--no-cone", f"/{B}")
        message = "workplan of 'Workplan WP-1' is not read: a sparse checkout leaves the file out of the work tree"
        assert findings(fix("clone")) == [finding("C-23", message, db="active")]

    def test_pattern_that_changed(self, two: Clone) -> None:
        run("register_repo", two.path, "--workplans", "workplans/b*.md")
        message = (
            "workplan of 'Workplan WP-1' is not read: it does not match the repo's workplan pattern 'workplans/b*.md'"
        )
        assert findings(fix("clone")) == [finding("C-23", message, db="active")]

    def test_linked_folder_beside_others(self, two: Clone) -> None:
        two.path.with_name("shared").mkdir()
        two.path.with_name("shared").joinpath("x.md").write_text(workplan("WP-9"))
        (two.path / "workplans/shared").symlink_to("../../shared")
        message = "not read: a link to the folder ../../shared: such links are not followed"
        assert findings(fix("clone")) == [finding("C-23", message, file="workplans/shared", workplan=None)]
        assert not Workstream.objects.filter(key="WP-9").exists()

    def test_pattern_that_matches_nothing_any_more(self, two: Clone) -> None:
        Repo.objects.update(workplans="*.txt")
        assert [code for code, _ in codes(fix("clone"))] == ["C-19", "C-25", "C-23", "C-23"]


class TestUntracked:
    """A tracked file comes first."""

    @pytest.fixture
    def copied(self, clone: Clone) -> Clone:
        mirrored(clone)
        clone.write(COPY, TEXT.replace("status: todo", "status: done"))
        return clone

    def test_tracked_one_goes_on(self, copied: Clone) -> None:
        advance(find_task(T02), "done", SOMEBODY)
        message = f"workplan id 'WP-1' is that of {FILE}; this copy, untracked by git, is left out"
        found = fix("clone")
        assert findings(found)[0] == finding("C-04", message, 1, file=COPY)
        assert (codes(found), found.exit) == ([("C-04", "none"), ("C-13", "written_back")], 0)
        assert statuses() == {T01: "todo", T02: "done"}
        (copied.path / COPY).unlink()
        assert codes(fix("clone")) == []
        assert episodes()[1] == ("C-04", "gone", 1)

    def test_two_copies(self, copied: Clone) -> None:
        copied.write("workplans/old/a.md", TEXT)
        assert codes(fix("clone")) == [("C-04", "none")] * 2
        assert {each["severity"] for each in findings(check("clone"))} == {"WARN"}

    def test_copy_beside_a_file_that_is_edited(self, copied: Clone) -> None:
        copied.write(FILE, TEXT.replace("status: in_progress", "status: blocked"))
        assert codes(fix("clone")) == [("C-04", "none"), ("C-11", "advanced")]

    def test_copy_becomes_tracked(self, copied: Clone) -> None:
        fix("clone")
        copied.git("add", COPY)
        found = findings(fix("clone"))
        assert [(each["code"], each["severity"], each["file"]) for each in found] == [
            ("C-04", "FAIL", COPY), ("C-04", "FAIL", FILE),
        ]  # fmt: skip

    def test_renamed_without_git(self, clone: Clone) -> None:
        mirrored(clone, {FILE: TEXT, B: workplan("WP-2")})
        advance(find_task(T01), "done", SOMEBODY)
        (clone.path / FILE).rename(clone.path / "workplans/c.md")
        assert codes(fix("clone")) == [("C-12", "updated"), ("C-13", "skipped"), ("C-14", "none")]
        assert Workstream.objects.get(key="WP-1").path == "workplans/c.md"
        clone.commit()
        assert codes(fix("clone")) == [("C-13", "written_back")]

    def test_hub_took_the_untracked_one_first(self, clone: Clone) -> None:
        mirrored(clone)
        clone.write(B, workplan("WP-2", [("T01", "todo")]))
        assert codes(fix("clone")) == [("C-07", "created")]
        clone.write("workplans/c.md", workplan("WP-2", [("T01", "done")]))
        clone.git("add", "workplans/c.md")
        assert codes(fix("clone")) == [("C-04", "none"), ("C-12", "updated"), ("C-11", "advanced")]
        assert codes(fix("clone")) == [("C-04", "none")]


class TestFinished:
    """C-27."""

    @pytest.fixture
    def two(self, clone: Clone) -> Clone:
        return mirrored(clone, {FILE: workplan("WP-1", [("T01", "done"), ("T02", "cancelled")]), B: workplan("WP-2")})

    def test_said_once(self, two: Clone) -> None:
        two.git("rm", "--quiet", FILE)
        publish(two)
        message = "workplan of 'Workplan WP-1' has left the checkout, its work is finished"
        found = finding("C-27", message, severity="INFO", db="active")
        assert document(fix("clone")) == report("fix", repo_report(two, [found], converged=True))
        for _ in range(2):
            assert document(fix("clone")) == report("fix", repo_report(two))
        assert "files and hub agree" in run("check_consistency", "clone").stdout
        assert episodes()[-1] == ("C-27", "", 4)

    def test_no_line_at_all_for_cron(self, two: Clone) -> None:
        two.git("rm", "--quiet", FILE)
        assert (brief(two), brief(two)) == ("", "")

    def test_reopened(self, two: Clone) -> None:
        two.git("rm", "--quiet", FILE)
        fix("clone")
        reopen(find_task(T01), "todo", "not yet", SOMEBODY)
        for _ in range(2):
            assert codes(fix("clone")) == [("C-08", "none")]
        advance(find_task(T01), "done", SOMEBODY)
        assert codes(fix("clone")) == [("C-27", "none")]
        assert codes(fix("clone")) == []
        assert episodes()[2:] == [("C-27", "gone", 1), ("C-08", "gone", 2), ("C-27", "", 2)]

    @pytest.mark.parametrize(
        ("status", "tasks", "code"),
        [
            ("active", [("T01", "done")], "C-27"),
            ("active", [("T01", "done"), ("T02", "todo")], "C-08"),
            ("done", [("T01", "in_progress")], "C-08"),
            ("done", [], "C-27"),
            ("cancelled", [], "C-27"),
            ("active", [], "C-08"),
        ],
    )
    def test_when_work_is_finished(self, clone: Clone, status: str, tasks: list[tuple[str, str]], code: str) -> None:
        mirrored(clone, {FILE: workplan("WP-1", tasks, status=status), B: workplan("WP-2")})
        clone.git("rm", "--quiet", FILE)
        assert codes(fix("clone")) == [(code, "none")]

    def test_back_again(self, two: Clone) -> None:
        text = two.read(FILE)
        (two.path / FILE).unlink()
        assert codes(fix("clone")) == [("C-27", "none")]
        two.write(FILE, text)
        assert codes(fix("clone")) == []
        assert episodes()[-1] == ("C-27", "gone", 1)
