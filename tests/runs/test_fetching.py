"""Checkouts are opened ahead of their runs, many at a time: what was read then counts only as long as it is true."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from consistency.git.lock import CheckoutLockedError, locked
from consistency.git.rollback import JOURNAL_FOLDER
from consistency.git.status import LocalStatus, read_local_status
from consistency.git.worktree import Listing, WorkTree, find_worktree
from consistency.runs import fetching
from consistency.runs.fetching import fetch_all
from statehub.models import Checkout
from testing.repos import Clone, Origin
from testing.workers import wait_until
from testing.workplans import workplan
from tests.cli.helpers import FILE, codes, fix, mirrored, run
from tests.cli.options import fixing

pytestmark = pytest.mark.usefixtures("hub")
EVERY_WAY = pytest.mark.parametrize("jobs", [1, 4])


def make_clones(origin: Origin, number: int) -> list[Clone]:
    """Return registered clones of the same repo."""
    clones = [origin.clone(f"clone{each}") for each in range(number)]
    for clone in clones:
        assert run("register_repo", clone.path).exit == 0
    return clones


def all_checkouts() -> list[Checkout]:
    return list(Checkout.objects.select_related("repo").order_by("path"))


def is_free(clone: Clone) -> bool:
    """Return whether no run holds the lock of *clone*."""
    try:
        with locked(find_worktree(str(clone.path))):
            return True
    except CheckoutLockedError:
        return False


@pytest.fixture
def opened_statuses(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Paths whose status was read, each with whether another thread than the test's read it."""
    read = list[tuple[str, bool]]()

    def note(tree: WorkTree, pattern: str) -> LocalStatus:
        read.append((tree.top, threading.current_thread() is not threading.main_thread()))
        return read_local_status(tree, pattern)

    monkeypatch.setattr(fetching, "read_local_status", note)
    return read


class TestStatusReadAhead:
    def test_is_taken_once(self, clone: Clone) -> None:
        mirrored(clone)
        with next(fetch_all(all_checkouts(), fixing(), 1)) as opened:
            status = opened.take_status()
            assert status is not None
            assert (status.head, status.branch, status.under_way, status.dirty, status.listing) == (
                clone.head, "main", "", frozenset(), Listing([FILE]),
            )  # fmt: skip
            assert opened.take_status() is None

    def test_counts_as_long_as_it_is_recent(self, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        mirrored(clone)
        monkeypatch.setattr("consistency.git.status.MAX_AGE_SECONDS", 0.05)
        with next(fetch_all(all_checkouts(), fixing(), 1)) as opened:
            time.sleep(0.06)
            assert opened.take_status() is None

    def test_ends_with_the_next_fetch(self, clone: Clone) -> None:
        mirrored(clone)
        with next(fetch_all(all_checkouts(), fixing(), 1)) as opened:
            opened.fetch(10)
            assert opened.take_status() is None

    @pytest.mark.parametrize(("age", "seen"), [(60, []), (0, [("C-07", "created")])], ids=["recent", "old"])
    def test_file_that_comes_after_it(
        self, clone: Clone, monkeypatch: pytest.MonkeyPatch, age: float, seen: list[tuple[str, str]]
    ) -> None:
        mirrored(clone)
        monkeypatch.setattr("consistency.git.status.MAX_AGE_SECONDS", age)
        real = fetching.OpenCheckout.take_status

        def write(opened: fetching.OpenCheckout) -> LocalStatus | None:
            clone.write("workplans/b.md", workplan("WP-2", []))
            return real(opened)

        monkeypatch.setattr(fetching.OpenCheckout, "take_status", write)
        assert codes(fix("clone")) == seen

    def test_is_not_read_before_a_writeback_is_undone(self, clone: Clone) -> None:
        mirrored(clone)
        (clone.path / ".git" / JOURNAL_FOLDER).mkdir()
        with next(fetch_all(all_checkouts(), fixing(), 1)) as opened:
            assert opened.take_status() is None

    def test_error_of_it_is_the_runs(self, clone: Clone) -> None:
        mirrored(clone)
        (clone.path / ".git/index").write_bytes(b"no index" * 10)
        ended = fix("clone")
        assert (ended.exit, ended.stderr) == (
            2, "error: clone: error: bad signature 0x69206f6e · fatal: index file corrupt\n",
        )  # fmt: skip


@EVERY_WAY
class TestLocks:
    def test_are_held_until_the_run_ends(self, origin: Origin, jobs: int) -> None:
        clones = {str(clone.path): clone for clone in make_clones(origin, 3)}
        for opened in fetch_all(all_checkouts(), fixing(), jobs):
            with opened:
                assert not is_free(clones[opened.checkout.path])
            assert is_free(clones[opened.checkout.path])

    def test_are_given_back_if_the_caller_stops(self, origin: Origin, jobs: int) -> None:
        clones = make_clones(origin, 4)
        with closing(fetch_all(all_checkouts(), fixing(), jobs)) as ready, next(ready):
            pass
        assert all(map(is_free, clones))

    def test_are_given_back_after_a_fault(self, origin: Origin, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
        clones = make_clones(origin, 4)

        def fail(_tree: WorkTree, _pattern: str) -> LocalStatus:
            raise ZeroDivisionError

        monkeypatch.setattr(fetching, "read_local_status", fail)
        ready = fetch_all(all_checkouts(), fixing(), jobs)
        with pytest.raises(ZeroDivisionError):
            next(ready)
        assert all(map(is_free, clones))


def test_as_many_wait_for_the_caller_as_are_opened_at_a_time(origin: Origin) -> None:
    clones = make_clones(origin, 9)
    with closing(fetch_all(all_checkouts(), fixing(), 2)) as ready, next(ready):
        deadline = time.monotonic() + 20
        while sum(map(is_free, clones)) != 5 and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)
        assert sum(map(is_free, clones)) == 5


@EVERY_WAY
def test_opened_checkouts_are_not_kept(origin: Origin, jobs: int) -> None:
    make_clones(origin, 4)
    references = list[Callable[[], object]]()

    for opened in fetch_all(all_checkouts(), fixing(), jobs):
        with opened:
            references.append(weakref.ref(opened._lock))
        # The thread that opened it frees it in a moment.
        wait_until(lambda: sum(reference() is not None for reference in references) == 1)
    del opened
    assert [reference() for reference in references] == [None] * 4


def test_threads_do_all_but_the_database(origin: Origin, opened_statuses: list[tuple[str, bool]]) -> None:
    clones = make_clones(origin, 3)
    assert fix("--all").exit == 0
    assert sorted(opened_statuses) == [(str(clone.path), True) for clone in clones]


def test_a_single_checkout_needs_no_thread(clone: Clone, opened_statuses: list[tuple[str, bool]]) -> None:
    mirrored(clone)
    opened_statuses.clear()
    assert fix("clone").exit == 0
    assert opened_statuses == [(str(clone.path), False)]


@EVERY_WAY
def test_git_missing(origin: Origin, jobs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_clones(origin, 3)
    monkeypatch.setenv("PATH", str(tmp_path))
    ended = run("fix_consistency", "--all", f"--jobs={jobs}")
    assert (ended.exit, ended.stderr) == (2, "error: git is not on the PATH: install git\n")
