"""`register_repo` for many: several paths, those below a folder, and what is refused in one line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection

from statehub.models import Checkout, Repo
from testing.hub import Hub
from testing.manage import Ended
from testing.repos import Clone, Origin
from testing.workplans import workplan
from tests.cli.helpers import codes, document, fix, run, statuses

pytestmark = pytest.mark.usefixtures("hub")


def registered() -> list[tuple[str, str]]:
    return list(Checkout.objects.order_by("path").values_list("repo__slug", "path"))


def with_a_plan(clone: Clone) -> Clone:
    """Give *clone* one workplan that is not committed: something matches the pattern."""
    clone.write("workplans/a.md", workplan(f"WP-{clone.path.name}", [("T01", "todo")]))
    return clone


def one_line(ended: Ended) -> str:
    """Return the one line that says why nothing was done."""
    assert (ended.exit, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert Repo.objects.count() == 0
    return ended.stderr.removeprefix("error: ").removesuffix("\n")


class TestSeveralPaths:
    def test_each_is_registered(self, new_origin: Callable[[str], Origin]) -> None:
        one, two = (with_a_plan(new_origin(name).clone(name)) for name in ("one", "two"))
        ended = run("register_repo", one.path, two.path, one.path)
        assert (ended.exit, ended.stderr) == (0, "")
        assert ended.stdout == "".join(
            f"registered {each.path} as '{each.path.name}', workplans: workplans/**/*.md; its branch is main "
            "(1 file matches)\n"
            for each in (one, two)
        )
        assert registered() == [("one", str(one.path)), ("two", str(two.path))]

    def test_trouble_of_one_does_not_stop_the_others(self, clone: Clone, tmp_path: Path) -> None:
        ended = run("register_repo", tmp_path / "away", with_a_plan(clone).path)
        assert (ended.exit, ended.stderr) == (2, f"error: {tmp_path / 'away'} is not there\n")
        assert registered() == [("clone", str(clone.path))]

    @pytest.mark.parametrize("option", ["--slug", "--branch"])
    @pytest.mark.parametrize("several", [("a", "b"), ("--under", ".")])
    def test_what_is_for_one_repo_is_refused(self, option: str, several: tuple[str, ...]) -> None:
        assert (
            one_line(run("register_repo", *several, option, "x")) == f"{option} is for one repo: give one PATH with it"
        )

    def test_nothing_is_refused(self) -> None:
        assert one_line(run("register_repo")) == "say what to register: PATH …, --under DIR, or --remote URL"

    def test_wrong_glob_is_refused_before_anything_is_done(self, clone: Clone) -> None:
        for option in ("--workplans", "--exclude"):
            assert "'/x' is not a valid " in one_line(run("register_repo", clone.path, option, "a", option, "/x"))


def test_clones_of_one_new_repo_at_the_same_time(hub: Hub, origin: Origin) -> None:
    clones = [with_a_plan(origin.clone(f"clone-{number}")) for number in range(4)]
    with ThreadPoolExecutor(len(clones)) as pool:
        ended = list(pool.map(lambda clone: hub.manage("register_repo", clone.path), clones))
    assert [(each.exit, each.stderr) for each in ended] == [(0, "")] * 4
    assert (Repo.objects.count(), [path for _, path in registered()]) == (1, [str(clone.path) for clone in clones])


class TestUnder:
    def test_clones_are_found_and_told(self, new_origin: Callable[[str], Origin], tmp_path: Path) -> None:
        (top := tmp_path / "work").mkdir()
        origin, other = new_origin("one"), new_origin("two")
        one = Clone(top / "a" / "one")
        origin.git("clone", "--quiet", str(origin.path), str(one.path))
        other.git("clone", "--quiet", str(other.path), str(top / "two"))
        other.git("clone", "--quiet", "--bare", str(other.path), str(top / "mirror.git"))
        with_a_plan(one), with_a_plan(Clone(top / "two"))
        one.git("worktree", "add", "--quiet", str(top / "linked"))
        fork = new_origin("three").path.with_name("fork.git")
        origin.git("clone", "--quiet", "--bare", str(origin.path), str(fork))
        origin.git("clone", "--quiet", str(fork), str(top / "fork"))
        (top / "loop").symlink_to(top)
        ended = run("register_repo", "--under", top)
        made = ", workplans: workplans/**/*.md; its branch is main (1 file matches)"
        assert (ended.exit, ended.stdout.splitlines()) == (2, [
            f"registered {one.path} as 'one'{made}",
            f"{top}/linked is left out: a linked work tree of another clone; register_repo {top}/linked registers it",
            f"{top}/mirror.git is left out: a bare repository has no work tree",
            f"registered {top}/two as 'two'{made}",
        ])  # fmt: skip
        assert ended.stderr.startswith(f"error: {top}/fork looks like repo 'one' (")
        assert registered() == [("one", str(one.path)), ("two", f"{top}/two")]

    def test_again_and_with_a_retired_one(self, clone: Clone) -> None:
        run("register_repo", clone.path)
        top = clone.path.parent
        ended = run("register_repo", "--under", top)
        assert (ended.exit, ended.stdout.splitlines()[0]) == (
            0, f"{clone.path} is registered already, as 'clone' (0 files match)",
        )  # fmt: skip
        run("retire_checkout", clone.path)
        ended = run("register_repo", "--under", top)
        assert (ended.exit, ended.stdout.splitlines()[0]) == (
            0, f"{clone.path} is left out: it is retired; register_repo {clone.path} brings it back",
        )  # fmt: skip
        assert run("register_repo", clone.path).stdout == f"{clone.path} is back, as 'clone' (0 files match)\n"

    def test_folder_without_a_clone(self, tmp_path: Path) -> None:
        assert one_line(run("register_repo", "--under", tmp_path)) == f"there is no clone in {tmp_path} or below it"
        assert one_line(run("register_repo", "--under", tmp_path / "x")) == f"{tmp_path / 'x'} is not a folder"


def test_files_left_out_are_not_workplans(clone: Clone) -> None:
    for name in ("a", "old/b", "c"):
        clone.write(f"plans/{name}.md", workplan(f"WP-{name[-1]}", [("T01", "todo")]))
    clone.write("docs/d.md", workplan("WP-d", [("T01", "todo")]))
    clone.commit()
    clone.push()
    ended = run(
        "register_repo", clone.path, "--workplans", "plans/**/*.md", "--workplans", "docs/*.md", "--exclude",
        "plans/old/**", "--exclude", "**/c.md",
    )  # fmt: skip
    assert ended.stdout.endswith("; left out: plans/old/**, **/c.md (2 files match)\n")
    assert codes(fix("clone")) == [("C-07", "created")] * 2
    assert statuses() == {"WP-a-T01": "todo", "WP-d-T01": "todo"}
    assert document(fix("clone"))["repos"][0]["converged"] is True
    ended = run("register_repo", clone.path, "--no-exclude")
    assert ended.stdout.endswith("as 'clone'; nothing is left out now (4 files match)\n")
    assert codes(fix("clone")) == [("C-07", "created")] * 2


class TestRun:
    """A run notices that its path holds another repository."""

    def stranger_at(self, path: Path, origin: Origin) -> Clone:
        shutil.rmtree(path)
        origin.git("clone", "--quiet", str(origin.path), str(path))
        other = Clone(path)
        other.write("workplans/a.md", workplan("WP-1", [("T01", "done"), ("T02", "done")]))
        other.commit()
        other.push()
        return other

    def planned(self, clone: Clone) -> None:
        clone.write("workplans/a.md", workplan("WP-1", [("T01", "todo"), ("T02", "in_progress")]))
        clone.commit()
        clone.push()
        assert fix("--path", clone.path).exit == 0

    @pytest.mark.parametrize("way", ["same address", "no address", "first commits unknown before"])
    def test_by_its_history(self, origin: Origin, clone: Clone, new_origin: Callable[[str], Origin], way: str) -> None:
        if way == "no address":
            clone.git("remote", "remove", "origin")
            clone.write("workplans/a.md", workplan("WP-1", [("T01", "todo"), ("T02", "in_progress")]))
            clone.commit()
            assert fix("--path", clone.path).exit == 0
        else:
            self.planned(clone)
        if way == "first commits unknown before":
            Repo.objects.update(first_commits=[])
            assert fix("clone").exit == 0
            assert Repo.objects.get().first_commits == [clone.git("rev-list", "--max-parents=0", "HEAD")]
        stranger = new_origin("stranger")
        if way != "no address":
            origin.path.rename(origin.path.with_name("away"))
            stranger.path.rename(origin.path)
            stranger = origin
        other = self.stranger_at(clone.path, stranger)
        if way == "no address":
            other.git("remote", "remove", "origin")
        before = statuses()
        ended = fix("clone")
        assert codes(ended) == [("C-22", "none")]
        assert document(ended)["repos"][0]["findings"][0]["message"] == (
            "Repo 'clone': another repository is here now, the histories have nothing in common — nothing is written "
            "(retire_checkout PATH, then register_repo PATH registers the other one)"
        )
        assert statuses() == before == {"WP-1-T01": "todo", "WP-1-T02": "in_progress"}
        # What the message says helps.
        assert run("retire_checkout", clone.path).exit == 0
        assert run("register_repo", clone.path, "--slug", "other").exit == 0
        assert codes(fix("other")) == [("C-07", "created")]

    def test_moved_checkout_keeps_its_ledger(self, clone: Clone) -> None:
        self.planned(clone)
        clone.path.rename(clone.path.with_name("second"))
        assert codes(fix("clone")) == [("C-01", "none")]
        ended = fix("--path", clone.path.with_name("second"))
        assert ended.stderr == f"{clone.path.with_name('second')} is 'clone', which has moved from {clone.path}\n"
        assert (ended.exit, codes(ended)) == (0, [])
        assert (fix("--all").exit, Checkout.objects.count()) == (0, 1)
        assert Checkout.objects.get().ledger.count() == 1


class TestSettingsOfACheckout:
    def test_watch(self, clone: Clone) -> None:
        with_a_plan(clone)
        cron = "workers need PostgreSQL: with SQLite, cron runs fix_consistency\n"
        expected = cron if connection.vendor == "sqlite" else ""
        ended = run("register_repo", clone.path, "--watch")
        note = f"registered {clone.path} as 'clone', workplans: workplans/**/*.md; its branch is main"
        assert (ended.exit, ended.stdout, ended.stderr) == (
            0, f"{note}; this host's workers run it (1 file matches)\n", expected,
        )  # fmt: skip
        assert Checkout.objects.get().watch is True
        assert run("register_repo", clone.path).stdout.endswith("is registered already, as 'clone' (1 file matches)\n")
        assert Checkout.objects.get().watch is True
        ended = run("register_repo", clone.path, "--no-watch")
        assert ended.stdout.endswith("as 'clone'; workers no longer run it (1 file matches)\n")
        assert (ended.stderr, Checkout.objects.get().watch) == ("", False)

    def test_writeback(self, clone: Clone) -> None:
        with_a_plan(clone)
        ended = run("register_repo", clone.path, "--writeback", "off")
        assert ended.stdout.endswith("; its branch is main; writeback: off (1 file matches)\n")
        assert Repo.objects.get().writeback == "off"
        assert run("register_repo", clone.path).exit == 0
        assert Repo.objects.get().writeback == "off"
        assert run("register_repo", clone.path, "--writeback", "push").exit == 0
        assert Repo.objects.get().writeback == "push"
