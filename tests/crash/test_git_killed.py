"""git is killed at any moment of its work: the run names the lock that is left, and goes on once that is removed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.crash.campaign import every_git, sqlite, staged
from tests.crash.gitkills import killed, moments, with_moments
from tests.crash.scenarios import SCENARIOS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, to wait for what a killed run leaves")

WRITEBACK = slice(8, None)
"""The moments from the first that may change something in the clone; those before are for `make crash`."""


def test_git_killed_at_every_moment_of_a_writeback(tmp_path: Path) -> None:
    row = every_git(tmp_path, sqlite, SCENARIOS["fix"], part=WRITEBACK)
    assert row.faults == ()
    assert row.equal == row.kills >= 28


def test_every_git_of_a_fix_is_a_moment(tmp_path: Path) -> None:
    scenario = with_moments(SCENARIOS["pull-push"])
    with staged(tmp_path, sqlite, scenario) as (stage, whole):
        found = moments(stage, scenario)
        begun = [f"git {moment.removesuffix(': before')}" for moment in found if moment.endswith(": before")]
        # Some run at the same time: which of those begins first differs.
        assert sorted(begun) == sorted(name for kind, name in whole.effects if name.startswith("git "))
        for name in ("fetch", "checkout", "fast-import", "read-tree", "update-ref", "push"):
            assert {f"{name}: before", f"{name}: first byte", f"{name}: after"} <= set(found)


def test_killed_read_tree_is_a_finding_that_names_the_lock(tmp_path: Path) -> None:
    scenario = with_moments(SCENARIOS["fix"])
    with staged(tmp_path, sqlite, scenario) as (stage, whole):
        found = moments(stage, scenario)
        at = found.index("read-tree: first byte") + 1
        end = killed(stage, scenario, whole, at, found[at - 1], both=False)
        assert end is not None
        assert (end.removed, end.faults) == (("a/.git/index.lock",), ())
        lock = stage.a.path / ".git" / "index.lock"
        stage.restore()
        lock.touch()
        ran = stage.run(scenario.command(stage))
        assert ran.exit == 0
        assert f"C-16  writeback was not possible: fatal: Unable to create '{lock}': File exists." in ran.said
        assert stage.a.read("workplans/a.md") == stage.a.git("show", "HEAD:workplans/a.md").encode() + b"\n"
