"""A report that goes to a file in a folder that is open to others."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from testing.repos import Clone
from tests.cli.helpers import mirrored, run

pytestmark = pytest.mark.usefixtures("hub")


def test_report_follows_no_link_that_others_have_planted(clone: Clone, tmp_path: Path) -> None:
    mirrored(clone)
    victim = tmp_path / "victim"
    victim.write_text("mine\n")
    place = tmp_path / "open"
    place.mkdir()
    (place / f".report.json.{os.getpid()}.tmp").symlink_to(victim)
    assert run("check_consistency", "clone", "--format", "json", "--output", place / "report.json").exit == 0
    assert json.loads((place / "report.json").read_text())["mode"] == "check"
    assert victim.read_text() == "mine\n"


def test_report_has_the_mode_of_any_new_file(clone: Clone, tmp_path: Path) -> None:
    mirrored(clone)
    run("check_consistency", "clone", "--output", tmp_path / "report.txt")
    (tmp_path / "other").touch()
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("report.txt", "other")}
    assert len(modes) == 1
