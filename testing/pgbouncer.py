"""A real pgbouncer in transaction mode: each transaction of a client may get another connection."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from testing.postgres import server_user
from testing.programs import need_program

START_SECONDS = 30
PORT = 6432  # of a socket in a folder of its own: nothing else has it

SETTINGS = """\
[databases]
* = {server}
[pgbouncer]
listen_addr =
listen_port = {port}
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
server_round_robin = 1
default_pool_size = {pool_size}
logfile = {folder}/log
"""


@contextmanager
def pooled(url: str, pool_size: int) -> Iterator[str]:
    """Run pgbouncer before *url*, of `testing.postgres`; yield the URL that uses *pool_size* connections to it."""
    program = need_program("pgbouncer")
    parts = urlsplit(url)
    folder = Path(tempfile.mkdtemp(prefix="statehub-pgbouncer-", dir="/tmp"))
    try:
        user = server_user(folder)
        place = {
            "host": parts.hostname or parse_qs(parts.query)["host"][0],
            "port": parts.port or 5432,
            "user": parts.username,
            "password": parts.password,
        }
        server = " ".join(f"{name}={value}" for name, value in place.items() if value)
        settings = SETTINGS.format(server=server, port=PORT, folder=folder, pool_size=pool_size)
        (folder / "pgbouncer.ini").write_text(settings)
        process = subprocess.Popen(
            [program, "--quiet", folder / "pgbouncer.ini"], cwd=folder, stderr=subprocess.DEVNULL, **user
        )
        try:
            _wait(folder, process)
            yield parts._replace(netloc=f"statehub@:{PORT}", query=f"host={quote(str(folder))}").geturl()
        finally:
            process.terminate()
            process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(folder: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not (folder / f".s.PGSQL.{PORT}").exists():
        log = folder / "log"
        assert process.poll() is None, log.read_text() if log.exists() else "pgbouncer ended without a message"
        assert time.monotonic() < deadline, "pgbouncer does not listen"
        time.sleep(0.05)
