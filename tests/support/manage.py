"""Runs `manage.py` as a process of its own, as a person or cron would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Ended:
    """What a process left: exit status, and what it wrote."""

    exit: int
    stdout: str
    stderr: str


def manage(
    *args: str | Path,
    env: Mapping[str, str | None] | None = None,
    cwd: Path = ROOT,
    input: str = "",
    timeout: float = 120,
) -> Ended:
    """Run `manage.py` with *args*; *env* adds to the environment of the tests, None takes a variable out of it."""
    # manage.py itself chooses between the slim and the full settings, as it does outside of tests.
    wanted = {**os.environ, "DJANGO_SETTINGS_MODULE": None, **(env or {})}
    run = subprocess.run(
        [sys.executable, ROOT / "manage.py", *args],
        env={name: value for name, value in wanted.items() if value is not None},
        cwd=cwd,
        input=input,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",  # Of a process in another locale.
        timeout=timeout,
        check=False,
    )
    return Ended(run.returncode, run.stdout, run.stderr)
