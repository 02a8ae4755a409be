"""Machines, people and a hub played through at random: a part that is small enough for every run of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis.stateful import run_state_machine_as_test
from pytest_django import DjangoDbBlocker

from simulation.replay import play, shortened
from simulation.rules import Simulation
from simulation.world import Folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Iterator[Folder]:
    with django_db_blocker.unblock():
        yield Folder(tmp_path_factory.mktemp("worlds"))


@pytest.mark.parametrize("seed", range(4))
def test_promises_hold_whatever_happens(folder: Folder, seed: int) -> None:
    machine = seeded(seed)(type("Simulation", (Simulation,), {"folder": folder}))
    chosen = settings(
        max_examples=4, stateful_step_count=25, database=None, phases=[Phase.generate], print_blob=False,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    try:
        run_state_machine_as_test(machine, settings=chosen)
    except Exception as error:
        if machine.broken is None:
            raise
        script = "\n".join(shortened(folder, machine.broken))
        pytest.fail(f"{error}\n\nseed {seed}; python -m simulation --replay FILE plays these again:\n{script}")
    assert machine.settled == 4


def test_script_of_a_broken_promise_is_shortened_to_what_breaks_it(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a judge that takes old news for new ones a reopen is undone; the simulation must see that."""
    monkeypatch.setattr("consistency.core.tasks.judge", _forgetful)
    script = ["reword a B", "edit a A-T1 done", "check b", "fix a", "scratch b", "reopen A-T1 todo", "commit b", "fix a"]
    assert str(play(folder, script)).startswith("A-T1 was todo in the hub and is done; the file said done, and done")
    assert shortened(folder, script) == ["edit a A-T1 done", "fix a", "reopen A-T1 todo", "fix a"]


def _forgetful(file: str, hub: str, taken: str) -> str | None:
    from consistency.core.judge import judge

    return judge(file, hub, "")


def test_same_script_does_the_same_again(folder: Folder) -> None:
    script = ["edit a A-T1 done", "commit a", "during 20 fix a push / commit b / report A-T2 done", "crash b 25 pull push"]
    ends = []
    for _ in range(2):
        with folder.world() as world:
            for line in script:
                world.do(line)
            look = world.look()
            ends.append((look.clones, look.origin, look.hub.tasks))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("seed", [3])
def test_script_on_disk_plays(tmp_path: Path, seed: int) -> None:
    from tests.support.manage import ROOT

    script = tmp_path / "script.txt"
    script.write_text(f"# seed {seed}\nedit a A-T1 done\nfix a push\nsettle\n")
    import subprocess
    import sys

    ended = subprocess.run(
        [sys.executable, "-m", "simulation", "--replay", str(script)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "3 steps, every promise held\n"), ended.stdout + ended.stderr
