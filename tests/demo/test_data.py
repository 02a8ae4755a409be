"""The demo data: a short quarter in a hub of its own, in real repositories."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db.models import Max, Min
from django.utils import timezone

from consistency.cli.registration import find_or_register
from consistency.git.process import Git
from consistency.models import Finding, Run, RunState
from demo.data.clock import Clock
from demo.data.fill import fill
from demo.data.place import MARKER
from demo.data.quarter import Size
from statehub.models import Checkout, Repo, StatusChange, Task, Workstream
from testing.clock import replace_clock
from testing.environment import HOST
from testing.hub import Hub
from testing.manage import ROOT
from testing.repos import Clone

pytestmark = pytest.mark.proof

SHORT = Size(days=10, repos=2)
END = datetime(2026, 3, 20, 15, 0, tzinfo=UTC)  # a Friday


def story() -> list[tuple[object, ...]]:
    """Return the moves, without the UUIDs."""
    return list(StatusChange.objects.order_by("at", "task__key").values_list("task__key", "old", "new", "at", "who"))


@pytest.fixture
def var(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a STATEHUB_VAR of this test's own."""
    monkeypatch.setattr(settings, "STATEHUB_VAR", tmp_path / "var")
    return tmp_path / "var"


def test_data_holds_a_quarter_and_a_second_run_replaces_it(hub: Hub, var: Path) -> None:
    assert fill(SHORT, END).startswith("The hub has 2 repos, 6 checkouts, ")
    _outcomes_and_findings()
    _spread_over_the_days()
    _works_afterwards(hub, var)
    first, runs = story(), Run.objects.count()
    fill(SHORT, END)
    assert (story(), Repo.objects.count()) == (first, 2)
    assert abs(Run.objects.count() - runs) <= 1  # all but the run after the first story


def _outcomes_and_findings() -> None:
    assert set(Run.objects.values_list("outcome", flat=True)) == set(RunState.values)
    assert set(Run.objects.values_list("trigger", flat=True)) >= {"cron", "admin", "command"}
    codes = set(Finding.objects.values_list("code", flat=True))
    assert codes >= {"C-01", "C-05", "C-07", "C-11", "C-13", "C-14", "C-16"}
    resolved = Finding.objects.exclude(resolved_at=None)
    assert set(resolved.values_list("resolution", flat=True)) >= {"created", "advanced", "written_back", "gone"}
    standing = set(Finding.objects.filter(resolved_at=None).values_list("code", flat=True))
    assert standing >= {"C-13", "C-14"}
    assert StatusChange.objects.filter(reopen=True).exclude(reason="").exists()
    assert not Run.objects.filter(error__contains="internal error").exists()


def _spread_over_the_days() -> None:
    start = END - timedelta(days=SHORT.days)
    assert len(StatusChange.objects.dates("at", "day")) >= 5
    for rows, column in ((StatusChange, "at"), (Run, "started_at"), (Finding, "first_seen"), (Repo, "created_at")):
        span = rows.objects.aggregate(low=Min(column), high=Max(column))
        assert start < span["low"] <= span["high"] < END
    assert set(Task.objects.values_list("status", flat=True)) >= {"todo", "in_progress", "done"}
    assert Workstream.objects.count() == 10


def _works_afterwards(hub: Hub, var: Path) -> None:
    """Check that this host's checkouts can be checked, and that their commits are of the story's time."""
    path = Checkout.objects.get(host=HOST, repo__slug="orders").path
    checked = hub.manage("check_consistency", "orders", "--fail-on", "never")
    assert (checked.exit, checked.stderr) == (0, "")
    assert Path(path).is_relative_to(var)
    dates = Git(path).run("log", "--format=%cI").decode().split()
    assert END - timedelta(days=SHORT.days) <= min(map(datetime.fromisoformat, dates))
    assert max(map(datetime.fromisoformat, dates)) <= END


def data(hub: Hub, var: Path, *arguments: str) -> tuple[int, str, str]:
    """Run `python -m demo.data` as a process."""
    environment = os.environ | {"DATABASE_URL": hub.url, "STATEHUB_VAR": str(var)}
    command = [sys.executable, "-m", "demo.data", *arguments]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout, run.stderr


def test_data_refuses_a_hub_with_other_repos(hub: Hub, clone: Clone, tmp_path: Path) -> None:
    find_or_register(str(clone.path), HOST)
    code, out, err = data(hub, tmp_path / "var")
    assert (code, out) == (2, "")
    assert err == (
        "error: the hub has repos that are no demo data (clone); demo data goes into an empty hub only: "
        "name another one in DATABASE_URL\n"
    )
    assert [repo.slug for repo in Repo.objects.all()] == ["clone"]
    assert not (tmp_path / "var/demo-data").exists()


def test_data_refuses_a_folder_of_somebody_else(hub: Hub, tmp_path: Path) -> None:
    theirs = tmp_path / "var/demo-data/thesis.txt"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("years of work")
    code, out, err = data(hub, tmp_path / "var")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert theirs.read_text() == "years of work"
    assert not (theirs.parent / MARKER).exists()


def test_data_says_in_one_line_that_an_argument_is_wrong(hub: Hub, tmp_path: Path) -> None:
    code, _, err = data(hub, tmp_path / "var", "--days", "0")
    assert (code, err.splitlines()[-1]) == (
        2, "python -m demo.data: error: argument --days: must be a number from 7 to 366",
    )  # fmt: skip


def test_clock_is_replaced_within_its_block_only() -> None:
    with replace_clock(Clock(END).now):
        assert END < timezone.now() < timezone.now() < END + timedelta(seconds=1)
        assert END < Repo().created_at < END + timedelta(seconds=1)
    assert abs(timezone.now() - datetime.now(UTC)) < timedelta(minutes=1)
