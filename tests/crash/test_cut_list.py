"""The run dies while it tells git what to commit: git must not take the first part of that for the whole."""

from __future__ import annotations

from collections.abc import Sequence

from testing.repos import make_origin
from testing.workplans import workplan
from tests.crash.scenarios import FIX, Scenario, done
from tests.crash.seam import KILL_AFTER
from tests.crash.series import KILLS, disturbed, plans, undisturbed
from tests.crash.stage import Stage

NUMBER = 70
"""More than fill one write to a pipe, which takes 4,096 bytes."""

PATH = "workplans/{:02}-a-name-that-is-as-long-as-it-must.md"


def texts(status: str) -> dict[str, str]:
    return {PATH.format(number): workplan(f"WP-{number}", [("T01", status)]) for number in range(NUMBER)}


def prepare(stage: Stage) -> None:
    """Fix everything once; then put the old files back."""
    make_origin(stage.origin.path)
    clone = stage.origin.clone("a")
    for status in ("done", "todo"):
        for path, text in texts(status).items():
            clone.write(path, text)
        clone.commit(status)
        clone.push()
        if status == "done":
            done(stage, *command(stage))


def command(stage: Stage) -> Sequence[str]:
    return (*FIX, "--path", str(stage.a.path))


def test_cut_list_commits_nothing(stage: Stage) -> None:
    scenario = Scenario("list", "many files", prepare, command)
    whole = undisturbed(stage, scenario)
    build = whole.effects.index(("spawn", "git fast-import"))
    last = whole.effects.index(("sql", "INSERT OR IGNORE"), build)
    kills = [plan for plan in plans(whole.effects, "sqlite", all=True) if plan.what in KILLS]
    near = [plan for plan in kills if build < plan.at <= last + 1]
    assert [plan.what for plan in near].count(KILL_AFTER) >= 3
    for plan in near[::3]:
        assert disturbed(stage, scenario, whole, plan).faults == ()
