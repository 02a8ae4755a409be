"""Findings as episodes: one row while open, resolved only by a run that looked, opened again on return."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from consistency.models import Finding, Run
from statehub.task_lookup import find_task
from statehub.transitions import advance
from testing.repos import Clone
from testing.repos import Origin as Bare
from testing.samples import SOMEBODY, T01
from testing.workplans import workplan
from tests.cli.helpers import (
    FILE,
    TEXT,
    check,
    codes,
    document,
    edit,
    episodes,
    fix,
    mirrored,
    publish,
)

B = "workplans/b.md"
FIRST = ("C-07", "created", 1)
"""The episode that every test begins with: the workplan came into the hub."""

pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture
def agreed(clone: Clone) -> Clone:
    return mirrored(clone)


def test_created_at_first_sight(agreed: Clone) -> None:
    run = Run.objects.get()
    row: dict[str, Any] = {**Finding.objects.values().get()}
    assert row.pop("id")
    assert len(row.pop("fingerprint")) == 64
    assert row.pop("first_seen") == row.pop("last_seen") == row.pop("resolved_at") > run.started_at
    assert row == {
        "checkout_id": run.checkout_id, "code": "C-07", "severity": "WARN", "file": FILE, "line": 1,
        "message": "workplan 'Workplan WP-1' with 2 tasks is not in the hub", "workplan": "WP-1", "task": "",
        "db_status": "", "file_status": "active", "action": "created", "times_seen": 1, "opened_by_id": run.pk,
        "resolved_by_id": run.pk, "resolution": "created", "commit": "",
    }  # fmt: skip


def test_standing_drift_adds_no_rows(agreed: Clone) -> None:
    edit(agreed, "status: active", "status: draft")  # never written back: it stays
    edit(agreed, "status: todo", "status: doing")
    for number in range(1, 6):
        assert codes(fix("clone") if number % 2 else check("clone")) == [("C-13", "none"), ("C-05", "none")]
        assert episodes() == [FIRST, ("C-13", "", number), ("C-05", "", number)]
    first, *_, last = Run.objects.order_by("started_at")[1:]
    for row in Finding.objects.filter(resolved_at=None):
        assert row.opened_by == first
        assert first.finished_at is not None
        assert first.started_at < row.first_seen < first.finished_at < last.started_at < row.last_seen


def test_what_it_says_is_kept_up_to_date(agreed: Clone) -> None:
    edit(agreed, "status: todo", "status: doing")
    check("clone")
    edit(agreed, "status: doing", "status: did")
    agreed.write(FILE, agreed.read(FILE).replace(b"\n# ", b"\n\n\n# "))
    check("clone")
    row = Finding.objects.get(code="C-05")
    assert (row.message, row.line, row.times_seen) == (
        "unknown task status 'did' (one of todo, in_progress, blocked, done, cancelled)", 16, 2,
    )  # fmt: skip


def test_severity_of_the_gate_follows_the_mode(agreed: Clone, origin: Bare) -> None:
    publish(origin.clone("other"))
    for command, severity in ((check, "INFO"), (fix, "WARN"), (check, "INFO")):
        command("clone")
        assert Finding.objects.get(code="C-14").severity == severity
    agreed.pull()
    assert codes(check("clone")) == []
    assert episodes() == [FIRST, ("C-14", "gone", 3)]


def test_resolved_with_how(agreed: Clone) -> None:
    edit(agreed, "status: todo", "status: done")
    edit(agreed, "title: Workplan WP-1", "title: First")
    agreed.write(B, workplan("WP-2"))
    agreed.commit()
    check("clone")
    assert episodes() == [FIRST, ("C-12", "", 1), ("C-11", "", 1), ("C-07", "", 1)]
    fix("clone")
    assert episodes() == [FIRST, ("C-12", "updated", 2), ("C-11", "advanced", 2), ("C-07", "created", 2)]
    assert set(Finding.objects.values_list("resolved_by", flat=True)[:3]) == {Run.objects.latest("started_at").pk}


def test_written_back_names_the_commit_and_both_statuses(agreed: Clone) -> None:
    advance(find_task(T01), "done", SOMEBODY)
    check("clone")
    fix("clone")
    row = Finding.objects.get(code="C-13")
    assert (row.resolution, row.commit, row.db_status, row.file_status, row.times_seen) == (
        "written_back", agreed.head, "done", "todo", 2,
    )  # fmt: skip
    opened, resolved = Run.objects.order_by("started_at")[1:]
    assert (row.opened_by, row.resolved_by) == (opened, resolved)


def test_drift_that_comes_back_is_a_new_episode(agreed: Clone) -> None:
    edit(agreed, "status: active", "status: draft")
    check("clone")
    edit(agreed, "status: draft", "status: active")
    check("clone")
    edit(agreed, "status: active", "status: draft")
    check("clone")
    assert episodes() == [FIRST, ("C-13", "gone", 1), ("C-13", "", 1)]
    assert len(set(Finding.objects.filter(code="C-13").values_list("fingerprint", flat=True))) == 1


def test_skipped_checkout_leaves_everything_open(agreed: Clone, origin: Bare) -> None:
    edit(agreed, "status: active", "status: draft")
    edit(agreed, "status: todo", "status: doing")
    fix("clone")
    other = origin.clone("other")
    publish(other)
    agreed.write(FILE, TEXT)  # all is fixed, but no run looks
    assert codes(fix("clone")) == [("C-14", "none")]
    assert episodes() == [FIRST, ("C-13", "", 1), ("C-05", "", 1), ("C-14", "", 1)]
    agreed.pull()
    assert codes(fix("clone")) == []
    assert episodes() == [FIRST, ("C-13", "gone", 1), ("C-05", "gone", 1), ("C-14", "gone", 1)]


def test_checkout_that_is_missing_leaves_everything_open(agreed: Clone, origin: Bare) -> None:
    edit(agreed, "status: active", "status: draft")
    check("clone")
    away = agreed.path.with_name("away")
    agreed.path.rename(away)
    assert codes(fix("clone")) == [("C-01", "none")]
    assert episodes() == [FIRST, ("C-13", "", 1), ("C-01", "", 1)]
    publish(origin.clone("other"))
    away.rename(agreed.path)
    assert codes(fix("clone")) == [("C-14", "none")]  # held back: that it is there again is all that was seen
    assert episodes() == [FIRST, ("C-13", "", 1), ("C-01", "gone", 1), ("C-14", "", 1)]


def test_checkout_that_git_cannot_read_leaves_everything_open(agreed: Clone) -> None:
    edit(agreed, "status: active", "status: draft")
    check("clone")
    (agreed.path / ".git/index").write_bytes(b"nonsense")
    assert (check("clone").exit, episodes()) == (2, [FIRST, ("C-13", "", 1)])


def test_unreadable_file_leaves_its_findings_open(agreed: Clone) -> None:
    edit(agreed, "status: active", "status: draft")
    edit(agreed, "status: todo", "status: doing")
    good = agreed.write(B, workplan("WP-2", status="draft")).read_bytes()
    fix("clone")
    agreed.write(B, good + b"\xff")
    agreed.write(FILE, TEXT.encode() + b"\xff")
    assert codes(fix("clone")) == [("C-02", "none"), ("C-02", "none")]
    opened = [FIRST, ("C-13", "", 1), ("C-05", "", 1), ("C-07", "created", 1)]
    assert episodes() == [*opened, ("C-02", "", 1), ("C-02", "", 1)]
    agreed.write(FILE, TEXT)
    agreed.write(B, good)
    assert codes(fix("clone")) == []
    assert [resolution for _, resolution, _ in episodes()] == ["created", "gone", "gone", "created", "gone", "gone"]


def test_broken_block_leaves_its_tasks_finding_open_and_no_other(agreed: Clone) -> None:
    advance(find_task(T01), "done", SOMEBODY)
    advance(find_task("WP-1-T02"), "done", SOMEBODY)
    assert codes(fix("clone", "--no-writeback")) == [("C-13", "skipped"), ("C-13", "skipped")]
    edit(agreed, "status: todo", "status: doing")
    edit(agreed, "status: in_progress", "status: done")
    assert codes(fix("clone")) == [("C-05", "none")]
    left = Finding.objects.filter(resolved_at=None).values_list("code", "task")
    assert sorted(left) == [("C-05", T01), ("C-13", T01)]


def test_workplans_that_share_an_id_leave_theirs_open(agreed: Clone) -> None:
    edit(agreed, "status: active", "status: draft")
    fix("clone")
    agreed.write(B, workplan("WP-1"))
    agreed.git("add", B)
    assert codes(fix("clone")) == [("C-04", "none"), ("C-04", "none")]
    assert episodes() == [FIRST, ("C-13", "", 1), ("C-04", "", 1), ("C-04", "", 1)]
    (agreed.path / B).unlink()
    assert codes(fix("clone")) == [("C-13", "none")]
    assert episodes() == [FIRST, ("C-13", "", 2), ("C-04", "gone", 1), ("C-04", "gone", 1)]


@pytest.fixture(autouse=True)
def with_hooks(settings: Settings) -> None:
    settings.STATEHUB_COMMIT_HOOKS = True


def refused(clone: Clone) -> None:
    hook = clone.path / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\nprintf 'not \\000today\\033[31m\\n' >&2\nexit 1\n")
    hook.chmod(0o755)


def dirty(clone: Clone) -> None:
    edit(clone, "# Workplan", "# The workplan")


@pytest.mark.parametrize(("hinder", "code"), [(refused, "C-16"), (dirty, "C-14")])
def test_trouble_with_writing_stays_open_until_a_run_tries_again(
    agreed: Clone, hinder: Callable[[Clone], None], code: str
) -> None:
    advance(find_task(T01), "done", SOMEBODY)
    hinder(agreed)
    for _ in range(2):
        assert [found for found, _ in codes(fix("clone"))] == ["C-13", code]
    drift = [FIRST, ("C-13", "", 2), (code, "", 2)]
    assert episodes() == drift
    if code == "C-16":
        (agreed.path / ".git/hooks/pre-commit").unlink()
    else:
        agreed.git("checkout", "--quiet", FILE)
    check("clone")
    fix("clone", "--no-writeback")
    assert episodes() == [FIRST, ("C-13", "", 4), (code, "", 2)]
    assert codes(fix("clone")) == [("C-13", "written_back")]
    assert episodes() == [FIRST, ("C-13", "written_back", 5), (code, "gone", 2)]


def test_trouble_with_writing_is_over_when_nothing_is_due(agreed: Clone) -> None:
    advance(find_task(T01), "done", SOMEBODY)
    refused(agreed)
    fix("clone")
    words = Finding.objects.get(code="C-16").message
    assert words.startswith("writeback was not possible: not ")
    assert "\0" not in words
    edit(agreed, "status: todo", "status: done")
    assert codes(check("clone")) == []
    assert episodes() == [FIRST, ("C-13", "gone", 1), ("C-16", "gone", 1)]


def test_read_only_file_is_trouble_of_its_own(agreed: Clone) -> None:
    agreed.write(B, workplan("WP-2", [("T01", "todo")]))
    publish(agreed)
    fix("clone")
    for task in (T01, "WP-2-T01"):
        advance(find_task(task), "done", SOMEBODY)
    os.chmod(agreed.path / B, 0o444)
    ended = fix("clone")
    assert codes(ended) == [("C-13", "written_back"), ("C-13", "failed"), ("C-16", "none")]
    assert document(ended)["repos"][0]["writeback_commit"] == agreed.head
    os.chmod(agreed.path / B, 0o644)
    assert codes(fix("clone")) == [("C-13", "written_back")]
    assert [row for row in episodes() if row[0] == "C-16"] == [("C-16", "gone", 1)]


def test_two_checkouts_have_findings_of_their_own(agreed: Clone, origin: Bare) -> None:
    other = origin.clone("other")
    fix("--path", other.path)
    edit(other, "status: active", "status: draft")
    for clone in (agreed, other, agreed):
        check("--path", clone.path)
    assert episodes() == [FIRST, ("C-13", "", 1)]


def test_history_outlives_its_runs(agreed: Clone) -> None:
    Run.objects.all().delete()
    assert episodes() == [FIRST]
    shutil.rmtree(agreed.path)
    assert codes(check("clone")) == [("C-01", "none")]


def test_names_for_people(agreed: Clone) -> None:
    run, row = Run.objects.get(), Finding.objects.get()
    assert (str(run), str(row)) == (
        f"fix {run.started_at:%Y-%m-%d %H:%M}",
        "C-07 workplan 'Workplan WP-1' with 2 tasks is not in the hub",
    )
