"""Obstacles to a command: one clear line on stderr, exit status 2, nothing on stdout, no traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from consistency.git.lock import locked
from consistency.git.worktree import find_worktree
from statehub.models import Repo
from testing.hub import Hub
from testing.manage import ROOT, Ended, manage
from testing.repos import Clone, read_refusal
from tests.cli.helpers import FILE, TEXT, cannot_run, check, fix, hub_rows, mirrored, run


def test_no_checkout_named(hub: Hub) -> None:
    line = "say which checkouts: SLUG …, --all, or --path PATH (one of the three)"
    assert hub.manage("check_consistency") == cannot_run(line)
    for args in ([], ["net", "--all"], ["net", "--path", "."], ["--all", "--path", "."]):
        assert run("fix_consistency", *args) == cannot_run(line)


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["check_consistency", "nope"], "no repo 'nope' in the hub (known: net); register_repo PATH makes one known"),
        (
            ["fix_consistency", "net"],
            "repo 'net' has no checkout on host 'test-host'; register_repo PATH adds one",
        ),
        (["fix_consistency", "--all"], "no checkout is registered for host 'test-host': register_repo PATH adds one"),
        (["fix_consistency", "--path", "/nonexistent/x"], "/nonexistent/x is not there"),
        (["fix_consistency", "--path", "/etc/passwd"], "/etc/passwd is not a directory"),
        (
            ["fix_consistency", "net", "--jobs", "0"],
            "fix_consistency: argument --jobs: '0' is not a whole number from 1 to 100 (--help shows how)",
        ),
        (
            ["check_consistency", "net", "--push"],
            "check_consistency: unrecognized arguments: --push (--help shows how)",
        ),
        (
            ["check_consistency", "net", "--fix"],
            "check_consistency: unrecognized arguments: --fix (--help shows how)",
        ),
        (
            ["check_consistency", "--fetch-timeout", "nan"],
            "check_consistency: argument --fetch-timeout: 'nan' is not a number of seconds above 0 and up to 86400"
            " (--help shows how)",
        ),
        (
            ["fix_consistency", "--fetch-timeout", "soon"],
            "fix_consistency: argument --fetch-timeout: 'soon' is not a number of seconds above 0 and up to 86400"
            " (--help shows how)",
        ),
        (
            ["check_consistency", "net", "--no-color", "--force-color"],
            "The --no-color and --force-color options can't be used together.",
        ),
        (["set_task_status", "T01", "done"], "no task 'T01' in the hub"),
        (["reopen_task", "T01", "todo", "--reason", "so"], "no task 'T01' in the hub"),
        (["register_repo", "/nonexistent\x1b[31m"], "/nonexistent\\x1b[31m is not there"),
        (["check_consistency", "\udcff"], "the argument '\\udcff' is not UTF-8"),
        (["check_consistency", "--path", "/tmp/\udcff"], "the argument '/tmp/\\udcff' is not UTF-8"),
    ],
)
def test_what_was_asked_for_cannot_be_done(hub: Hub, args: list[str], line: str) -> None:
    Repo.objects.create(slug="net")
    assert run(*args) == cannot_run(line)


def test_unknown_command() -> None:
    said = "Unknown command: 'chekc_consistency'. Did you mean check_consistency?\nType 'manage.py help' for usage.\n"
    assert manage("chekc_consistency") == Ended(2, "", said)


def test_parser_and_bytes_of_a_process(hub: Hub) -> None:
    line = "check_consistency: unrecognized arguments: --fix (--help shows how)"
    assert hub.manage("check_consistency", "net", "--fix") == cannot_run(line)
    assert hub.manage("check_consistency", "\udcff") == cannot_run("the argument '\\udcff' is not UTF-8")


def test_path_that_is_no_repository(hub: Hub, tmp_path: Path) -> None:
    refusal = read_refusal(tmp_path)
    assert refusal.startswith("fatal: not a git repository (or any ")
    line = f"{tmp_path} is not a git work tree: {refusal}"
    assert run("check_consistency", "--path", tmp_path) == cannot_run(line)
    assert not Repo.objects.exists()


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("mysql://me@localhost/hub", "DATABASE_URL must be sqlite:///PATH or postgres://USER:PASSWORD@HOST:PORT/NAME"),
        ("postgres://me@localhost:x/h", "DATABASE_URL must be sqlite:///PATH or postgres://USER:PASSWORD@HOST:PORT/NAME"),
        ("sqlite:////proc/none/hub", "the folder /proc/none cannot be made: {} (see DATABASE_URL and STATEHUB_VAR)"),
        ("sqlite:////", "cannot connect to the hub's database: unable to open database file (see DATABASE_URL)"),
    ],
)  # fmt: skip
def test_database_cannot_be_opened(url: str, line: str) -> None:
    ended = manage("check_consistency", "net", env={"DATABASE_URL": url})
    assert ended == cannot_run(line.format("No such file or directory"))


def test_server_that_is_not_there() -> None:
    ended = manage("check_consistency", "net", env={"DATABASE_URL": "postgres://me:secret@127.0.0.1:1/hub"})
    assert (ended.exit, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith("error: cannot connect to the hub's database: connection failed")
    assert "secret" not in ended.stderr


@pytest.mark.parametrize("args", [["check_consistency", "net"], ["set_task_status", "T01", "done"]])
def test_database_that_is_not_migrated(tmp_path: Path, args: list[str]) -> None:
    ended = manage(*args, env={"DATABASE_URL": f"sqlite:///{tmp_path / 'new.sqlite3'}"})
    assert (ended.exit, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith(
        "error: the hub's database is not migrated, it has no tables yet: run manage.py migrate\n"
    )


def test_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "hub.sqlite3").write_text("something else altogether")
    ended = manage("fix_consistency", "net", env={"DATABASE_URL": f"sqlite:///{tmp_path / 'hub.sqlite3'}"})
    assert ended == cannot_run(
        "the hub's database cannot be read: file is not a database (look at its disk, or restore it from a backup)"
    )


def test_setting_that_is_no_number() -> None:
    ended = manage("check_consistency", "net", env={"STATEHUB_FETCH_TIMEOUT": "soon"})
    assert ended == cannot_run("STATEHUB_FETCH_TIMEOUT must be a whole number from 1 to 86400, not 'soon'")


def test_git_is_missing(hub: Hub, clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirrored(clone)
    nothing, ended = str(tmp_path / "none"), cannot_run("git is not on the PATH: install git")
    assert hub.manage("fix_consistency", "clone", env={"PATH": nothing}) == ended
    monkeypatch.setenv("PATH", nothing)
    assert run("check_consistency", "--path", clone.path / "workplans") == ended


class TestLock:
    def test_second_run_says_so_and_ends(self, hub: Hub, clone: Clone) -> None:
        mirrored(clone)
        with locked(find_worktree(str(clone.path))):
            line = f"clone: another run is working on {clone.path}; try again when it has ended"
            assert hub.manage("fix_consistency", "clone", "--format", "json", "--wait", "0") == cannot_run(line)
            assert run("check_consistency", "clone", "--wait", "0") == cannot_run(line)
        assert fix("clone").exit == 0

    def test_others_are_run_all_the_same(self, hub: Hub, clone: Clone, tmp_path: Path) -> None:
        mirrored(clone)
        other = Clone(tmp_path / "other")
        other.path.mkdir()
        other.git("init", "--quiet")
        assert fix("--path", other.path).exit == 0
        with locked(find_worktree(str(clone.path))):
            ended = fix("--all", "--wait", "0")
        assert (ended.exit, [repo["slug"] for repo in json.loads(ended.stdout)["repos"]]) == (2, ["other"])
        assert ended.stderr == f"error: clone: another run is working on {clone.path}; try again when it has ended\n"

    def test_lock_dies_with_its_process(self, hub: Hub, clone: Clone) -> None:
        mirrored(clone)
        with waiting_run(hub, clone) as process:
            process.kill()
            process.wait(10)
        (clone.path / ".git/hooks/pre-commit").unlink()
        ended = hub.manage("fix_consistency", "clone", "--format", "json")
        assert (ended.exit, clone.status(), json.loads(ended.stdout)["repos"][0]["converged"]) == (0, [], True)
        assert b"status: todo" not in clone.read(FILE)


@contextmanager
def waiting_run(hub: Hub, clone: Clone) -> Iterator[subprocess.Popen[str]]:
    """Yield a fix, as a process, in the midst of its writeback: a hook holds it up."""
    assert hub.manage("set_task_status", "WP-1-T01", "done").exit == 0
    hook, sign = clone.path / ".git/hooks/pre-commit", clone.path.with_name("hook-runs")
    hook.write_text(f"#!/bin/sh\necho $$ >'{sign}.part' && mv '{sign}.part' '{sign}'\nexec sleep 60\n")
    hook.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    process = subprocess.Popen(
        [sys.executable, ROOT / "manage.py", "fix_consistency", "clone"], text=True, cwd=ROOT,
        env={**environment, "DATABASE_URL": hub.url, "STATEHUB_COMMIT_HOOKS": "true"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        while not sign.exists():
            assert process.poll() is None
        yield process
    finally:
        process.kill()
        process.communicate()
        with suppress(ProcessLookupError):
            os.kill(int(sign.read_text()), signal.SIGKILL)


def test_keyboard_stops_a_run_and_puts_the_file_back(hub: Hub, clone: Clone) -> None:
    mirrored(clone)
    before = clone.head
    with waiting_run(hub, clone) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert Ended(process.returncode, out, err) == cannot_run("interrupted; changes made so far are kept")
    assert (clone.head, clone.status(), clone.read(FILE)) == (before, [], TEXT.encode())
    assert not (clone.path / ".git/index.lock").exists()


class TestOutput:
    @pytest.mark.parametrize("place", ["none/report.json", "."])
    def test_place_that_cannot_be_written_to_is_seen_before_the_run(
        self, hub: Hub, clone: Clone, tmp_path: Path, place: str
    ) -> None:
        mirrored(clone)
        clone.write(FILE, TEXT.replace("todo", "done"))
        before = hub_rows()
        ended = fix("clone", "--output", tmp_path / place)
        line = f"the report cannot be written to {tmp_path / place}: no such folder, or not ours to write to"
        assert (ended, hub_rows()) == (cannot_run(line), before)

    def test_disk_is_full(self, hub: Hub, clone: Clone) -> None:
        mirrored(clone)
        if not Path("/dev/full").exists():
            pytest.skip("no /dev/full here")
        ended = check("clone", "--output", "/dev/full")
        assert ended == cannot_run("the report cannot be written to /dev/full: No space left on device")
        with open("/dev/full", "w") as full:
            assert written_to(hub, full.fileno()) == (2, "error: [Errno 28] No space left on device\n")

    def test_reader_has_gone(self, hub: Hub, clone: Clone) -> None:
        mirrored(clone)
        ours, theirs = os.pipe()
        os.close(ours)
        try:
            assert written_to(hub, theirs) == (2, "")
        finally:
            os.close(theirs)


def written_to(hub: Hub, stdout: int) -> tuple[int, str]:
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    process = subprocess.run(
        [sys.executable, ROOT / "manage.py", "check_consistency", "clone", "--format", "sarif"], cwd=ROOT, text=True,
        env={**environment, "DATABASE_URL": hub.url}, stdout=stdout, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    return process.returncode, process.stderr


def test_remote_that_never_answers_is_given_up(hub: Hub, clone: Clone, tmp_path: Path) -> None:
    mirrored(clone)
    Repo.objects.update(origin="nowhere.invalid/repo")
    silent = tmp_path / "ssh"
    silent.write_text("#!/bin/sh\nexec sleep 60\n")
    silent.chmod(0o755)
    clone.git("remote", "set-url", "origin", "ssh://nowhere.invalid/repo")
    clone.git("config", "core.sshCommand", str(silent))
    clone.write(FILE, TEXT.replace("todo", "done"))
    ended = hub.manage("fix_consistency", "clone", "--format", "json", "--fetch-timeout", "0.3", timeout=30)
    repo = json.loads(ended.stdout)["repos"][0]
    assert (ended.exit, ended.stderr, repo["freshness"], repo["counts"]) == (0, "", "unknown", {"C-11": 1})


def test_repo_that_git_cannot_read_does_not_stop_the_others(hub: Hub, clone: Clone, tmp_path: Path) -> None:
    mirrored(clone)
    other = Clone(tmp_path / "other")
    other.path.mkdir()
    other.git("init", "--quiet")
    other.write(FILE, TEXT)
    assert fix("--path", other.path).exit == 0
    (clone.path / ".git/index").write_bytes(b"no index")
    other.write(FILE, TEXT.replace("todo", "done"))
    ended = fix("--all")
    broken, well = json.loads(ended.stdout)["repos"]
    words = "fatal: .git/index: index file smaller than expected"
    assert (broken["slug"], broken["outcome"], broken["converged"]) == ("clone", "error", False)
    assert (broken["error"], ended.stderr, ended.exit) == (f"clone: {words}", f"error: clone: {words}\n", 2)
    assert (well["slug"], well["outcome"], well["counts"]) == ("other", "ok", {"C-11": 1})
