"""The demo of a fleet, as `make demo-fleet` plays it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from testing.manage import ROOT

pytestmark = pytest.mark.proof

STEPS = [
    "A forge has two repositories with a workplan each. The hub makes clones of its own.",
    "Two workers begin. They find the new repos themselves, and wait for the next news.",
    "Ada finishes a task: she edits, commits and pushes. The forge announces it to the hub.",
    "An assistant reports another task through the API. No one runs a command.",
    "A push and a report meet: Ada, who has not pulled, finishes T03 while T02 is reported done.",
    "The other repository's main is protected: only requests may change it.",
    "A report now becomes a proposal: a branch with one commit, on top of main.",
    "A person merges it on the forge. The hub hears that, and removes the branch.",
    "All is at rest: another check of everything finds nothing.",
]
TIMED = [
    "the hub has the tasks of orders",
    "the hub has the tasks of billing",
    "push → hub: T01 is done",
    "report → file on the server: T02 is in_progress",
    "hub and file on the server both say all three are done",
    "report → statehub/main on the server",
    "a second report replaces the commit",
    "merge → statehub/main is gone",
]


def test_fleet_holds_all_its_promises_and_leaves_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    del environment["DJANGO_SETTINGS_MODULE"]
    command = [sys.executable, "-m", "demo.fleet"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr, "NOT SO" in run.stdout) == (0, "", False), run.stdout
    assert re.findall(r"^\d\. (.*)", run.stdout, re.MULTILINE) == STEPS
    assert re.findall(r"^   ok  [ \d]\d\.\d\d s  (.*)", run.stdout, re.MULTILINE) == TIMED
    assert run.stdout.endswith("Everything held. Nothing is left behind.\n")
    assert list(tmp_path.iterdir()) == []
