"""The units for systemd, and the page that shows them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from consistency.core.codes import CODES
from testing.programs import need_program

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
UNITS = ["statehub-fix.service", "statehub-fix.timer"]
SERVICES = ["statehub-fix.service", "statehub-web.service", "statehub-worker.service"]
PAGE = (ROOT / "docs/operations.md").read_text()
PROGRAMS = re.compile(r"/srv/statehub/\.venv/bin/(?:python|gunicorn)")


@pytest.fixture
def systemd_analyze() -> str:
    return need_program("systemd-analyze", "systemd")


def verified(systemd_analyze: str, folder: Path) -> str:
    """Let systemd verify the units in *folder*; return its messages. Their program counts as installed."""
    for service in (folder / name for name in SERVICES):
        service.write_text(PROGRAMS.sub(sys.executable, service.read_text()))
    units = sorted({*UNITS, *SERVICES})
    command = [systemd_analyze, "verify", "--man=no", *(str(folder / unit) for unit in units)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr


def test_systemd_takes_the_units(systemd_analyze: str, tmp_path: Path) -> None:
    shutil.copytree(DEPLOY, tmp_path, dirs_exist_ok=True)
    assert verified(systemd_analyze, tmp_path) == ""


@pytest.mark.parametrize("unit", SERVICES)
@pytest.mark.parametrize(("line", "words"), [("Shiny=yes", "Unknown key"), ("TimeoutStopSec=soon", "Failed to parse")])
def test_systemd_says_what_it_does_not_take(
    systemd_analyze: str, tmp_path: Path, unit: str, line: str, words: str
) -> None:
    shutil.copytree(DEPLOY, tmp_path, dirs_exist_ok=True)
    with (tmp_path / unit).open("a") as service:
        service.write(f"{line}\n")
    assert words in verified(systemd_analyze, tmp_path)


def test_units_stand_in_the_page_as_they_are() -> None:
    assert re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL) == [(DEPLOY / unit).read_text() for unit in UNITS]


def test_services_are_shut_in_alike() -> None:
    """A run that the web server or a worker starts does the same as the timer's fix."""
    fences = []
    for name in SERVICES:
        lines = (DEPLOY / name).read_text().partition("[Service]")[2].splitlines()
        fences.append(
            {line for line in lines if re.match(r"(Protect|Private|Restrict|System|Capab|Amb|NoNew|Lock)", line)}
        )
    assert len(fences[0]) > 15
    assert fences[0] == fences[1] == fences[2]


def test_crontab_and_service_start_the_same() -> None:
    started = re.findall(r"manage\.py fix_consistency .*", (DEPLOY / UNITS[0]).read_text())
    crontab = re.findall(r"(manage\.py fix_consistency .*)", PAGE.partition("```cron\n")[2].partition("```")[0])
    assert started == crontab == ["manage.py fix_consistency --all --pull --push --verbosity 0"]


def test_page_says_what_to_do_about_each_code() -> None:
    table = PAGE.partition("## Troubleshooting")[2].partition("## ")[0]
    seen = "".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE))
    assert sorted(set(re.findall(r"C-\d\d", seen))) == sorted(CODES)
