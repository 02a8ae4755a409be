"""`--verbosity 0` and the exit status: what is left after the run counts, and a standing finding is said once."""

from __future__ import annotations

import pytest

from consistency.models import Finding
from consistency.reports.outcome import CheckoutOutcome
from consistency.runs.fetching import OpenCheckout
from consistency.runs.options import RunOptions
from consistency.runs.preflight import Warn
from consistency.runs.run import run_checkout
from statehub.models import Source
from statehub.task_lookup import find_task
from statehub.transitions import Actor as Mover
from statehub.transitions import advance
from testing.manage import Ended
from testing.repos import Clone, Origin
from testing.samples import T01
from testing.workplans import workplan
from tests.cli.helpers import FILE, TEXT, codes, edit, fix, mirrored, publish, run

QUIET = Ended(0, "", "")
BAD = TEXT.replace("status: todo", "status: doing")
BAD_LINE = "clone: workplans/a.md:14: FAIL C-05 unknown task status 'doing' — did you mean 'in_progress'?\n"
BEHIND = "clone: WARN C-14 Repo 'clone' is behind remote — pull before fixing to avoid clobbering remote progress\n"
TOPIC = (
    "clone: WARN C-18 Repo 'clone' is on branch 'topic', not on 'main' — nothing is written (--any-branch lifts this)\n"
)

pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture
def agreed(clone: Clone) -> Clone:
    return mirrored(clone)


def quiet(*options: str, mode: str = "fix", slug: str = "clone") -> Ended:
    return run(f"{mode}_consistency", slug, "--verbosity", "0", *options)


def report(task: str, status: str) -> None:
    advance(find_task(task), status, Mover("somebody", Source.API))


class TestFixed:
    @pytest.mark.parametrize("options", [[], ["--push"]], ids=["", "push"])
    def test_raises_no_alarm(self, agreed: Clone, options: list[str]) -> None:
        report(T01, "done")
        edit(agreed, "status: in_progress", "status: done")
        agreed.write("workplans/b.md", workplan("WP-2", [("T01", "todo")]))
        publish(agreed)
        assert quiet("--fail-on", "warn", *options) == QUIET
        assert sorted(Finding.objects.values_list("code", "resolution"))[1:] == [
            ("C-07", "created"), ("C-11", "advanced"), ("C-13", "written_back"),
        ]  # fmt: skip

    def test_is_left_by_a_check_and_by_a_dry_run(self, agreed: Clone) -> None:
        edit(agreed, "status: todo", "status: done")
        line = f"clone: workplans/a.md:14: WARN C-11 file is ahead of task 'Task {T01}' (db=todo, file=done)\n"
        assert quiet("--fail-on", "warn", mode="check") == Ended(1, line, "")
        assert quiet("--fail-on", "warn", "--dry-run") == Ended(1, "", "")
        assert quiet("--fail-on", "warn") == QUIET

    def test_first_dry_run_says_it(self, agreed: Clone) -> None:
        edit(agreed, "status: todo", "status: done")
        line = f"clone: workplans/a.md:14: WARN C-11 file is ahead of task 'Task {T01}' (db=todo, file=done)\n"
        assert [quiet("--dry-run") for _ in range(2)] == [Ended(0, line, ""), QUIET]


class TestExitStatus:
    def test_standing_finding_counts_at_every_run(self, agreed: Clone) -> None:
        agreed.write(FILE, BAD)
        assert [quiet() for _ in range(3)] == [Ended(1, BAD_LINE, ""), Ended(1, "", ""), Ended(1, "", "")]
        assert quiet("--fail-on", "never") == QUIET

    @pytest.mark.parametrize(("fail_on", "exit"), [("fail", 0), ("warn", 1), ("never", 0)])
    def test_of_a_closed_gate(self, agreed: Clone, fail_on: str, exit: int) -> None:
        agreed.git("switch", "-qc", "topic")
        assert (quiet("--fail-on", fail_on).exit, quiet("--fail-on", fail_on, mode="check").exit) == (exit, 0)


class TestStanding:
    def test_is_said_once_by_any_sequence_of_checks_and_fixes(self, agreed: Clone) -> None:
        agreed.write(FILE, BAD)
        assert quiet(mode="check") == Ended(1, BAD_LINE, "")
        assert [quiet(mode=mode) for mode in ("fix", "check", "fix")] == [Ended(1, "", "")] * 3
        assert quiet("--dry-run") == Ended(1, "", "")

    def test_comes_again_after_its_end(self, agreed: Clone) -> None:
        for _ in range(2):
            agreed.write(FILE, BAD)
            assert quiet() == Ended(1, BAD_LINE, "")
            agreed.write(FILE, TEXT)
            assert quiet() == QUIET

    def test_report_without_quiet_has_all_of_it(self, agreed: Clone) -> None:
        agreed.write(FILE, BAD)
        first, second = (run("fix_consistency", "clone").stdout for _ in range(2))
        assert first == second
        assert "C-05" in second

    def test_new_one_comes_alone(self, agreed: Clone) -> None:
        agreed.write(FILE, BAD)
        quiet()
        agreed.git("rm", "--quiet", "--cached", FILE)
        (agreed.path / "workplans/b.md").write_text("---\ntype: workplan\nid: [\n---\n")
        ended = quiet()
        assert (ended.exit, ended.stderr, ended.stdout.count("\n")) == (1, "", 1)
        assert ended.stdout.startswith("clone: workplans/b.md:")

    def test_plan_that_is_gone(self, agreed: Clone) -> None:
        (agreed.path / FILE).unlink()
        publish(agreed)
        first, second = quiet("--allow-missing"), quiet()
        # The last one: nothing matches the repo's pattern either.
        assert first == Ended(
            0,
            "clone: WARN C-25 no file matches the repo's workplan pattern 'workplans/**/*.md'\n"
            "clone: workplans/a.md: WARN C-08 workplan of 'Workplan WP-1' is gone from the checkout\n",
            "",
        )
        assert second == QUIET

    def test_checkout_that_is_missing(self, agreed: Clone) -> None:
        agreed.path.rename(agreed.path.with_name("elsewhere"))
        first, second = quiet(), quiet()
        assert (first.exit, first.stderr, first.stdout.count("\n"), "C-01" in first.stdout) == (1, "", 1, True)
        assert second == Ended(1, "", "")
        agreed.path.with_name("elsewhere").rename(agreed.path)
        assert quiet() == QUIET


class TestGates:
    def test_check_tells_nothing_and_the_fix_once(self, agreed: Clone) -> None:
        agreed.git("switch", "-qc", "topic")
        assert quiet(mode="check") == QUIET
        assert quiet() == Ended(0, TOPIC, "")
        assert [quiet(mode=mode) for mode in ("fix", "check", "fix", "check", "fix")] == [QUIET] * 5

    def test_again_after_its_end(self, agreed: Clone) -> None:
        for _ in range(2):
            agreed.git("switch", "-qC", "topic")
            assert quiet(mode="check") == QUIET
            assert quiet() == Ended(0, TOPIC, "")
            agreed.git("switch", "-q", "main")
            assert quiet() == QUIET

    def test_what_was_open_before_is_not_new_after_it(self, agreed: Clone) -> None:
        agreed.write(FILE, BAD)
        assert quiet().stdout == BAD_LINE
        agreed.git("switch", "-qc", "topic")
        assert quiet() == Ended(0, TOPIC, "")
        agreed.git("switch", "-q", "main")
        assert quiet() == Ended(1, "", "")

    def test_pull_that_fails_is_said_with_its_gate_and_not_again(self, origin: Origin, agreed: Clone) -> None:
        publish(origin.clone("other"))
        agreed.commit("Mine")
        words = "the branch has diverged from origin/main by commits that people made; merge or rebase it"
        assert quiet("--pull") == Ended(0, BEHIND, f"{agreed.path}: pull failed: {words}\n")
        assert quiet("--pull") == QUIET
        assert run("fix_consistency", "clone", "--pull").stderr == f"{agreed.path}: pull failed: {words}\n"

    def test_branch_that_is_gone_while_the_remote_is_away(self, origin: Origin, agreed: Clone) -> None:
        origin.git("branch", "-m", "main", "trunk")
        assert quiet().stdout.count("C-22") == 1
        away = origin.path.with_name("away.git")
        origin.path.rename(away)
        assert quiet() == QUIET
        away.rename(origin.path)
        assert quiet() == QUIET
        assert codes(fix("clone")) == [("C-22", "none")]
        origin.git("branch", "-m", "trunk", "main")
        assert codes(fix("clone")) == []
        assert Finding.objects.filter(resolved_at=None).count() == 0


class TestRemote:
    def test_that_does_not_answer(self, origin: Origin, agreed: Clone) -> None:
        origin.path.rename(origin.path.with_name("away.git"))
        assert [quiet("--pull", "--push") for _ in range(2)] == [QUIET, QUIET]

    def test_writeback_waits_for_it(self, origin: Origin, agreed: Clone) -> None:
        away = origin.path.with_name("away.git")
        origin.path.rename(away)
        report(T01, "done")
        first, second = quiet("--pull", "--push"), quiet("--pull", "--push")
        assert (first.exit, first.stdout.count("\n"), "C-16 committed, not pushed" in first.stdout) == (0, 1, True)
        assert second == QUIET
        away.rename(origin.path)
        assert quiet("--pull", "--push") == QUIET
        assert origin.git("rev-parse", "main") == agreed.head


class TestError:
    @pytest.fixture
    def broken(self, agreed: Clone) -> Clone:
        agreed.write(FILE, BAD)
        quiet()
        (agreed.path / ".git/index").write_text("broken")
        return agreed

    def test_is_one_line_at_every_run(self, broken: Clone) -> None:
        first, second = quiet(), quiet()
        assert (first.exit, first.stdout, first.stderr.count("\n")) == (2, "", 1)
        assert first.stderr.startswith("error: clone: ")
        assert second == first

    def test_what_was_open_before_is_not_new_after_it(self, broken: Clone) -> None:
        assert quiet().exit == 2
        (broken.path / ".git/index").unlink()
        broken.git("reset", "-q")
        assert quiet() == Ended(1, "", "")

    def test_stop_leaves_no_finding_unsaid(
        self, agreed: Clone, origin: Origin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A finding on record is not repeated, so it is reported now."""
        agreed.write(FILE, BAD)
        other = origin.clone("other")
        other.git("remote", "remove", "origin")
        assert run("register_repo", other.path, "--slug", "other").exit == 0
        assert fix("other").exit == 0

        def stop(opened: OpenCheckout, options: RunOptions, warn: Warn) -> CheckoutOutcome:
            if opened.checkout.repo.slug == "other":
                raise KeyboardInterrupt
            return run_checkout(opened, options, warn)

        monkeypatch.setattr("consistency.cli.base.run_checkout", stop)
        stopped = "error: interrupted; changes made so far are kept\n"
        ended = run("fix_consistency", "--all", "--jobs", "1", "--verbosity", "0")
        assert ended == Ended(2, BAD_LINE, stopped)
