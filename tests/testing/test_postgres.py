"""The PostgreSQL helper: with every kind of binaries, as root and not, and gone after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from testing import postgres
from testing.manage import ROOT

RUN_AND_WAIT = """
from testing import postgres
with postgres.server() as url:
    print(url, flush=True)
    input()
"""


def _folder_of(url: str) -> Path:
    return Path(str(psycopg.conninfo.conninfo_to_dict(url)["host"]))


def _until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


@pytest.fixture
def no_server_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)


def test_server_with_binaries_of_the_wheel() -> None:
    with postgres.server(postgres.wheel_binaries()[:1]) as url, psycopg.connect(url) as connection:
        row = connection.execute("SELECT version(), current_user").fetchone()
        assert row is not None
        assert row[0].startswith("PostgreSQL 18")
        assert row[1] == "statehub"
    assert not _folder_of(url).exists()


def test_server_where_binaries_are_unusable(tmp_path: Path) -> None:
    empty, no_server, old = (tmp_path / name for name in ("empty", "no_server", "old"))
    for folder, programs in ((empty, []), (no_server, ["initdb"]), (old, ["initdb", "postgres"])):
        folder.mkdir()
        for program in programs:
            (folder / program).write_text(f"#!/bin/sh\necho '{program} (PostgreSQL) {13 if folder == old else 16}.4'\n")
            (folder / program).chmod(0o755)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and len(folder.parts) > 2:
            folder.chmod(folder.stat().st_mode | 0o055)
    with pytest.raises(postgres.UnavailableError) as problem, postgres.server([empty, no_server, old]):
        pass
    told = str(problem.value).splitlines()
    assert told[0] == "no PostgreSQL server could be started"
    assert [line.split(": ")[0].strip() for line in told[1:]] == [str(empty), str(no_server), str(old)]
    assert told[3].endswith("initdb (PostgreSQL) 13.4 is older than PostgreSQL 14")


def test_server_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DATABASE_URL", "postgres://me@db.example.org/test")
    with postgres.server() as url:
        assert url == "postgres://me@db.example.org/test"


def test_with_name_keeps_host_and_options() -> None:
    url = "postgres://statehub@:5432/postgres?host=/tmp/x"
    assert postgres.with_name(url, "other") == "postgres://statehub@:5432/other?host=/tmp/x"


@pytest.mark.usefixtures("no_server_given")
def test_server_when_the_tests_are_killed() -> None:
    tests = subprocess.Popen(
        [sys.executable, "-c", RUN_AND_WAIT], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert tests.stdout is not None
    url = tests.stdout.readline().strip()
    psycopg.connect(url).close()
    tests.send_signal(signal.SIGKILL)
    tests.communicate()
    assert _until(lambda: not _folder_of(url).exists())
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
