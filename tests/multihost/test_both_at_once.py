"""Two machines that fix, pull and push at the same moment, as processes: one history comes of it, the same for all."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from statehub.models import StatusChange
from testing.hub import Hub
from testing.manage import Ended
from testing.repos import Origin
from testing.samples import T01, T02, WRITEBACK_SUBJECT
from tests.cli.helpers import FILE, TEXT, statuses
from tests.multihost.machine import Host


@pytest.fixture
def pair(hub: Hub, origin: Origin) -> tuple[Host, Host]:
    """Return the remote machine and the workstation, which both know the plan."""
    remote, workstation = (Host(name, origin.clone(name), hub) for name in ("remote", "workstation"))
    remote.clone.write(FILE, TEXT)
    remote.commit("Plan")
    remote.push()
    workstation.pull()
    for host in (remote, workstation):
        assert host.manage("register_repo", host.clone.path).exit == 0
        assert host.fix().exit == 0
    return remote, workstation


def at_once(*actions: Callable[[], Ended]) -> list[Ended]:
    """Run all *actions* at the same moment and return the results."""
    with ThreadPoolExecutor(len(actions)) as pool:
        ended = [each.result() for each in [pool.submit(action) for action in actions]]
    assert [each.exit for each in ended] == [0] * len(actions), ended
    return ended


def sync(host: Host) -> Callable[[], Ended]:
    return lambda: host.fix("--pull", "--push")


def require_one_history(origin: Origin, pair: tuple[Host, Host], expected: dict[str, str]) -> None:
    tip = origin.git("rev-parse", "main")
    for host in pair:
        assert (host.clone.head, host.clone.status()) == (tip, [])
        assert host.clone.git("rev-parse", "@{upstream}") == tip
        assert host.statuses() == expected
    assert statuses() == expected


def test_both_write_the_same_back(pair: tuple[Host, Host], origin: Origin) -> None:
    remote, workstation = pair
    subjects = ["Plan", "Start"]
    for number, status in enumerate(["in_progress", "blocked", "in_progress", "done"]):
        # The remote machine works and pushes, so that the workstation is stale; a status is reported to the hub.
        remote.clone.write("log.md", f"{number}\n")
        remote.commit(f"Work {number}")
        remote.push()
        assert remote.manage("set_task_status", T01, status).exit == 0
        ended = at_once(sync(remote), sync(workstation))
        # One commit, whoever made it; the other machine made the very same, or pulled it.
        subjects[:0] = [WRITEBACK_SUBJECT, f"Work {number}"]
        assert remote.clone.log() == workstation.clone.log() == subjects
        require_one_history(origin, pair, {T01: status, T02: "in_progress"})
        assert all(repo["converged"] for each in ended for repo in json.loads(each.stdout)["repos"])
    assert list(StatusChange.objects.order_by("pk").values_list("source", "new")) == [
        ("command", "in_progress"), ("command", "blocked"), ("command", "in_progress"), ("command", "done"),
    ]  # fmt: skip


def test_each_brings_news_of_its_own(pair: tuple[Host, Host], origin: Origin) -> None:
    """One has finished a task in its file, the other hears of one that is reported while both are at work."""
    remote, workstation = pair
    remote.edit(T01, "done")
    remote.commit("Finish T01")
    remote.push()
    at_once(sync(remote), sync(workstation), lambda: workstation.manage("set_task_status", T02, "done"))
    # What was reported too late for the one or the other is in the files after one round more.
    at_once(sync(remote), sync(workstation))
    for host in pair:
        sync(host)()
    require_one_history(origin, pair, {T01: "done", T02: "done"})
    assert remote.clone.log() == [WRITEBACK_SUBJECT, "Finish T01", "Plan", "Start"]
    assert set(StatusChange.objects.values_list("task__key", "old", "new")) == {
        (T01, "todo", "done"),
        (T02, "in_progress", "done"),
    }
