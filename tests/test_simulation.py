"""Machines, people and a hub played through at random: a part that is small enough for every run of the tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from consistency.core.judge import judge
from simulation.folder import Folder
from simulation.replay import play, shortened
from simulation.rules import play_worlds
from tests.support.manage import ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Iterator[Folder]:
    with django_db_blocker.unblock():
        yield Folder(tmp_path_factory.mktemp("worlds"))


@pytest.mark.parametrize("seed", range(4))
def test_promises_hold_whatever_happens(folder: Folder, seed: int) -> None:
    played = play_worlds(folder, seed, worlds=3, rounds=20)
    if played.trouble is not None:
        script = "\n".join(shortened(folder, played.broken))
        pytest.fail(f"{played.trouble}\n\nseed {seed}; python -m simulation --replay FILE plays it again:\n{script}")
    assert played.settled == 3


def test_script_of_a_broken_promise_is_shortened_to_what_breaks_it(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a judge that takes old news for new ones a reopen is undone; the simulation must see that."""
    monkeypatch.setattr(
        "consistency.core.tasks.judge", lambda file, hub, _taken, moved: judge(file, hub, "", moved=moved)
    )
    script = ["reword a B", "edit a A-T1 done", "check b", "fix a", "reopen A-T1 todo", "fix a"]
    assert str(play(folder, script)).startswith("A-T1 was todo in the hub and is done; the file said done, and done")
    assert shortened(folder, script) == ["edit a A-T1 done", "fix a", "reopen A-T1 todo", "fix a"]


@pytest.mark.parametrize(
    ("what", "instead", "script", "words"),
    [
        (
            "consistency.sync.old_news", lambda *_: {},
            ["edit a A-T1 done", "commit a", "push a", "fix a", "reopen A-T1 todo", "pull b", "fix b"],
            "A-T1 was todo in the hub and is done; the file said done, and todo when it was last seen here",
        ),
        (
            "consistency.look.recover", lambda _: [], ["report A-T1 done", "kill a", "unlock a", "fix a"],
            "workplans/a.md was cut off, and is still",
        ),
        (
            "consistency.look.behind", lambda *_: [],
            ["edit b B-T1 done", "commit b", "push b", "report A-T1 done", "fix a"],
            "behind is True, the gates are set()",
        ),
        (
            "consistency.core.tasks.judge", lambda *statuses, **_: judge(*statuses, moved=True),
            ["edit a A-T1 in_progress", "fix a", "edit a A-T1 blocked", "fix a"],
            "A-T1 was in_progress in the hub and is in_progress; the file said blocked, "
            "and in_progress when it was last seen here",
        ),
        (
            "consistency.core.tasks.judge", lambda *statuses, **_: judge(*statuses, moved=False),
            ["edit a A-T1 in_progress", "fix a", "report A-T1 blocked", "report A-T1 in_progress",
             "edit a A-T1 blocked", "fix a"],
            "A-T1 was in_progress in the hub and is blocked; the file said blocked, "
            "and in_progress when it was last seen here",
        ),
        (
            "consistency.sync.old_news", lambda *_: {},
            ["edit a A-T1 in_progress", "commit a", "push a", "fix a", "pull b", "fix b", "edit a A-T1 blocked",
             "commit a", "fix a", "report A-T1 in_progress", "fix b", "push a", "pull b", "fix b"],
            "A-T1 was in_progress in the hub and is blocked; the file said blocked, "
            "and in_progress when it was last seen here",
        ),
    ],
    ids=["old news", "recovery", "pull gate", "equal rank", "there and back", "old news of equal rank"],
)  # fmt: skip
def test_product_without_one_of_its_guards_breaks_a_promise(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, what: str, instead: object, script: list[str], words: str
) -> None:
    assert play(folder, [*script, "settle"]) is None
    monkeypatch.setattr(what, instead)
    assert str(play(folder, script)) == words


def test_same_script_does_the_same_again(folder: Folder) -> None:
    script = [
        "edit a A-T1 done",
        "commit a",
        "during 20 fix a push / commit b / report A-T2 done",
        "crash b 25 pull push",
    ]
    ends = []
    for _ in range(2):
        with folder.world() as world:
            for line in script:
                world.do(line)
            look = world.look()
            ends.append((look.clones, look.origin, look.hub.tasks))
    assert ends[0] == ends[1]


def test_script_in_a_file_plays(tmp_path: Path) -> None:
    script = tmp_path / "script.txt"
    script.write_text("# what it is about\nedit a A-T1 done\nfix a push\nsettle\n")
    ended = subprocess.run(
        [sys.executable, "-m", "simulation", "--replay", str(script)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "3 steps, every promise held\n"), ended.stdout + ended.stderr
