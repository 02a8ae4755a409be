"""State Hub's purpose (design, "Purpose"): a workstation that is days behind cannot undo the work of others."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from consistency.models import Finding, LedgerEntry, Run
from statehub.models import Checkout, Repo, StatusChange, Task, Workstream
from testing.repos import Clone, Origin
from testing.samples import T01, T02, WRITEBACK_SUBJECT, ahead_of_file
from tests.cli.helpers import (
    FILE,
    TEXT,
    codes,
    document,
    edit,
    findings,
    fix,
    mirrored,
    rows,
    run,
    statuses,
    tree,
)

BEHIND = "Repo 'clone' is behind remote — pull before fixing to avoid clobbering remote progress"

pytestmark = pytest.mark.usefixtures("hub")


def snapshot() -> dict[str, list[dict[str, object]]]:
    return rows(Repo, Checkout, Workstream, Task, StatusChange, LedgerEntry, Finding)


def test_stale_workstation(origin: Origin, clone: Clone, settings: Settings) -> None:
    settings.STATEHUB_HOST = "remote"
    remote = mirrored(clone)
    workstation = origin.clone("workstation")

    # On the remote a person works: a task is done, by the file; another one is reported to the hub.
    edit(remote, "status: todo", "status: done")
    remote.commit("Finish T01")
    remote.push()
    assert codes(fix("clone")) == [("C-11", "advanced")]
    assert run("set_task_status", T02, "done").exit == 0
    assert statuses() == {T01: "done", T02: "done"}

    # The workstation knows nothing of it: its file says todo and in_progress. Unplugged, it cannot even ask; but the
    # hub remembers what the remote has seen.
    settings.STATEHUB_HOST = "workstation"
    run("register_repo", str(workstation.path))
    before, hub = tree(workstation), rows(Task, Workstream, StatusChange, LedgerEntry)
    origin.path.rename(origin.path.with_name("unplugged.git"))
    ended = fix("clone")
    seen = Run.objects.exclude(tip="").latest("fetched_at")
    assert (seen.checkout.host, seen.tip, seen.fetched_at is None) == ("remote", remote.head, False)
    assert [(found["code"], found["severity"], found["message"]) for found in findings(ended)] == [
        ("C-14", "WARN", f"{BEHIND} (it lacks {remote.head[:7]}, as seen by remote at {seen.fetched_at:%F %TZ})")
    ]
    assert document(ended)["repos"][0]["outcome"] == "skipped"
    assert (tree(workstation), rows(Task, Workstream, StatusChange, LedgerEntry)) == (before, hub)

    # Plugged in, it sees for itself.
    origin.path.with_name("unplugged.git").rename(origin.path)
    ended = fix("clone")
    assert [(found["code"], found["severity"], found["message"]) for found in findings(ended)] == [
        ("C-14", "WARN", BEHIND)
    ]
    assert document(ended)["repos"][0]["outcome"] == "skipped"
    assert (tree(workstation), rows(Task, Workstream, StatusChange, LedgerEntry)) == (before, hub)

    # Even if no one can know that it is behind, nothing regresses: the hub wins.
    origin.path.rename(origin.path.with_name("unplugged.git"))
    workstation.git("update-ref", "refs/remotes/origin/main", "HEAD")
    Run.objects.update(tip="")
    ended = fix("clone", "--no-writeback")
    assert codes(ended) == [("C-13", "skipped"), ("C-13", "skipped")]
    assert statuses() == {T01: "done", T02: "done"}
    origin.path.with_name("unplugged.git").rename(origin.path)

    # After the pull only what no file says yet is left, and it is written back.
    workstation.pull()
    ended = fix("clone")
    assert [(found["code"], found["message"], found["action"]) for found in findings(ended)] == [
        (
            "C-13",
            ahead_of_file(T02, "done", "in_progress"),
            "written_back",
        )
    ]
    repo = document(ended)["repos"][0]
    assert (repo["converged"], repo["writeback_commit"], repo["ahead"]) == (True, workstation.head, 1)
    expected = TEXT.replace("status: todo", "status: done").replace("status: in_progress", "status: done")
    assert workstation.read(FILE).decode() == expected
    assert workstation.status() == []
    when = StatusChange.objects.get(task__key=T02).at
    assert workstation.git("log", "-1", "--format=%an <%ae>%n%cn <%ce>%n%B").splitlines() == [
        "State Hub <state-hub@localhost>",
        "State Hub <state-hub@localhost>",
        WRITEBACK_SUBJECT,
        "",
        f"Updated by fix-consistency on {when:%Y-%m-%d}:",
        f"- {T02}: in_progress → done",
    ]

    # A second run changes nothing: no commit, no row.
    after, hub = tree(workstation), snapshot()
    ended = fix("clone")
    assert (codes(ended), document(ended)["repos"][0]["converged"]) == ([], True)
    assert (tree(workstation), snapshot()) == (after, hub)

    # The remote writes back the same statuses on the same parent: the very same commit, so nothing diverges.
    settings.STATEHUB_HOST = "remote"
    assert codes(fix("clone")) == [("C-13", "written_back")]
    assert remote.head == workstation.head
    workstation.push()
    assert document(fix("clone"))["repos"][0]["freshness"] == "fresh"
    assert statuses() == {T01: "done", T02: "done"}
