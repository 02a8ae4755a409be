"""A day of assistants on two machines, through the tools alone: no task is done twice, and all is in the files."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from statehub.models import StatusChange, Task
from testing.hub import Hub
from testing.repos import Origin
from testing.server import Server
from testing.workplans import workplan
from tests.cli.helpers import FILE
from tests.mcp.sdk import Assistant, over_http
from tests.multihost.machine import Host
from web.api import tokens

TASKS = [f"T{number:02}" for number in range(8)]
NAMES = ("laptop", "desk")
BLOCKED, REOPENED = "WP-1-T02", "WP-1-T05"


@pytest.fixture
def server(hub: Hub, tmp_path: Path) -> Iterator[Server]:
    """A server of this test's hub."""
    with hub.serve(tmp_path) as running:
        yield running


@pytest.fixture
def machines(hub: Hub, origin: Origin) -> list[Host]:
    """Two machines with a clone each, which the hub knows."""
    made = [Host(name, origin.clone(name), hub) for name in NAMES]
    made[0].clone.write(FILE, workplan("WP-1", [(key, "todo") for key in TASKS]))
    made[0].commit("Plan")
    made[0].push()
    for each in made:
        each.pull()
        assert each.fix().exit == 0
    return made


def work(assistant: Assistant, both_are_there: threading.Barrier) -> list[str]:
    """Do what is next until nothing is, and return the tasks that this assistant got."""
    mine = []
    both_are_there.wait(60)
    while tasks := assistant("next_tasks", repo="laptop", limit=1)["tasks"]:
        key = tasks[0]["key"]
        is_mine, answer = assistant.attempt("take_task", task=key)
        if not is_mine:  # The other one was faster, and may be done with it.
            assert answer["error"].startswith(f"task '{key}' is ")
            continue
        mine.append(key)
        if key == BLOCKED:
            assistant("report_status", task=key, status="blocked", note="waits for a review")
        else:
            assistant("report_status", task=key, status="done", commit="0123abc")
    return mine


def test_a_day_on_two_machines(server: Server, machines: list[Host], origin: Origin) -> None:
    secrets = [tokens.create(name)[1] for name in NAMES]
    with over_http(server.url, secrets[0]) as first, over_http(server.url, secrets[1], "legacy") as second:
        barrier = threading.Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(work, (first, second), (barrier, barrier)))
        assert Counter(done[0] + done[1]) == Counter(f"WP-1-{key}" for key in TASKS)

        # One is not done after all. Who asks for the blocked one learns who has it.
        first("reopen_task", task=REOPENED, status="todo", reason="the test was wrong")
        blocker, waiting = (first, second) if BLOCKED in done[0] else (second, first)
        holder = NAMES[0] if BLOCKED in done[0] else NAMES[1]
        assert waiting.refused("take_task", task=BLOCKED)["task"]["taken_by"] == holder
        assert blocker("get_task", task=BLOCKED)["history"][0]["reason"] == "waits for a review"
        assert [task["key"] for task in second("next_tasks")["tasks"]] == [REOPENED]
        changes = second("what_changed", since="1h")["changes"]
        assert (changes[0]["key"], changes[0]["reopen"], changes[0]["who"]) == (REOPENED, True, "laptop")
        assert first("list_findings") == {"findings": []}

    # Each task was taken once.
    takes = StatusChange.objects.filter(new="in_progress").values_list("task__key", "who")
    assert Counter(takes) == Counter((key, NAMES[at]) for at, keys in enumerate(done) for key in keys)

    # At the end of the day both machines fix: the files of both say what the hub says.
    for _ in range(2):
        for each in machines:
            assert each.fix("--pull", "--push").exit == 0
    expected = {f"WP-1-{key}": "done" for key in TASKS} | {BLOCKED: "blocked", REOPENED: "todo"}
    assert dict(Task.objects.values_list("key", "status")) == expected
    assert origin.git("show", f"main:{FILE}") == machines[0].clone.read(FILE).decode().rstrip("\n")
    for each in machines:
        lines = each.clone.read(FILE).decode().splitlines()
        said = [line.removeprefix("status: ") for line in lines if line.startswith("status: ")][1:]
        assert dict(zip(expected, said, strict=True)) == expected
        assert each.clone.status() == []
