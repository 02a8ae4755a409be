"""Clients of the API: in this process, and over real HTTP from a server of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.hub import Hub
from tests.support.manage import ROOT

if TYPE_CHECKING:
    from tests.api.helpers import Api


@dataclass(frozen=True)
class Server:
    """gunicorn on 127.0.0.1, with the product's settings as in production."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(hub: Hub, folder: Path, **env: str) -> Iterator[Server]:
    """A server of *hub* with two worker processes."""
    log = folder / "server.log"
    settings = {
        "DATABASE_URL": hub.url,
        "DEBUG": "false",
        "SECRET_KEY": "of-this-test-alone",
        "SECURE_SSL_REDIRECT": "false",
        "STATEHUB_REFUSED_PER_MINUTE": "1000000",
        **env,
    }
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as out:
        command = [sys.executable, "-m", "gunicorn", "--workers=2", "--threads=4", "--worker-class=gthread"]
        command += ["--no-control-socket", f"--bind=fd://{listener.fileno()}", "web.wsgi:application"]
        server = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **settings}, stdout=out, stderr=out, pass_fds=[listener.fileno()]
        )
        port = listener.getsockname()[1]
        try:
            _wait(port, server, log)
            yield Server(port, log)
        finally:
            server.terminate()
            server.wait(30)


def _wait(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text()}")


@pytest.fixture
def server(hub: Hub, tmp_path: Path) -> Iterator[Server]:
    """A server of this test's hub."""
    with serving(hub, tmp_path) as running:
        yield running


@pytest.fixture
def api(db: None) -> Api:
    """A client whose token may write."""
    from tests.api.helpers import new_api  # models: only once Django is set up, which is after this file is loaded

    return new_api()
