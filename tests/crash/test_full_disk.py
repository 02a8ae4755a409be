"""The disk is really full, after any number of pages: nothing is half, and once there is room a rerun ends as ever."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.crash.campaign import sqlite, staged
from tests.crash.fulldisk import MountError, crowded, small_disk
from tests.crash.scenarios import SCENARIOS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, to mount a small disk")


@pytest.mark.parametrize(("name", "pages"), [("fix", range(0, 16, 2)), ("pull-push", range(2, 32, 5))])
def test_full_disk(tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, pages: range) -> None:
    scenario = SCENARIOS[name]
    try:
        with small_disk(tmp_path / "place"), staged(tmp_path, sqlite, scenario) as (stage, whole):
            ends = [crowded(stage, scenario, whole, number) for number in pages]
    except MountError as problem:
        words = f"a full disk is NOT TESTED: this machine lets us mount nothing: {problem}"
        with capfd.disabled():  # A skip alone would go unseen.
            print(f"\n{words}", file=sys.stderr)
        pytest.skip(words)
    assert [end.faults for end in ends] == [()] * len(ends)
    assert ends[0].felt
