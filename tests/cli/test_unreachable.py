"""C-26, from the command line: the remote has not answered any fetch for hours. It holds nothing back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from consistency.models import Run
from statehub.models import Checkout, Repo, Source
from statehub.task_lookup import find_task
from statehub.transitions import Actor, advance
from testing.manage import Ended
from testing.repos import Clone, Origin
from tests.cli.helpers import (
    Json,
    check,
    codes,
    document,
    episodes,
    finding,
    fix,
    hub_rows,
    mirrored,
    repo_report,
    report,
    run,
    tree,
)

LONG_AGO = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture
def away(origin: Origin, clone: Clone) -> Clone:
    """Return a clone that agrees with the hub, and whose origin has gone."""
    mirrored(clone)
    origin.path.rename(origin.path.with_name("away.git"))
    return clone


def back(origin: Origin) -> None:
    origin.path.with_name("away.git").rename(origin.path)


def since() -> datetime | None:
    return Checkout.objects.get().unreachable_since


def silent_since(when: datetime) -> None:
    Checkout.objects.update(unreachable_since=when)


def unanswered(clone: Clone, when: str = "2026-01-02 03:04Z") -> Json:
    words = (
        f"fatal: '{clone.path.with_name('origin.git')}' does not appear to be a git repository · "
        "fatal: Could not read from remote repository. · Please make sure you have the correct access rights · "
        "and the repository exists."
    )
    assert Run.objects.first().fetch == words  # type: ignore[union-attr]
    return finding("C-26", f"remote has not answered since {when} (git: {words})", file=None, workplan=None)


def test_check_dry_run_and_fixes_say_it_and_go_on(away: Clone) -> None:
    assert (codes(check("clone")), codes(fix("clone"))) == ([], [])
    silent_since(LONG_AGO)
    found = [unanswered(away)]
    fields = {"freshness": "unknown", "converged": True}
    before = hub_rows(), tree(away)
    for mode, ended in (("check", check("clone")), ("fix", fix("clone", "--dry-run")), ("fix", fix("clone"))):
        assert document(ended) == report(mode, repo_report(away, found, **fields))
        assert (ended.exit, ended.stderr, (hub_rows(), tree(away))) == (0, "", before)
    assert check("clone", "--fail-on", "warn").exit == 1
    assert since() == LONG_AGO
    assert episodes()[1:] == [("C-26", "", 4)]


def test_hub_that_is_ahead_is_written_back_all_the_same(away: Clone) -> None:
    silent_since(LONG_AGO)
    advance(find_task("WP-1-T01"), "done", Actor("somebody", Source.API))
    ended = fix("clone")
    repo = document(ended)["repos"][0]
    assert codes(ended) == [("C-13", "written_back"), ("C-26", "none")]
    assert (repo["converged"], repo["writeback_commit"], ended.exit) == (True, away.head, 0)


@pytest.mark.parametrize("mode", [check, fix])
def test_first_failure_counts_and_a_fetch_that_works_ends_it(
    origin: Origin, away: Clone, mode: Callable[..., Ended]
) -> None:
    started = timezone.now()
    assert codes(mode("clone")) == []
    first = since()
    assert first is not None
    assert started <= first <= timezone.now()
    assert codes(mode("clone")) == []
    assert since() == first
    silent_since(LONG_AGO)
    assert codes(mode("clone")) == [("C-26", "none")]
    back(origin)
    assert codes(mode("clone")) == []
    assert (since(), episodes()[1:]) == (None, [("C-26", "gone", 1)])


def test_run_that_does_not_fetch_counts_nothing_and_ends_nothing(origin: Origin, away: Clone) -> None:
    assert (codes(fix("clone", "--no-fetch")), since()) == ([], None)
    silent_since(LONG_AGO)
    assert codes(check("clone")) == [("C-26", "none")]
    back(origin)
    assert codes(fix("clone", "--no-fetch")) == []
    assert (since(), episodes()[1:]) == (LONG_AGO, [("C-26", "", 1)])


def test_hours_are_a_setting(away: Clone, settings: Settings) -> None:
    silent_since(timezone.now() - timedelta(hours=23, minutes=59))
    assert codes(check("clone")) == []
    silent_since(timezone.now() - timedelta(hours=24))
    assert codes(check("clone")) == [("C-26", "none")]
    settings.STATEHUB_UNREACHABLE_HOURS = 48
    assert codes(check("clone")) == []


def test_clone_without_a_remote_counts_nothing(away: Clone) -> None:
    away.git("remote", "remove", "origin")
    Repo.objects.update(origin="", branch="")
    assert (codes(check("clone")), codes(fix("clone")), since()) == ([], [], None)


def test_remote_without_the_branch_has_answered(origin: Origin, clone: Clone) -> None:
    mirrored(clone)
    silent_since(LONG_AGO)
    origin.git("branch", "-m", "main", "trunk")
    check("clone")
    assert since() is None


def test_mail_of_cron_has_one_line(away: Clone) -> None:
    silent_since(LONG_AGO)
    ended = run("fix_consistency", "--all", "--verbosity", "0")
    assert (ended.exit, ended.stdout.count("\n"), "C-26" in ended.stdout) == (0, 1, True)
