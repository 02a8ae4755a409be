"""set_task_status, reopen_task and register_repo."""

from __future__ import annotations

import getpass

import pytest

from statehub.models import StatusChange, Task
from testing.hub import Hub
from testing.manage import Ended
from testing.repos import Clone, Origin
from testing.samples import T01, T02
from tests.cli.helpers import mirrored, run, statuses

pytestmark = pytest.mark.usefixtures("hub")


def changes() -> list[tuple[object, ...]]:
    return list(StatusChange.objects.order_by("pk").values_list("old", "new", "source", "host", "reopen", "reason"))


def test_task_is_advanced_and_never_goes_back(hub: Hub, clone: Clone) -> None:
    mirrored(clone)
    assert hub.manage("set_task_status", T01, "in_progress") == Ended(0, f"{T01}: todo → in_progress\n", "")
    assert run("set_task_status", f"clone/{T01}", "blocked") == Ended(0, f"{T01}: in_progress → blocked\n", "")
    assert run("set_task_status", str(Task.objects.get(key=T01).pk), "blocked") == Ended(
        0, f"{T01}: is blocked already\n", ""
    )
    refusal = (
        f"task '{T01}' is blocked in the hub; todo would move it backwards "
        f"(to do that deliberately: reopen_task {T01} todo --reason …)\n"
    )
    assert hub.manage("set_task_status", T01, "todo") == Ended(1, "", refusal)
    assert changes() == [
        ("todo", "in_progress", "command", "test-host", False, ""),
        ("in_progress", "blocked", "command", "test-host", False, ""),
    ]
    assert set(StatusChange.objects.values_list("who", flat=True)) == {getpass.getuser()}


def test_task_is_reopened_with_a_reason(hub: Hub, clone: Clone) -> None:
    mirrored(clone)
    run("set_task_status", T01, "done")
    assert hub.manage("reopen_task", T01, "todo", "--reason", "not yet") == Ended(0, f"{T01}: done → todo\n", "")
    assert run("reopen_task", T01, "todo", "--reason", "again").stdout == f"{T01}: is todo already\n"
    assert run("reopen_task", T01, "done", "--reason", " ") == Ended(2, "", "error: a reopen needs a reason\n")
    assert statuses() == {T01: "todo", T02: "in_progress"}
    assert changes()[1:] == [("done", "todo", "command", "test-host", True, "not yet")]


def test_status_that_is_none(hub: Hub) -> None:
    ended = hub.manage("set_task_status", T01, "finished")
    assert (ended.exit, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert "invalid choice: 'finished' (choose from 'todo', 'in_progress'" in ended.stderr


def test_reopen_needs_the_option(hub: Hub) -> None:
    line = "error: reopen_task: the following arguments are required: --reason (--help shows how)\n"
    assert hub.manage("reopen_task", T01, "todo") == Ended(2, "", line)


def test_terminal_that_knows_no_arrows(hub: Hub, clone: Clone) -> None:
    mirrored(clone)
    ended = hub.manage("set_task_status", T01, "done", env={"PYTHONIOENCODING": "ascii:strict"})
    assert ended == Ended(0, f"{T01}: todo \\u2192 done\n", "")


def test_user_without_a_name(hub: Hub, clone: Clone) -> None:
    mirrored(clone)
    assert hub.manage("set_task_status", T01, "done", env={"LOGNAME": "m\udce9"}).exit == 0
    assert StatusChange.objects.get().who == "m\\udce9"


def test_register_repo(hub: Hub, origin: Origin, clone: Clone) -> None:
    mirrored(clone)
    other = origin.clone("other")
    joined = f"registered {other.path} as another checkout of 'clone' (same origin {str(origin.path)[:-4]})"
    assert hub.manage("register_repo", other.path) == Ended(0, f"{joined} (1 file matches)\n", "")
    again = f"{other.path} is registered already, as 'clone'; workplans are now *.md (1 file matches)\n"
    assert run("register_repo", other.path, "--workplans", "*.md") == Ended(0, again, "")
    (other.path / "x.md").touch()
    assert "(2 files match)" in run("register_repo", other.path).stdout
    taken = run("register_repo", other.path, "--slug", "mine")
    advice = f"(retire_checkout {other.path} first, if it is to be 'mine')"
    assert taken == Ended(2, "", f"error: {other.path} is registered already, as 'clone' {advice}\n")
