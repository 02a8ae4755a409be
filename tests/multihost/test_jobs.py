"""Parallel fetches of many checkouts: a slow remote delays no other, and no server gets too many at once."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from testing.hub import Hub
from testing.manage import manage
from testing.repos import Clone, Origin
from tests.cli.helpers import run

SLOW = """#!/usr/bin/env python3
# Plays ssh: logs its begin and its end. The host "dead" says nothing as long as "quick" has not answered three times.
import os, sys, time, subprocess
if "-G" in sys.argv:
    sys.exit("nothing is known of any alias")
host = next(a for a in sys.argv[1:] if not a.startswith("-") and a not in ("SendEnv=GIT_PROTOCOL",))
command = sys.argv[-1]
with open(os.environ["SSH_LOG"], "a") as log:
    print(f"{time.monotonic()} begin {host}", file=log, flush=True)
    deadline = time.monotonic() + 60
    while host == "dead" and time.monotonic() < deadline and open(log.name).read().count("end quick") < 3:
        time.sleep(0.05)
    if host != "dead":
        time.sleep(0.3)
    status = 255 if host == "dead" else subprocess.call(command, shell=True)
    print(f"{time.monotonic()} end {host}", file=log, flush=True)
sys.exit(status)
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Log of these tests' ssh."""
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(SLOW)
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", str(ssh.parent), prepend=":")
    monkeypatch.setenv("SSH_LOG", str(tmp_path / "ssh.log"))
    return tmp_path / "ssh.log"


def make_clones(origin: Origin, host: str, number: int) -> list[Clone]:
    """Return registered clones with remotes at *host*."""
    made = [origin.clone(f"{host}{place}") for place in range(number)]
    for clone in made:
        clone.git("remote", "set-url", "origin", f"{host}:{origin.path}")
        # The same history at another host: a repo of its own, if that is said once.
        slug = ["--slug", clone.path.name] if clone is made[0] else []
        assert run("register_repo", clone.path, *slug).exit == 0
    return made


def read_events(log: Path) -> list[tuple[float, str, str]]:
    return [(float(at), what, host) for at, what, host in map(str.split, log.read_text().splitlines())]


def max_parallel(log: Path, host: str | None = None) -> int:
    running = most = 0
    for _, what, where in sorted(read_events(log)):
        if host in (None, where):
            running += 1 if what == "begin" else -1
            most = max(most, running)
    return most


def freshness_by_name(stdout: str) -> list[tuple[str, str]]:
    return [(Path(repo["path"]).name, repo["freshness"]) for repo in json.loads(stdout)["repos"]]


def test_no_host_gets_more_than_four_at_once(hub: Hub, origin: Origin, log: Path) -> None:
    make_clones(origin, "one", 6)
    make_clones(origin, "two", 3)
    ended = run("check_consistency", "--all", "--format", "json")
    assert freshness_by_name(ended.stdout) == [(f"one{n}", "fresh") for n in range(6)] + [
        (f"two{n}", "fresh") for n in range(3)
    ]
    assert (max_parallel(log, "one"), max_parallel(log, "two")) == (4, 3)
    assert 4 < max_parallel(log) <= 8


def test_as_many_as_asked_for(hub: Hub, origin: Origin, log: Path) -> None:
    for host in ("one", "two", "three"):
        make_clones(origin, host, 2)
    assert run("check_consistency", "--all", "--jobs", "2").exit == 0
    assert max_parallel(log) == 2


def test_one_at_a_time(hub: Hub, origin: Origin, log: Path) -> None:
    make_clones(origin, "one", 3)
    assert run("check_consistency", "--all", "--jobs", "1").exit == 0
    assert max_parallel(log) == 1


def test_slow_remote_delays_nobody_else(hub: Hub, origin: Origin, log: Path) -> None:
    make_clones(origin, "dead", 6)
    make_clones(origin, "quick", 3)
    ended = run("check_consistency", "--all", "--format", "json", "--fetch-timeout", "30")
    assert dict(freshness_by_name(ended.stdout)) == {
        **{f"dead{n}": "unknown" for n in range(6)},
        **{f"quick{n}": "fresh" for n in range(3)},
    }
    assert [host for _, what, host in read_events(log) if what == "end"] == ["quick"] * 3 + ["dead"] * 6


def test_checkouts_without_anything_to_fetch_are_among_them(hub: Hub, origin: Origin, log: Path) -> None:
    make_clones(origin, "one", 2)
    alone = origin.clone("alone")
    alone.git("remote", "remove", "origin")
    gone = origin.clone("gone")
    for clone in (alone, gone):
        assert run("register_repo", clone.path, "--slug", clone.path.name).exit == 0
    gone.path.rename(gone.path.with_name("moved"))
    ended = run("check_consistency", "--all", "--format", "json")
    assert freshness_by_name(ended.stdout) == [
        ("alone", "no_upstream"),
        ("gone", None),
        ("one0", "fresh"),
        ("one1", "fresh"),
    ]


@pytest.mark.parametrize("number", ["0", "-1", "101", "many"])
def test_number_that_is_none(hub: Hub, number: str) -> None:
    ended = run("check_consistency", "--all", f"--jobs={number}")
    assert (ended.exit, ended.stdout) == (2, "")
    assert f"'{number}' is not a whole number from 1 to 100" in ended.stderr


def test_locks_are_given_back_when_it_is_stopped(hub: Hub, origin: Origin, log: Path) -> None:
    import subprocess
    import sys

    from testing.manage import ROOT

    made = make_clones(origin, "dead", 2)
    command = [sys.executable, str(ROOT / "manage.py"), "check_consistency", "--all", "--fetch-timeout", "2"]
    environment = {**os.environ, "DATABASE_URL": hub.url}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not log.exists() or len(read_events(log)) < 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (2, "error: interrupted; changes made so far are kept\n")
    ended = manage("check_consistency", "--path", made[0].path, "--no-fetch", env={"DATABASE_URL": hub.url})
    assert ended.exit == 0
