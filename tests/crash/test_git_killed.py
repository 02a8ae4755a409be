"""git is killed in the middle of its work: the run names the lock that is left, and goes on once that is removed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.crash.campaign import every_hook, sqlite, staged
from tests.crash.gitkills import killed, moments, with_hooks
from tests.crash.scenarios import SCENARIOS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, to wait for what a killed run leaves")


def test_every_hook_of_a_fix(tmp_path: Path) -> None:
    row = every_hook(tmp_path, sqlite, SCENARIOS["fix"])
    assert row.faults == ()
    assert row.equal == row.kills == 2 * row.effects
    assert row.effects >= 6


def test_killed_commit_is_a_finding_that_names_the_lock(tmp_path: Path) -> None:
    scenario = with_hooks(SCENARIOS["fix"])
    with staged(tmp_path, sqlite, scenario) as (stage, whole):
        at = next(at for at, hook in enumerate(moments(stage, scenario), 1) if hook.startswith("pre-commit"))
        end = killed(stage, scenario, whole, at, "pre-commit", both=False)
        assert (end.removed, end.faults) == (("a/.git/index.lock",), ())
        lock = stage.a.path / ".git" / "index.lock"
        stage.restore()
        lock.touch()
        ran = stage.run(scenario.command(stage))
        assert ran.exit == 0
        assert f"C-16  writeback was not possible: fatal: Unable to create '{lock}': File exists." in ran.said
        assert stage.a.read("workplans/a.md") == stage.a.git("show", "HEAD:workplans/a.md").encode() + b"\n"
