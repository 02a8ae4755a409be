"""Runs `manage.py` as a process of its own, as a person or cron would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from testing import forkserver

ROOT = forkserver.ROOT
_server = forkserver.ForkServer()
_OF_PYTHONS_START = ("LANG", "LC_", "PYTHON", "TZ")


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
    environment = {name: value for name, value in wanted.items() if value is not None}
    if _needs_pythons_start(environment):
        command = [sys.executable, ROOT / "manage.py", *args]
        run = subprocess.run(
            command, env=environment, cwd=cwd, input=input.encode(), capture_output=True, timeout=timeout, check=False
        )
        exit, out, err = run.returncode, run.stdout, run.stderr
    else:
        exit, out, err = _server.run([os.fspath(arg) for arg in args], environment, cwd, input, timeout)
    return Ended(exit, _text(out), _text(err))


def _needs_pythons_start(environment: Mapping[str, str]) -> bool:
    """Whether Python reads variables at its start that are others here than in the tests' own process."""
    names = {*environment, *os.environ} - {"DJANGO_SETTINGS_MODULE"}
    return any(environment.get(name) != os.environ.get(name) for name in names if name.startswith(_OF_PYTHONS_START))


def _text(output: bytes) -> str:
    """As subprocess does it: in universal line ends; bytes that are no UTF-8 come from a process in another locale."""
    return output.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
