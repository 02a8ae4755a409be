"""The incident: a workstation without a pull for days; each machine has its own processes and clone."""

from __future__ import annotations

import json
from typing import Any

from consistency.models import Finding, LedgerEntry
from statehub.models import Checkout, Repo, StatusChange, Task, Workstream
from testing.hub import Hub
from testing.manage import Ended
from testing.repos import Origin
from testing.samples import T01, T02
from tests.cli.helpers import FILE, TEXT, rows, statuses, tree
from tests.multihost.machine import Host

BEHIND = "Repo 'remote' is behind remote — pull before fixing to avoid clobbering remote progress"


def said(ended: Ended) -> dict[str, Any]:
    """Return the one repo's part of a JSON report, which must not have failed."""
    assert (ended.exit, ended.stderr) == (0, ""), ended
    (repo,) = json.loads(ended.stdout)["repos"]
    return dict(repo)


def read_fixes(repo: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(finding["code"], finding["task"], finding["action"]) for finding in repo["findings"]]


def without_run(repo: dict[str, Any]) -> dict[str, Any]:
    """Return the report of a check of a repo without the run; it is equal on both machines."""
    return {name: value for name, value in repo.items() if name not in ("run_id", "path")}


def whole_hub() -> dict[str, list[dict[str, Any]]]:
    """Return every row of the hub but those of the runs."""
    return rows(Repo, Checkout, Workstream, Task, StatusChange, LedgerEntry, Finding)


def test_the_incident(hub: Hub, origin: Origin) -> None:
    # Both machines know the plan.
    remote, workstation = (Host(name, origin.clone(name), hub) for name in ("remote", "workstation"))
    remote.clone.write(FILE, TEXT)
    remote.commit("Plan")
    remote.push()
    workstation.pull()
    for host in (remote, workstation):
        assert host.manage("register_repo", host.clone.path).exit == 0
    assert read_fixes(said(remote.fix())) == [("C-07", None, "created")]
    assert read_fixes(said(workstation.fix())) == []
    assert statuses() == {T01: "todo", T02: "in_progress"}

    # On the remote machine both tasks are finished: one is reported through its file, one to the hub.
    remote.edit(T01, "done")
    remote.commit("Finish T01")
    remote.push()
    assert read_fixes(said(remote.fix())) == [("C-11", T01, "advanced")]
    assert remote.manage("set_task_status", T02, "done").exit == 0
    assert statuses() == {T01: "done", T02: "done"}

    # The workstation is stale: its file says todo and in_progress. Its fix says so and touches nothing.
    before, work = whole_hub(), tree(workstation.clone)
    held = said(workstation.fix())
    (gate,) = held["findings"]
    assert (gate["code"], gate["severity"], gate["message"], gate["action"]) == ("C-14", "WARN", BEHIND, "none")
    assert (held["outcome"], held["freshness"], held["behind"], held["converged"]) == ("skipped", "behind", 1, False)
    assert tree(workstation.clone) == work
    # The finding itself is all that is new in the hub.
    after = whole_hub()
    assert [row["code"] for row in after["Finding"] if row not in before["Finding"]] == ["C-14"]
    assert {**after, "Finding": before["Finding"]} == before
    # A second time it is not even that.
    said(workstation.fix())
    times = {row["code"]: row["times_seen"] for row in whole_hub()["Finding"]}
    assert times == {"C-07": 1, "C-11": 1, "C-14": 2}

    # It pulls, and its fix writes into the file what only the hub knew, and pushes.
    workstation.pull()
    fixed = said(workstation.fix("--pull", "--push"))
    assert read_fixes(fixed) == [("C-13", T02, "written_back")]
    assert (fixed["converged"], fixed["ahead"], fixed["writeback_commit"]) == (True, 0, workstation.clone.head)
    assert workstation.clone.head == origin.git("rev-parse", "main")

    # The remote machine pulls: both files, and what both see of the hub, are the same.
    remote.pull()
    assert read_fixes(said(remote.fix("--pull", "--push"))) == []
    done = TEXT.replace("status: todo", "status: done").replace("status: in_progress", "status: done")
    assert remote.clone.read(FILE) == workstation.clone.read(FILE) == done.encode()
    assert remote.clone.head == workstation.clone.head == origin.git("rev-parse", "main")
    assert without_run(said(remote.check())) == without_run(said(workstation.check())) == {
        "slug": "remote", "outcome": "ok", "converged": True, "freshness": "fresh", "head": remote.clone.head,
        "ahead": 0, "behind": 0, "writeback_commit": None, "counts": {}, "findings": [],
    }  # fmt: skip
    assert statuses() == {T01: "done", T02: "done"}
    assert [
        (change.task.key, change.old, change.new, change.source, change.host)
        for change in StatusChange.objects.order_by("pk").select_related("task")
    ] == [(T01, "todo", "done", "file", "remote"), (T02, "in_progress", "done", "command", "remote")]

    # A second round changes nothing: no commit, no file, no row but those of the runs.
    rest = whole_hub(), tree(remote.clone), tree(workstation.clone), origin.git("rev-parse", "main")
    for machine in (workstation, remote):
        again = said(machine.fix("--pull", "--push"))
        assert (again["findings"], again["writeback_commit"], again["converged"]) == ([], None, True)
    assert (whole_hub(), tree(remote.clone), tree(workstation.clone), origin.git("rev-parse", "main")) == rest
