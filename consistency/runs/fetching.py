"""Opens checkouts for their runs: finds them, locks them, and fetches for many of them side by side."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
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
"""How often a checkout at which another run is at work is tried again."""


@dataclass(slots=True)
class OpenCheckout:
    """One checkout, open for one run. Leave it as a context manager: that gives its lock back.

    `tree` is None where there is no work tree, and `trouble` then says why; else it is what keeps the run from its
    work: another one that is at work there, or git. `foreign` is why the clone does not come from the repo's origin, ''
    if it does. `tried_at` is the time of the last fetch, `fetched_at` that of one that worked. `waited` says whether it
    waited for another run.
    """

    checkout: Checkout
    tree: WorkTree | None = None
    upstream: Upstream | None = None
    foreign: str = ""
    fetched: Fetched = field(default_factory=lambda: Fetched(NOT_ASKED))
    tried_at: datetime | None = None
    fetched_at: datetime | None = None
    seconds: float = 0
    trouble: NotAWorkTreeError | CheckoutLockedError | GitError | OSError | None = None
    waited: bool = False
    _lock: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> OpenCheckout:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._lock.close()

    @property
    def host(self) -> str:
        """The machine that a fetch goes to; '' for this one, or where there is nothing to fetch."""
        return self.upstream.host if self.upstream else ""

    @property
    def answered(self) -> bool:
        """Whether the last fetch was answered, if only by there being no such branch."""
        return self.tried_at is not None and not self.fetched.failed

    def lock(self) -> bool:
        """Take the checkout's lock, if there is a checkout; whether there is something to be done now."""
        if isinstance(self.trouble, CheckoutLockedError):
            self.trouble = None
        if self.trouble is None and self.tree is not None:
            try:
                self._lock.enter_context(locked(self.tree))
            except CheckoutLockedError as error:
                self.trouble = error
        return self.trouble is None

    def fetch(self, timeout: float) -> None:
        """Fetch, best effort, within *timeout* seconds, or more if the last ones were cut off while data arrived."""
        if self.tree is None or self.foreign:
            return
        started = time.perf_counter()
        # The time before, not after: what somebody pushes meanwhile may not be in it.
        now = timezone.now()
        remove_old_leftovers(self.tree.common_dir)
        try:
            self.fetched = fetch(self.tree, self.upstream, fetch_limit(timeout, self.checkout.fetch_timeouts))
            self.tried_at = now
        except (GitError, OSError) as error:
            self.trouble = error
        self.fetched_at = now if self.fetched.ok else None
        self.seconds += time.perf_counter() - started


def prepare_checkout(checkout: Checkout) -> OpenCheckout:
    """Find the work tree of *checkout* and its way to the repo's branch on the repo's origin. Raises GitMissingError.

    Nothing is locked or fetched yet.
    """
    visit = OpenCheckout(checkout)
    try:
        visit.tree = open_checkout(checkout.path)
        visit.upstream = find_upstream(visit.tree, checkout.repo.addresses, checkout.repo.branch)
    except ForeignCloneError as error:
        visit.foreign = str(error)
    except GitMissingError:
        raise
    except (NotAWorkTreeError, GitError, OSError) as error:
        visit.trouble = error
    return visit


def fetch_all(
    checkouts: Sequence[Checkout], options: RunOptions, jobs: int, waiting: Callable[[str], None] = lambda _slug: None
) -> Generator[OpenCheckout, None, None]:
    """Each of *checkouts*, locked and fetched, as soon as its fetch has ended: a slow remote delays no other.

    Up to *jobs* fetches at a time, and no more to one machine than that takes well. One at which another run is at work
    comes once that has ended, or has lasted for `options.wait` seconds more; *waiting* is told its slug. Raises
    GitMissingError.
    """
    blocked = _Blocked(options.wait, waiting)
    if not options.fetch or jobs == 1 or len(checkouts) == 1:
        for visit in _one_by_one(checkouts, blocked):
            if visit.trouble is None and options.fetch:
                visit.fetch(options.fetch_timeout)
            yield visit
        return
    yield from _FetchPool(checkouts, options.fetch_timeout, jobs, blocked).run()


class _Blocked:
    """Visits to checkouts at which another run is at work: each is tried again until its time is up."""

    def __init__(self, seconds: float, waiting: Callable[[str], None]) -> None:
        self._seconds, self._waiting = seconds, waiting
        self._visits: list[tuple[float, OpenCheckout]] = []

    def __bool__(self) -> bool:
        return bool(self._visits)

    def lock(self, visit: OpenCheckout) -> bool:
        """Lock *visit*; whether it goes on at once, if only to say what is wrong. Else it is kept for `take`."""
        if visit.lock() or not isinstance(visit.trouble, CheckoutLockedError) or self._seconds <= 0:
            return True
        self._visits.append((time.monotonic() + self._seconds, visit))
        self._waiting(visit.checkout.repo.slug)
        return False

    def take(self, is_wanted: Callable[[OpenCheckout], bool] = lambda _visit: True) -> OpenCheckout | None:
        """One that *is_wanted* and is locked by now, or whose time is up."""
        for place, (deadline, visit) in enumerate(self._visits):
            if is_wanted(visit) and (visit.lock() or time.monotonic() >= deadline):
                del self._visits[place]
                visit.waited = True
                return visit
        return None


def _one_by_one(checkouts: Sequence[Checkout], blocked: _Blocked) -> Iterator[OpenCheckout]:
    for checkout in checkouts:
        visit = prepare_checkout(checkout)
        if blocked.lock(visit):
            yield visit
    while blocked:
        taken = blocked.take()
        if taken is None:
            time.sleep(POLL_SECONDS)
        else:
            yield taken


class _FetchPool:
    """Fetches side by side. All but the fetches themselves is done by the caller's thread."""

    def __init__(self, checkouts: Sequence[Checkout], timeout: float, jobs: int, blocked: _Blocked) -> None:
        self._pending, self._timeout, self._jobs, self._blocked = iter(checkouts), timeout, jobs, blocked
        self._waiting: list[OpenCheckout] = []  # For a place at their remote's machine; not locked.
        self._running: dict[Future[None], OpenCheckout] = {}

    def run(self) -> Iterator[OpenCheckout]:
        """Each visit, as it is ready."""
        from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

        with ThreadPoolExecutor(self._jobs) as pool:
            try:
                while True:
                    while len(self._running) < self._jobs and (visit := self._next()) is not None:
                        if visit.trouble is None:
                            self._running[pool.submit(visit.fetch, self._timeout)] = visit
                        else:
                            yield visit
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
        """One whose fetch may begin now, locked, or that has a trouble to tell; in the order given if possible."""
        busy = Counter(visit.host for visit in self._running.values())

        def has_place(visit: OpenCheckout) -> bool:
            return not visit.host or busy[visit.host] < MAX_FETCHES_PER_HOST

        if (visit := self._blocked.take(has_place)) is not None:
            return visit
        while (visit := self._candidate(has_place)) is not None:
            if self._blocked.lock(visit):
                return visit
        return None

    def _candidate(self, has_place: Callable[[OpenCheckout], bool]) -> OpenCheckout | None:
        for place, visit in enumerate(self._waiting):
            if has_place(visit):
                return self._waiting.pop(place)
        for checkout in self._pending:
            visit = prepare_checkout(checkout)
            if has_place(visit):
                return visit
            self._waiting.append(visit)
        return None
