"""Opens checkouts for their runs: finds them, locks them, and fetches for many of them in parallel."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING

from django.utils import timezone

from consistency.core.comparison.gates import NOT_ASKED
from consistency.core.comparison.reachability import fetch_limit
from consistency.git.leftovers import remove_old_leftovers
from consistency.git.lock import CheckoutLockedError, locked
from consistency.git.process import GitError, GitMissingError
from consistency.git.remote import MAX_FETCHES_PER_HOST, Fetched, ForeignCloneError, Upstream, fetch, find_upstream
from consistency.git.worktree import NotAWorkTreeError, WorkTree, open_checkout
from consistency.runs.options import RunOptions
from statehub.models import Checkout

if TYPE_CHECKING:
    from concurrent.futures import Future

POLL_SECONDS = 0.1
"""Between two tries to lock a checkout at which another run is working."""


@dataclass(slots=True)
class OpenCheckout:
    """One checkout, open for one run: a context manager that releases its lock.

    `tree` is None if there is no work tree. `error` keeps the run from its work: no work tree, another run, or git.
    `foreign` says why the clone does not come from the repo's origin, '' if it does. `tried_at` is the time of the last
    fetch, `fetched_at` that of one that worked. `waited` says whether it waited for another run.
    """

    checkout: Checkout
    tree: WorkTree | None = None
    upstream: Upstream | None = None
    foreign: str = ""
    fetched: Fetched = field(default_factory=lambda: Fetched(NOT_ASKED))
    tried_at: datetime | None = None
    fetched_at: datetime | None = None
    seconds: float = 0
    error: NotAWorkTreeError | CheckoutLockedError | GitError | OSError | None = None
    waited: bool = False
    _lock: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> OpenCheckout:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._lock.close()

    def record_push(self, tip: str) -> None:
        """Take *tip*, which was pushed just now, for the commit that a fetch would have found."""
        self.fetched = replace(self.fetched, tip=tip)
        self.fetched_at = timezone.now()

    @property
    def host(self) -> str:
        """The machine to fetch from; '' for this one, or if there is nothing to fetch."""
        return self.upstream.host if self.upstream else ""

    @property
    def answered(self) -> bool:
        """Return whether the remote answered the last fetch, if only that there is no such branch."""
        return self.tried_at is not None and not self.fetched.failed

    def lock(self) -> bool:
        """Take the checkout's lock, if there is a work tree; return whether the run can go on."""
        if isinstance(self.error, CheckoutLockedError):
            self.error = None
        if self.error is None and self.tree is not None:
            try:
                self._lock.enter_context(locked(self.tree))
            except CheckoutLockedError as error:
                self.error = error
        return self.error is None

    def fetch(self, timeout: float) -> None:
        """Fetch within *timeout* seconds, or more if the last fetches were cut off while data arrived."""
        if self.tree is None or self.foreign:
            return
        started = time.perf_counter()
        # The time before, not after: a commit that is pushed during the fetch may not be in it.
        now = timezone.now()
        remove_old_leftovers(self.tree.common_dir)
        try:
            self.fetched = fetch(self.tree, self.upstream, fetch_limit(timeout, self.checkout.fetch_timeouts))
            self.tried_at = now
        except (GitError, OSError) as error:
            self.error = error
        self.fetched_at = now if self.fetched.ok else None
        self.seconds += time.perf_counter() - started


def prepare_checkout(checkout: Checkout) -> OpenCheckout:
    """Find the work tree of *checkout* and the upstream of the repo's branch, on the repo's origin.

    Nothing is locked or fetched yet. Raises GitMissingError.
    """
    opened = OpenCheckout(checkout)
    try:
        opened.tree = open_checkout(checkout.path)
        opened.upstream = find_upstream(opened.tree, checkout.repo.addresses, checkout.repo.branch)
    except ForeignCloneError as error:
        opened.foreign = str(error)
    except GitMissingError:
        raise
    except (NotAWorkTreeError, GitError, OSError) as error:
        opened.error = error
    return opened


def fetch_all(
    checkouts: Sequence[Checkout], options: RunOptions, jobs: int, waiting: Callable[[str], None] = lambda _slug: None
) -> Generator[OpenCheckout, None, None]:
    """Yield each of *checkouts*, locked and fetched, as soon as its fetch has ended: a slow remote delays no other.

    Up to *jobs* fetches run at a time, fewer to one machine. A checkout at which another run is working comes when that
    has ended, or after `options.wait` seconds; *waiting* is called with its slug. Raises GitMissingError.
    """
    blocked = _Blocked(options.wait, waiting)
    if not options.fetch or jobs == 1 or len(checkouts) == 1:
        for opened in _one_by_one(checkouts, blocked):
            if opened.error is None and options.fetch:
                opened.fetch(options.fetch_timeout)
            yield opened
        return
    yield from _FetchPool(checkouts, options.fetch_timeout, jobs, blocked).run()


class _Blocked:
    """Checkouts at which another run is working: each is tried again until its time is up."""

    def __init__(self, seconds: float, waiting: Callable[[str], None]) -> None:
        self._seconds, self._waiting = seconds, waiting
        self._waiting_for_lock: list[tuple[float, OpenCheckout]] = []

    def __bool__(self) -> bool:
        return bool(self._waiting_for_lock)

    def lock(self, opened: OpenCheckout) -> bool:
        """Lock *opened*; return whether it is ready, if only to report an error. Else it is kept for `take`."""
        if opened.lock() or not isinstance(opened.error, CheckoutLockedError) or self._seconds <= 0:
            return True
        self._waiting_for_lock.append((time.monotonic() + self._seconds, opened))
        self._waiting(opened.checkout.repo.slug)
        return False

    def take(self, is_wanted: Callable[[OpenCheckout], bool] = lambda _opened: True) -> OpenCheckout | None:
        """Take one that *is_wanted* and can be locked now, or has waited long enough."""
        for index, (deadline, opened) in enumerate(self._waiting_for_lock):
            if is_wanted(opened) and (opened.lock() or time.monotonic() >= deadline):
                del self._waiting_for_lock[index]
                opened.waited = True
                return opened
        return None


def _one_by_one(checkouts: Sequence[Checkout], blocked: _Blocked) -> Iterator[OpenCheckout]:
    for checkout in checkouts:
        opened = prepare_checkout(checkout)
        if blocked.lock(opened):
            yield opened
    while blocked:
        if (ready := blocked.take()) is None:
            time.sleep(POLL_SECONDS)
        else:
            yield ready


class _FetchPool:
    """Parallel fetches. The caller's thread does everything but the fetches themselves."""

    def __init__(self, checkouts: Sequence[Checkout], timeout: float, jobs: int, blocked: _Blocked) -> None:
        self._pending, self._timeout, self._jobs, self._blocked = iter(checkouts), timeout, jobs, blocked
        self._waiting: list[OpenCheckout] = []  # Until their remote's machine takes another fetch; not locked.
        self._running: dict[Future[None], OpenCheckout] = {}

    def run(self) -> Iterator[OpenCheckout]:
        """Yield each checkout as soon as it is ready."""
        from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

        with ThreadPoolExecutor(self._jobs) as pool:
            try:
                while True:
                    while len(self._running) < self._jobs and (opened := self._next()) is not None:
                        if opened.error is None:
                            self._running[pool.submit(opened.fetch, self._timeout)] = opened
                        else:
                            yield opened
                    if not self._running:
                        if not self._blocked:
                            return
                        time.sleep(POLL_SECONDS)
                    patience = POLL_SECONDS if self._blocked else None
                    for future in wait(self._running, patience, return_when=FIRST_COMPLETED).done:
                        future.result()
                        yield self._running.pop(future)
            finally:
                for left in self._running.values():
                    left.__exit__(None, None, None)

    def _next(self) -> OpenCheckout | None:
        """Return a locked checkout whose fetch may begin now, or one with an error; in the order given if possible."""
        busy = Counter(opened.host for opened in self._running.values())

        def has_place(opened: OpenCheckout) -> bool:
            return not opened.host or busy[opened.host] < MAX_FETCHES_PER_HOST

        if (opened := self._blocked.take(has_place)) is not None:
            return opened
        while (opened := self._candidate(has_place)) is not None:
            if self._blocked.lock(opened):
                return opened
        return None

    def _candidate(self, has_place: Callable[[OpenCheckout], bool]) -> OpenCheckout | None:
        for index, opened in enumerate(self._waiting):
            if has_place(opened):
                return self._waiting.pop(index)
        for checkout in self._pending:
            opened = prepare_checkout(checkout)
            if has_place(opened):
                return opened
            self._waiting.append(opened)
        return None
