"""Commands that the admin started: each a process of its own, that lives on when the web server does not.

A job is two files below `STATEHUB_VAR/jobs`: what the process says, which it keeps locked while it lives, and its
report. Any worker of the server can tell from them how it stands.
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
"""How long a job waits for another run: a person is watching."""

_MANAGE = Path(__file__).resolve().parents[2] / "manage.py"


@dataclass(frozen=True, slots=True)
class JobResult:
    """How a job ended: with a run to look at, or only with words why there is none."""

    run: str
    words: str


def start(mode: Mode, path: str, user: str) -> uuid.UUID:
    """Start a check or a fix of the checkout at *path*, for *user*; returns the job. Raises OSError."""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _purge(folder)
    job = uuid.uuid4()
    command = [
        sys.executable, str(_MANAGE), f"{mode}_consistency", f"--path={path}", "--format=json", "--fail-on=never",
        f"--wait={WAIT_SECONDS}",
        f"--output={_report(job)}",
    ]  # fmt: skip
    environment = os.environ | {"STATEHUB_TRIGGER": "admin", "STATEHUB_USER": user}
    # The command chooses its own, slim settings.
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    with _log(job).open("wb") as log:
        # The lock belongs to the open file, which the process inherits: it is held until the process ends, however.
        fcntl.flock(log, fcntl.LOCK_EX)
        process = subprocess.Popen(
            command, env=environment, cwd=_MANAGE.parent, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    threading.Thread(target=process.wait, daemon=True).start()  # So that it leaves no zombie behind.
    return job


def result(job: uuid.UUID) -> JobResult | None:
    """How *job* ended, or None while it is at work. One that nobody knows has ended without a word."""
    try:
        with _log(job).open("rb") as log:
            try:
                fcntl.flock(log, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            words = log.read(100_000).decode("utf-8", "backslashreplace")
    except FileNotFoundError:
        words = "This run is no longer known; look at the newest runs of the checkout."
    return JobResult(_run(job), words.strip())


def _run(job: uuid.UUID) -> str:
    """The id of the run that the job's report names, '' where there is none."""
    try:
        report = json.loads(_report(job).read_bytes())
        return str(uuid.UUID(report["repos"][0]["run_id"]))
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _purge(folder: Path) -> None:
    """Delete the files of jobs that are long over."""
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
