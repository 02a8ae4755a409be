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
    """The result of a process: exit status and output."""

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
    """Run `manage.py` with *args*; *env* is added to the environment of the tests, None removes a variable from it."""
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
    """Return whether a variable that Python reads at its start differs from that of the tests' own process."""
    names = {*environment, *os.environ} - {"DJANGO_SETTINGS_MODULE"}
    return any(environment.get(name) != os.environ.get(name) for name in names if name.startswith(_OF_PYTHONS_START))


def _text(output: bytes) -> str:
    """Decode as subprocess does, with universal line ends; bytes may come from a process in another locale."""
    return output.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
