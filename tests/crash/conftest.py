"""Stages for the crash tests. They need Linux: whoever is orphaned by a killed run must be waited for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testing.database import SQLite
from tests.crash.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Yield an empty stage on SQLite."""
    if sys.platform != "linux":
        pytest.skip("needs Linux: a killed run's git processes are waited for by prctl(PR_SET_CHILD_SUBREAPER)")
    with Stage(tmp_path, SQLite(tmp_path)) as made:
        yield made
