"""A database that restarts, or goes away, in the middle of a run over many checkouts: a PostgreSQL of our own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from testing import postgres
from testing.manage import ROOT, Ended, manage
from testing.repos import Origin
from tests.cli.helpers import FILE, TEXT

SHIM = """\
#!/bin/sh
case "$*" in *'{clone}'*status*) [ -e '{done}' ] || {{ touch '{done}'; {do}; }};; esac
exec '{git}' "$@"
"""
# Where one of its processes is killed, PostgreSQL ends them all, and begins again.
RESTART = "kill -9 $(cat /proc/{server}/task/{server}/children); sleep 0.2"
END = "kill -9 $(cat /proc/{server}/task/{server}/children) {server}; sleep 0.2"
RUN = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "statehub.settings_base"
import django
django.setup()
import consistency.cli.base
consistency.cli.base.RECONNECT_SECONDS = float(sys.argv.pop(1))
from manage import main
main()
"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    if not Path("/proc/self/task").exists():
        pytest.skip("processes are found in /proc")
    try:
        with postgres.server() as url:
            yield url
    except postgres.UnavailableError as problem:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(problem))


@pytest.fixture
def clones(new_origin: Callable[[str], Origin], server: str) -> list[Path]:
    """Return three repos that agree with the hub, and have a task more to tell."""
    assert manage("migrate", "--verbosity=0", env={"DATABASE_URL": server}).exit == 0
    with psycopg.connect(server, autocommit=True) as connection:  # Nothing that was committed is lost by a restart.
        connection.execute("ALTER ROLE statehub SET synchronous_commit = on")
    paths = []
    for name in "abc":
        clone = new_origin(name).clone(name)
        clone.git("remote", "remove", "origin")
        clone.write(FILE, TEXT)
        clone.commit("Plan")
        registered = manage("fix_consistency", "--path", clone.path, env={"DATABASE_URL": server})
        assert (registered.exit, registered.stderr.count("\n")) == (0, 1)
        clone.write(FILE, TEXT.replace("title: Workplan WP-1", "title: First"))
        paths.append(clone.path)
    return paths


def run(server: str, clone: Path, what: str, patience: float) -> Ended:
    """Return a fix of all, in which the database does *what* when the run is at work on *clone*."""
    folder = Path(parse_qs(urlsplit(server).query)["host"][0])
    process = (folder / "data/postmaster.pid").read_text().split()[0]
    shim = clone.with_name("bin") / "git"
    shim.parent.mkdir()
    script = what.format(server=process)
    shim.write_text(SHIM.format(clone=clone, done=clone.with_name("done"), do=script, git=shutil.which("git")))
    shim.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    ended = subprocess.run(
        [sys.executable, "-c", RUN, str(patience), "fix_consistency", "--all", "--jobs=1", "--format=json"], cwd=ROOT,
        env={**environment, "DATABASE_URL": server, "PATH": f"{shim.parent}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip
    assert clone.with_name("done").exists()
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def outcomes(ended: Ended) -> list[tuple[str, str, dict[str, int]]]:
    return [(repo["slug"], repo["outcome"], repo["counts"]) for repo in json.loads(ended.stdout)["repos"]]


def test_restart_costs_one_checkout(server: str, clones: list[Path]) -> None:
    ended = run(server, clones[1], RESTART, 30)
    assert outcomes(ended) == [("a", "ok", {"C-12": 1}), ("b", "error", {}), ("c", "ok", {"C-12": 1})]
    error = json.loads(ended.stdout)["repos"][1]["error"]
    assert error.startswith("b: cannot connect to the hub's database: ")
    assert (ended.exit, ended.stderr) == (2, f"error: {error}\n")
    again = manage("fix_consistency", "--all", "--format=json", env={"DATABASE_URL": server})
    assert outcomes(again) == [("a", "ok", {}), ("b", "ok", {"C-12": 1}), ("c", "ok", {})]


def test_database_that_does_not_come_back_is_said_once(server: str, clones: list[Path]) -> None:
    ended = run(server, clones[1], END, 0.5)
    assert outcomes(ended) == [("a", "ok", {"C-12": 1}), ("b", "error", {})]
    first, second = ended.stderr.splitlines()
    assert first == f"error: {json.loads(ended.stdout)['repos'][1]['error']}"
    assert second == "error: the hub's database has not come back; checkouts that were not run: 1"
    assert ended.exit == 2
