"""The units for systemd, and the page that shows them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from consistency.core.codes import CODES

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
UNITS = ["statehub-fix.service", "statehub-fix.timer"]
PAGE = (ROOT / "docs/operations.md").read_text()
PYTHON = "/srv/statehub/.venv/bin/python"


@pytest.fixture
def systemd_analyze() -> str:
    """The program; without it nothing is tested, which CI does not take."""
    found = shutil.which("systemd-analyze")
    if found is None:
        problem = "systemd-analyze is missing: install systemd"
        if os.environ.get("CI"):
            pytest.fail(problem, pytrace=False)
        pytest.skip(problem)
    return found


def verified(systemd_analyze: str, folder: Path) -> str:
    """What systemd has to say about the units in *folder*, told that the program they start is there."""
    service = folder / UNITS[0]
    service.write_text(service.read_text().replace(PYTHON, sys.executable))
    command = [systemd_analyze, "verify", "--man=no", *(str(folder / unit) for unit in UNITS)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr


def test_systemd_takes_the_units(systemd_analyze: str, tmp_path: Path) -> None:
    shutil.copytree(DEPLOY, tmp_path, dirs_exist_ok=True)
    assert verified(systemd_analyze, tmp_path) == ""


@pytest.mark.parametrize(("line", "words"), [("Shiny=yes", "Unknown key"), ("TimeoutStopSec=soon", "Failed to parse")])
def test_systemd_says_what_it_does_not_take(systemd_analyze: str, tmp_path: Path, line: str, words: str) -> None:
    shutil.copytree(DEPLOY, tmp_path, dirs_exist_ok=True)
    with (tmp_path / UNITS[0]).open("a") as service:
        service.write(f"{line}\n")
    assert words in verified(systemd_analyze, tmp_path)


def test_units_stand_in_the_page_as_they_are() -> None:
    assert sorted(path.name for path in DEPLOY.iterdir()) == UNITS
    assert re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL) == [(DEPLOY / unit).read_text() for unit in UNITS]


def test_crontab_and_service_start_the_same() -> None:
    started = re.findall(r"manage\.py fix_consistency .*", (DEPLOY / UNITS[0]).read_text())
    crontab = re.findall(r"(manage\.py fix_consistency .*)", PAGE.partition("```cron\n")[2].partition("```")[0])
    assert started == crontab == ["manage.py fix_consistency --all --pull --push --verbosity 0"]


def test_page_says_what_to_do_about_each_code() -> None:
    table = PAGE.partition("## On trouble")[2].partition("## ")[0]
    seen = "".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE))
    assert sorted(set(re.findall(r"C-\d\d", seen))) == sorted(CODES)
