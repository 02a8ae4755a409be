"""`retire_checkout`: what is no longer run keeps its history, and can come back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from consistency.models import Finding, Run
from statehub.models import Checkout
from testing.environment import HOST
from testing.repos import Clone, Origin
from tests.cli.helpers import check, codes, edit, fix, mirrored, run

pytestmark = pytest.mark.usefixtures("hub")


def retired() -> list[str]:
    return [
        f"{checkout.host}:{Path(checkout.path).name}"
        for checkout in Checkout.objects.exclude(retired_at=None).order_by("host", "path")
    ]


def refused(*args: str | Path) -> str:
    ended = run("retire_checkout", *args)
    assert (ended.exit, ended.stdout, ended.stderr.count("\n"), retired()) == (2, "", 1, [])
    return ended.stderr.removeprefix("error: ").removesuffix("\n")


@pytest.fixture
def checkouts(origin: Origin, clone: Clone) -> Clone:
    """Register `clone` and `second` here, and two of the same repo elsewhere."""
    mirrored(clone)
    assert run("register_repo", origin.clone("second").path).exit == 0
    repo = Checkout.objects.earliest("pk").repo
    Checkout.objects.create(repo=repo, host="laptop", path="/home/me/clone")
    Checkout.objects.create(repo=repo, host="laptop", path="/home/me/other")
    return clone


class TestWhich:
    def test_path(self, checkouts: Clone) -> None:
        ended = run("retire_checkout", checkouts.path)
        assert (ended.exit, ended.stdout, ended.stderr) == (0, f"retired 'clone' on {HOST}: {checkouts.path}\n", "")
        assert retired() == [f"{HOST}:clone"]
        assert (
            run("retire_checkout", checkouts.path).stdout == f"retired already: 'clone' on {HOST}: {checkouts.path}\n"
        )

    def test_path_that_is_gone_or_relative(self, checkouts: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        shutil.rmtree(checkouts.path)
        monkeypatch.chdir(checkouts.path.parent)
        assert run("retire_checkout", "./clone").exit == run("retire_checkout", "./second").exit == 0
        assert retired() == [f"{HOST}:clone", f"{HOST}:second"]

    def test_slug_on_this_host(self, checkouts: Clone) -> None:
        assert run("retire_checkout", "clone").stdout.count("\n") == 2
        assert retired() == [f"{HOST}:clone", f"{HOST}:second"]

    def test_slug_or_path_on_another_host(self, checkouts: Clone) -> None:
        assert run("retire_checkout", "/home/me/other", "--host", "laptop").exit == 0
        assert retired() == ["laptop:other"]
        assert run("retire_checkout", "clone", "--host", "laptop").exit == 0
        assert retired() == ["laptop:clone", "laptop:other"]

    def test_whole_host(self, checkouts: Clone) -> None:
        assert run("retire_checkout", "--host", "laptop").exit == 0
        assert retired() == ["laptop:clone", "laptop:other"]

    def test_whole_repo(self, checkouts: Clone) -> None:
        assert run("retire_checkout", "--repo", "clone").stdout.count("retired 'clone' on ") == 4
        assert len(retired()) == 4

    def test_unknown(self, checkouts: Clone) -> None:
        assert refused("x") == f"no repo and no checkout 'x' on host '{HOST}' (the admin lists them)"
        assert (
            refused("clone", "--host", "x") == "repo 'clone' has no checkout on host 'x'; --host HOST names another one"
        )
        assert refused("--host", "x") == f"no checkout is on host 'x' (known: laptop, {HOST})"
        assert refused("--repo", "x") == "no repo 'x' in the hub (known: clone)"

    def test_too_much_or_nothing(self, checkouts: Clone) -> None:
        words = "say what to retire: SLUG or PATH (--host HOST for another host), --repo SLUG, or --host HOST"
        assert refused() == words
        for more in (("clone",), ("--host", "laptop")):
            assert refused("--repo", "clone", *more) == "--repo SLUG retires the repo on every host: give it alone"


def test_is_not_run_and_its_findings_end(checkouts: Clone) -> None:
    edit(checkouts, "status: todo", "status: nonsense")
    assert codes(check("--path", checkouts.path)) == [("C-05", "none")]
    runs = Run.objects.count()
    assert run("retire_checkout", checkouts.path).exit == 0
    ended_finding = Finding.objects.get(code="C-05")
    assert (ended_finding.resolution, ended_finding.resolved_by) == ("retired", None)
    assert not Finding.objects.filter(resolved_at=None).exists()
    assert [repo["path"] for repo in json.loads(fix("--all").stdout)["repos"]] == [
        str(checkouts.path.with_name("second"))
    ]
    ended = fix("--path", checkouts.path)
    words = f"error: {checkouts.path} ('clone') is retired: register_repo {checkouts.path} brings it back\n"
    assert (ended.exit, ended.stdout, ended.stderr) == (2, "", words)
    assert Run.objects.count() == runs + 1
    # Once it is back, it is as it was: the finding opens again.
    assert run("register_repo", checkouts.path).exit == 0
    assert codes(check("--path", checkouts.path)) == [("C-05", "none")]
    assert Finding.objects.filter(code="C-05").count() == 2


def test_repo_that_is_retired_here_says_so(checkouts: Clone) -> None:
    assert run("retire_checkout", "--repo", "clone").exit == 0
    ended = fix("clone")
    second = checkouts.path.with_name("second")
    words = f"repo 'clone' is retired on host '{HOST}' ({checkouts.path}, {second}): register_repo PATH brings it back"
    assert (ended.exit, ended.stderr) == (2, f"error: {words}\n")
    ended = fix("--all")
    assert (ended.exit, ended.stderr) == (
        2, f"error: no checkout is registered for host '{HOST}': register_repo PATH adds one\n",
    )  # fmt: skip
