"""`tasks`: which tasks, in which order, and for whom."""

from __future__ import annotations

import getpass
import json
from io import StringIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from consistency.management.commands.tasks import Command
from statehub.models import Repo, Task, Workstream
from testing.hub import Hub
from testing.manage import Ended
from testing.repos import Clone
from testing.workplans import workplan
from tests.cli.helpers import FILE, cannot_run, mirrored, run

pytestmark = pytest.mark.usefixtures("hub")


def make(key: str, status: str = "todo", *, slug: str = "net", **fields: object) -> Task:
    repo, _ = Repo.objects.get_or_create(slug=slug)
    home, _ = Workstream.objects.get_or_create(repo=repo, key="WP", defaults={"title": "W", "status": "active"})
    return Task.objects.create(workstream=home, key=key, title=f"Title of {key}", status=status, **fields)


def keys(*args: str) -> list[str]:
    ended = run("tasks", "--format", "json", *args)
    assert (ended.exit, ended.stderr) == (0, "")
    return [row["key"] for row in json.loads(ended.stdout)]


@pytest.fixture
def several() -> None:
    make("done", "done", priority="critical")
    make("low", priority="low", owner="ada")
    make("second", position=2, owner="bob")
    make("first", position=1, depends="done")
    make("waits", depends="low", priority="high")
    make("taken", "in_progress", slug="other", taken_by="ada", priority="critical")


def test_unfinished_ones_come_first_by_priority_then_by_place(several: None) -> None:
    assert keys() == ["taken", "waits", "first", "second", "low", "done"]
    assert keys("--limit", "6") == keys()


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        ("--next", ["first", "second", "low"]),
        ("--next --owner ada", ["low"]),
        ("--next --mine", ["low"]),
        ("--next --mine --owner ada", ["low"]),
        ("--next --mine --owner bob", []),
        ("--mine", ["taken"]),
        ("--repo other", ["taken"]),
        ("--repo other --repo net --status done --status in_progress", ["taken", "done"]),
        ("--owner ada --owner bob", ["second", "low"]),
        ("--priority high --priority low", ["waits", "low"]),
        ("--workplan WP --status done", ["done"]),
        ("--workplan none", []),
    ],
)
def test_filters(several: None, monkeypatch: pytest.MonkeyPatch, args: str, wanted: list[str]) -> None:
    monkeypatch.setenv("STATEHUB_USER", "ada")
    assert keys(*args.split()) == wanted


def test_mine_is_what_the_same_name_took(hub: Hub, clone: Clone) -> None:
    mirrored(clone, {FILE: workplan("WP-1", [("T01", "todo"), ("T02", "todo")])})
    assert hub.manage("set_task_status", "WP-1-T01", "in_progress", env={"STATEHUB_USER": "ada"}).exit == 0
    assert hub.manage("set_task_status", "WP-1-T02", "in_progress").exit == 0
    mine = {name: hub.manage("tasks", "--mine", env={"STATEHUB_USER": name}).stdout for name in ("ada", "bob", "")}
    assert mine == {
        "ada": "WP-1-T01\tin_progress\tmedium\tclone\tWP-1\t-\tada\tTask WP-1-T01\n",
        "bob": "",
        "": f"WP-1-T02\tin_progress\tmedium\tclone\tWP-1\t-\t{getpass.getuser()}\tTask WP-1-T02\n",
    }


def test_pipe_gets_one_task_a_line_and_nothing_cut(hub: Hub) -> None:
    make("T1", owner="ada")
    Task.objects.update(title="long " * 100 + "\tend")
    line = "T1\ttodo\tmedium\tnet\tWP\tada\t-\t" + "long " * 100 + "\\tend\n"
    assert hub.manage("tasks", env={"COLUMNS": "40"}) == Ended(0, line, "")
    assert run("tasks", "--no-color") == Ended(0, line, "")


class Terminal(StringIO):
    """A terminal that is kept in memory."""

    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, **env: str) -> str:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"COLUMNS": "50", "TERM": "xterm", **env}.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    Command(stdout=terminal, stderr=StringIO()).run_from_argv(["manage.py", "tasks"])
    return terminal.getvalue()


def test_terminal_gets_a_table_of_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    make("T1", "in_progress", taken_by="ada")
    make("T2", "cancelled", priority="critical")
    assert on_terminal(monkeypatch, NO_COLOR="1") == (
        "TASK  STATUS       PRIORITY  REPO  TAKEN BY  TITLE\n"
        "T1    in_progress  medium    net   ada       Title of…\n"
        "T2    cancelled    critical  net             Title of…\n"
    )


def test_terminal_gets_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    make("T1", "in_progress")
    assert on_terminal(monkeypatch, COLUMNS="80").splitlines()[1] == (
        "\x1b[1mT1\x1b[0m    \x1b[36min_progress\x1b[0m  medium    net   Title of T1"
    )


def test_json_of_none_is_an_array() -> None:
    assert run("tasks", "--format", "json") == Ended(0, "[]\n", "")


def test_empty_result_is_said_on_stderr() -> None:
    assert run("tasks", "--next") == Ended(0, "", "no task matches\n")
    assert run("tasks", "--next", "--verbosity", "0") == Ended(0, "", "")


def test_limit_is_said_on_stderr() -> None:
    for number in range(3):
        make(f"T{number}")
    ended = run("tasks", "--limit", "2", "--format", "json")
    assert (len(json.loads(ended.stdout)), ended.stderr) == (
        2,
        "there are more tasks than these 2: --limit N lists more\n",
    )
    assert run("tasks", "--limit", "3").stderr == ""


def test_unknown_repo_is_an_error(several: None) -> None:
    assert run("tasks", "--repo", "net", "--repo", "nte") == cannot_run("no repo 'nte' in the hub (known: net, other)")


@pytest.mark.parametrize("args", ["--status open", "--priority urgent", "--limit 0", "--limit many"])
def test_wrong_value_is_an_error(args: str) -> None:
    ended = run("tasks", *args.split())
    assert (ended.exit, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)


def test_number_of_queries_does_not_grow() -> None:
    for number in range(50):
        make(f"T{number}", "done" if number % 2 else "todo", slug=f"repo-{number}")
    for args, most in ((["--limit", "9"], 1), ([], 2), (["--next"], 1), (["--repo", "repo-1"], 3)):
        with CaptureQueriesContext(connection) as queries:
            run("tasks", *args)
        ours = [query["sql"] for query in queries if "statehub_" in query["sql"]]
        assert len(ours) <= most, ours
