"""The rival does the work it is compared by."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.arena import Arena
from bench.database import opened
from bench.measure import RunFailedError
from bench.scenario import CHECK, FILE_AHEAD, HUB_AHEAD, IMPORT, RIVAL, SCENARIOS, TASK_AHEAD, prepare, see_rival

SIZE = 10


@pytest.fixture
def arena(tmp_path: Path) -> Iterator[Arena]:
    with opened("sqlite", tmp_path / "database") as database:
        yield Arena(tmp_path / "arena", database, seed=26, size=SIZE, plain=True)


@pytest.mark.proof
def test_rival_does_every_scenario(arena: Arena) -> None:
    expected = prepare(arena, RIVAL)
    assert expected == {IMPORT: 200, CHECK: 0, HUB_AHEAD: 2, FILE_AHEAD: 2, TASK_AHEAD: 1}
    for scenario in SCENARIOS:
        see_rival(arena, scenario, expected[scenario.name])
    task_ahead = SCENARIOS[-1]
    with pytest.raises(RunFailedError, match="rival, fix, one task hub ahead: expected"):
        see_rival(arena, task_ahead, 2)


def test_prepare_refuses_runs_without_work(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.repository.move_files_ahead", lambda *_: 0)
    with pytest.raises(RunFailedError, match="rival: nothing was prepared for some runs"):
        prepare(arena, RIVAL)
