"""Requests of a command line are fulfilled, or refused in one line: several checkouts, repeated or useless options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from consistency.models import Run
from statehub.models import Checkout
from testing.hub import Hub
from testing.manage import Ended
from testing.repos import Clone, Origin
from tests.cli.helpers import FILE, cannot_run, check, document, fix, mirrored, run

pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture
def clones(new_origin: Callable[[str], Origin]) -> list[Clone]:
    """Return two clones of two repos, which the hub does not know."""
    return [new_origin(name).clone(name) for name in ("one", "two")]


class TestSeveralPaths:
    def test_all_of_them_run(self, clones: list[Clone]) -> None:
        ended = fix("--path", clones[1].path, "--path", clones[0].path)
        assert ended.exit == 0
        assert [repo["slug"] for repo in document(ended)["repos"]] == ["two", "one"]
        assert Checkout.objects.count() == Run.objects.count() == 2

    def test_same_one_runs_once(self, clones: list[Clone], tmp_path: Path) -> None:
        link = tmp_path / "link"
        link.symlink_to(clones[0].path)
        (clones[0].path / "below").mkdir()
        ended = check(*(f"--path={path}" for path in (clones[0].path, link, clones[0].path / "below")))
        assert [repo["slug"] for repo in document(ended)["repos"]] == ["one"]

    def test_nothing_is_done_if_one_is_not_a_checkout(self, clones: list[Clone], tmp_path: Path) -> None:
        ended = run("fix_consistency", "--path", clones[0].path, "--path", tmp_path / "none")
        assert ended == cannot_run(f"{tmp_path}/none is not there")
        assert not Checkout.objects.exists()

    def test_slugs_and_paths_together_are_refused(self, clones: list[Clone]) -> None:
        line = "say which checkouts: SLUG …, --all, or --path PATH (one of the three)"
        assert run("fix_consistency", "one", "--path", clones[0].path) == cannot_run(line)

    def test_same_slug_twice_runs_once(self, clones: list[Clone]) -> None:
        fix("--path", clones[0].path)
        assert [repo["slug"] for repo in document(check("one", "one"))["repos"]] == ["one"]


class TestStampingSeveral:
    @pytest.mark.parametrize("chosen", [("one", "two"), ("--all",), ("two", "one", "two")])
    def test_all_of_them_are_stamped(self, clones: list[Clone], chosen: tuple[str, ...]) -> None:
        for clone in clones:
            mirrored(clone)
        ended = run("stamp_ids", *chosen)
        lines = [f"{clone.path}: stamped 1 workstream and 2 tasks in 1 file, not committed yet\n" for clone in clones]
        assert (ended.exit, sorted(ended.stdout.splitlines(keepends=True)), ended.stderr) == (0, lines, "")
        assert all(b"state_hub_task_id" in clone.read(FILE) for clone in clones)

    def test_one_that_cannot_be_stamped_stops_no_other(self, clones: list[Clone]) -> None:
        for clone in clones:
            mirrored(clone)
        clones[0].path.rename(clones[0].path.with_name("moved"))
        ended = run("stamp_ids", "--all")
        assert (ended.exit, ended.stderr) == (2, f"error: {clones[0].path}: {clones[0].path} is not there\n")
        assert b"state_hub_task_id" in clones[1].read(FILE)

    @pytest.mark.parametrize("arguments", [[], ["--all", "one"]])
    def test_which_is_not_clear(self, arguments: list[str]) -> None:
        assert run("stamp_ids", *arguments) == cannot_run("say which checkouts: SLUG …, or --all")

    def test_nothing_is_done_if_one_is_unknown(self, clones: list[Clone]) -> None:
        mirrored(clones[0])
        line = "no repo 'three' in the hub (known: one); register_repo PATH makes one known"
        assert run("stamp_ids", "one", "three") == cannot_run(line)
        assert b"state_hub_task_id" not in clones[0].read(FILE)

    def test_nothing_is_registered(self) -> None:
        line = "no checkout is registered for host 'test-host': register_repo PATH adds one"
        assert run("stamp_ids", "--all") == cannot_run(line)


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["check_consistency", "--all", "--output", "a", "--output", "b"], "--output"),
        (["check_consistency", "--all", "--format", "json", "--format=text"], "--format"),
        (["fix_consistency", "--all", "--fail-on", "never", "--fail-on", "fail"], "--fail-on"),
        (["prune_history", "--older-than", "1", "--older-than", "1"], "--older-than"),
        (["create_token", "x", "--expires", "1", "--expires", "2"], "--expires"),
        (["reopen_task", "T", "todo", "--reason", "a", "--reason", "b"], "--reason"),
    ],
)
def test_option_given_twice_is_refused(hub: Hub, arguments: list[str], option: str) -> None:
    said = f"error: {arguments[0]}: argument {option}: is given twice (--help shows how)\n"
    assert run(*arguments) == Ended(2, "", said)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["check_consistency", "--path", ""], "paths"),
        (["check_consistency", "--all", "--output", ""], "output"),
        (["check_consistency", ""], "slugs"),
        (["register_repo", "/", "--slug", ""], "slug"),
        (["register_repo", "/", "--branch", ""], "branch"),
        (["set_task_status", "", "done"], "task"),
        (["reopen_task", "T", "todo", "--reason", ""], "reason"),
        (["stamp_ids", ""], "slugs"),
    ],
)
def test_empty_argument_is_refused(hub: Hub, arguments: list[str], name: str) -> None:
    assert run(*arguments) == cannot_run(f"an argument is empty: {name}")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--no-fetch", "--fetch-timeout", "5"], "--fetch-timeout is for a fetch: give it without --no-fetch"),
    ],
)
def test_options_that_contradict_each_other_are_refused(hub: Hub, arguments: list[str], line: str) -> None:
    assert run("fix_consistency", "--all", *arguments) == cannot_run(line)


def test_setting_to_push_gives_way_to_no_writeback(hub: Hub, clone: Clone) -> None:
    mirrored(clone)
    ended = hub.manage("fix_consistency", "clone", "--no-writeback", env={"STATEHUB_PUSH": "true"})
    assert (ended.exit, ended.stderr) == (0, "")
