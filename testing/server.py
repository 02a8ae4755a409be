"""gunicorn with the product on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from testing.manage import ROOT

PRODUCTION = {"DEBUG": "false", "SECRET_KEY": "of-this-server-alone", "SECURE_SSL_REDIRECT": "false"}
"""The settings of a server in production, without https."""

UNLIMITED = {"STATEHUB_REFUSED_PER_MINUTE": "1000000"}
"""The setting of a server that refuses no address, however often it was wrong."""

START_SECONDS = 60
KEEP_ALIVE = 2
"""Seconds that gunicorn keeps a connection without a call, by default."""


class StartError(RuntimeError):
    """The server did not get ready; the message has the end of its log."""


@dataclass(frozen=True)
class Server:
    """A server that answers; it and its workers write to *log*."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(
    settings: Mapping[str, str], folder: Path, *, workers: int = 2, threads: int = 4, keep_alive: int = KEEP_ALIVE
) -> Iterator[Server]:
    """Run a server with *workers* processes of *threads* threads each, and its log in *folder*.

    *settings* are added to this process's environment. Raises StartError.
    """
    log = folder / "server.log"
    command = [sys.executable, "-m", "gunicorn", f"--workers={workers}", f"--threads={threads}"]
    command += ["--worker-class=gthread", "--no-control-socket", f"--keep-alive={keep_alive}"]
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener, log.open("wb") as out:
        process = subprocess.Popen(
            [*command, f"--bind=fd://{listener.fileno()}", "web.wsgi:application"],
            cwd=ROOT,
            env={**os.environ, **settings},
            stdout=out,
            stderr=out,
            pass_fds=[listener.fileno()],
        )
        server = Server(listener.getsockname()[1], log)
        try:
            _wait(server, process)
            yield server
        finally:
            process.terminate()
            process.wait(30)


def _wait(server: Server, process: subprocess.Popen[bytes]) -> None:
    """Wait until `/readyz` is answered with 200."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    raise StartError(f"the server did not start:\n{server.log.read_text(errors='replace')[-2000:]}")
