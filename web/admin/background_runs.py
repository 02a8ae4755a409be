"""Runs that the admin starts: each is a process of its own, which survives the web server.

A job has two files in `STATEHUB_VAR/jobs`: the log, which the process keeps locked while it lives, and its report.
From these, any worker of the server knows its state.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from consistency.models import Mode

LOG_RETENTION_SECONDS = 86_400
WAIT_SECONDS = 10
"""How long a job waits for another run to end; short, because a user is waiting."""

_MANAGE = Path(__file__).resolve().parents[2] / "manage.py"


@dataclass(frozen=True, slots=True)
class JobResult:
    """The id of the job's run, or '' if there is none, and the output of its process."""

    run: str
    output: str


def start(mode: Mode, path: str, user: str) -> uuid.UUID:
    """Start a check or a fix of the checkout at *path* for *user*; return the job. Raises OSError."""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _purge(folder)
    job = uuid.uuid4()
    command = [
        sys.executable,
        str(_MANAGE),
        f"{mode}_consistency",
        f"--path={path}",
        "--format=json",
        "--fail-on=never",
        f"--wait={WAIT_SECONDS}",
        f"--output={_report(job)}",
    ]
    environment = os.environ | {"STATEHUB_TRIGGER": "admin", "STATEHUB_USER": user}
    # The command chooses its own settings.
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    with _log(job).open("wb") as log:
        # The process inherits the open file and with it the lock: it is held until the process ends, in whatever way.
        fcntl.flock(log, fcntl.LOCK_EX)
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=_MANAGE.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    threading.Thread(target=process.wait, daemon=True).start()  # so that it leaves no zombie behind
    return job


def result(job: uuid.UUID) -> JobResult | None:
    """Return the result of *job*, or None while it is running."""
    try:
        with _log(job).open("rb") as log:
            try:
                fcntl.flock(log, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            output = log.read(100_000).decode("utf-8", "backslashreplace")
    except FileNotFoundError:
        output = "This run is no longer known; look at the newest runs of the checkout."
    return JobResult(_run(job), output.strip())


def _run(job: uuid.UUID) -> str:
    """Return the id of the run in the job's report, or '' if there is none."""
    try:
        report = json.loads(_report(job).read_bytes())
        return str(uuid.UUID(report["repos"][0]["run_id"]))
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _purge(folder: Path) -> None:
    """Delete the files of old jobs."""
    old = time.time() - LOG_RETENTION_SECONDS
    for file in folder.iterdir():
        if file.stat().st_mtime < old:
            file.unlink(missing_ok=True)


def _folder() -> Path:
    return Path(settings.STATEHUB_VAR, "jobs").resolve()


def _log(job: uuid.UUID) -> Path:
    return _folder() / f"{job}.log"


def _report(job: uuid.UUID) -> Path:
    return _folder() / f"{job}.json"
