"""Real worker processes, for tests and benchmarks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testing.manage import ROOT

STOP_SECONDS = 30


@dataclass(frozen=True)
class WorkerProcess:
    """A running `run_worker`; it writes to *log*."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def text(self) -> str:
        """Return all that it has written so far."""
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """Kill it, as a machine without power would; what git does goes on."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def stop(self) -> int:
        """Ask it to end, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def working(
    url: str, log: Path, *arguments: str, env: Mapping[str, str] | None = None, wait: bool = True
) -> Iterator[WorkerProcess]:
    """Run `run_worker` with *arguments* on the hub at *url*, and add *env* to the environment; ready if *wait*."""
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "run_worker", *arguments],
            cwd=ROOT, env={**environment, "PYTHONUNBUFFERED": "1", "DATABASE_URL": url, **(env or {})},
            stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
    worker = WorkerProcess(process, log)
    try:
        if wait:
            wait_until(lambda: "working on the queue" in worker.text or process.poll() is not None)
        yield worker
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until(is_true: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until *is_true*. Raises AssertionError if that takes too long."""
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s")
        time.sleep(0.05)
