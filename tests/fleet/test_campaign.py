"""A short campaign on a server of its own. FLEET_REPOS, FLEET_SECONDS and FLEET_SEED make it longer, or another one.

The seed chooses the acts of each person, program and fault, and their order; not the moment of each.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from testing.manage import ROOT

REPOS = os.environ.get("FLEET_REPOS", "6")
SECONDS = os.environ.get("FLEET_SECONDS", "15")
SEED = os.environ.get("FLEET_SEED", "1")


def test_nothing_is_lost_and_all_is_at_rest() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-m", "tests.fleet", f"--repos={REPOS}", f"--seconds={SECONDS}", f"--seed={SEED}"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if run.returncode == 2 and "no PostgreSQL" in run.stderr and not os.environ.get("CI"):
        pytest.skip(run.stderr)
    print(run.stdout)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.endswith("\n0 wrong\n")
