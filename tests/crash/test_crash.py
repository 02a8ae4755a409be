"""A fix that is killed, or in which something fails, at any point: a plain rerun comes to the undisturbed end."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.crash.campaign import every_effect, sqlite
from tests.crash.scenarios import SCENARIOS

PARTS = 4
"""Number of tests to which each scenario's points are dealt out; they can run in parallel."""


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, to wait for what a killed run leaves")
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", ["fix", "pull-push"])
def test_end_is_the_same(tmp_path: Path, name: str, part: int) -> None:
    row = every_effect(tmp_path, sqlite, SCENARIOS[name], all=False, part=slice(part, None, PARTS))
    assert row.faults == ()
    assert row.equal == row.kills + row.failures
    assert row.kills >= 8
    assert row.failures >= 25
