"""Opens checkouts for their runs: finds, locks, fetches and inspects them, many at a time, in threads.

The threads use git only; the database belongs to the caller's thread.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from threading import Condition, Thread
from types import TracebackType
from typing import TYPE_CHECKING

from django.utils import timezone

from consistency.core.comparison.gates import NOT_ASKED
from consistency.core.comparison.reachability import fetch_limit
from consistency.git.config import Config, read_config
from consistency.git.leftovers import remove_old_leftovers
from consistency.git.lock import CheckoutLockedError, locked, locked_place
from consistency.git.names import native
from consistency.git.process import GitError, GitMissingError
from consistency.git.remote import MAX_FETCHES_PER_HOST, Fetched, ForeignCloneError, Upstream, fetch, find_upstream
from consistency.git.rollback import was_cut_off
from consistency.git.status import LocalStatus, read_local_status
from consistency.git.worktree import NotAWorkTreeError, WorkTree, open_checkout
from consistency.runs.options import RunOptions
from statehub.models import Checkout

if TYPE_CHECKING:
    from consistency.runs.managed import OwnClone


class NotClonedError(GitError):
    """A clone of the hub's own is not there."""


POLL_SECONDS = 0.1
"""Between two tries to lock a checkout at which another run is working."""


@dataclass(slots=True, eq=False)
class OpenCheckout:
    """One checkout, open for one run: a context manager that releases its lock.

    `tree` is None if there is no work tree. `error` keeps the run from its work: no work tree, another run, or git.
    `foreign` says why the clone does not come from the repo's origin, '' if it does. `tried_at` is the time of the last
    fetch, `fetched_at` that of one that worked; `seconds` are the times that its steps took. `waited` says whether it
    waited for another run. `own` is the clone if it is one of the hub's own: without a `tree`, the fetch makes it.
    """

    checkout: Checkout
    tree: WorkTree | None = None
    upstream: Upstream | None = None
    foreign: str = ""
    fetched: Fetched = field(default_factory=lambda: Fetched(NOT_ASKED))
    tried_at: datetime | None = None
    fetched_at: datetime | None = None
    seconds: dict[str, float] = field(default_factory=lambda: {"fetch": 0.0})
    error: NotAWorkTreeError | CheckoutLockedError | GitError | OSError | None = None
    waited: bool = False
    own: OwnClone | None = None
    _status: LocalStatus | None = None
    _lock: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> OpenCheckout:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.own is not None and self.tree is not None:
            self.own.close(self.tree)
        self._lock.close()

    def find(self) -> None:
        """Find the work tree and the upstream of the repo's branch, on the repo's origin. Raises GitMissingError."""
        repo = self.checkout.repo
        self.tree, self.upstream, self.foreign = None, None, ""
        try:
            if self.own is not None:
                self.own.find(self)
                return
            config = _try_config(native(self.checkout.path))
            self.tree = (config and config.plain_worktree()) or open_checkout(self.checkout.path)
            self.upstream = find_upstream(self.tree, repo.addresses, repo.branch, config)
        except ForeignCloneError as error:
            self.foreign = str(error)
        except GitMissingError:
            raise
        except (NotAWorkTreeError, GitError, OSError) as error:
            self.error = error

    def record_push(self, tip: str) -> None:
        """Take *tip*, which was pushed just now, for the commit that a fetch would have found."""
        self.fetched = self.fetched._replace(tip=tip)
        self.fetched_at = timezone.now()

    @property
    def host(self) -> str:
        """The machine to fetch from; '' for this one, or if there is nothing to fetch."""
        if self.upstream is None and self.own is not None:
            return self.own.host
        return self.upstream.host if self.upstream else ""

    @property
    def answered(self) -> bool:
        """Return whether the remote answered the last fetch, if only that there is no such branch."""
        return self.tried_at is not None and not self.fetched.failed

    def lock(self) -> bool:
        """Take the checkout's lock, if there is a work tree; return whether the run can go on."""
        if isinstance(self.error, CheckoutLockedError):
            self.error = None
        try:
            if self.error is None and self.own is not None:
                self._lock.enter_context(locked_place(native(self.checkout.path)))
                if self.tree is None:  # Another run may have made it.
                    self.find()
            if self.error is None and self.tree is not None:
                self._lock.enter_context(locked(self.tree))
        except (CheckoutLockedError, OSError) as error:
            self._lock.close()
            self.error = error
        return self.error is None

    def fetch(self, timeout: float, *, writes: bool = False) -> None:
        """Fetch within *timeout* seconds, or more if the last fetches were cut off while data arrived.

        *writes* says that the run may move the branch of one of the hub's own clones.
        """
        if (self.tree is None and self.own is None) or self.foreign:
            return
        started = time.perf_counter()
        self._status = None
        # The time before, not after: a commit that is pushed during the fetch may not be in it.
        now = timezone.now()
        limit = fetch_limit(timeout, self.checkout.fetch_timeouts)
        try:
            if self.own is not None:
                self.own.fetch(self, limit, writes=writes)
            elif self.tree is not None:
                remove_old_leftovers(self.tree.common_dir)
                self.fetched = fetch(self.tree, self.upstream, limit)
            self.tried_at = now
        except (CheckoutLockedError, GitError, OSError) as error:
            self.error = error
            if self.fetched.failed:
                self.tried_at = now
        self.fetched_at = now if self.fetched.ok else None
        self.seconds["fetch"] += time.perf_counter() - started

    def make_again(self, error: Exception, options: RunOptions) -> bool:
        """Make one of the hub's own clones again, because of this *error* in it; return whether that was done."""
        if self.own is None or not options.fetch or not self.own.may_be_at_fault(error):
            return False
        started, now = time.perf_counter(), timezone.now()
        self._status = None
        is_made = self.own.make_again(self, options.fetch_timeout)
        if is_made:
            self.tried_at, self.fetched_at, self.error = now, now, None
        self.seconds["fetch"] += time.perf_counter() - started
        return is_made

    def relock(self) -> None:
        """Take the lock inside a clone that was made just now. Raises CheckoutLockedError, OSError."""
        if self.tree is not None:
            self._lock.enter_context(locked(self.tree))

    def read_status(self) -> None:
        """Read the status of the work tree for `take_status`: the checkout is locked, and its fetch has ended.

        If a writeback was cut off, the run must undo it first.
        """
        if self.tree is None or self.error is not None or was_cut_off(self.tree):
            return
        started = time.perf_counter()
        try:
            self._status = read_local_status(self.tree, self.checkout.repo.pattern)
        except (GitError, OSError) as error:
            self.error = error
        self.seconds["look"] = time.perf_counter() - started

    def take_status(self) -> LocalStatus | None:
        """Return the status that was read, if it is recent; None the second time."""
        status, self._status = self._status, None
        return status if status is not None and status.is_recent else None


def prepare_checkout(checkout: Checkout) -> OpenCheckout:
    """Find the work tree of *checkout* and the upstream of the repo's branch, on the repo's origin.

    Nothing is locked or fetched yet. Raises GitMissingError.
    """
    opened = OpenCheckout(checkout)
    if checkout.managed:
        # Only for the hub's own clones.
        from consistency.git.managed_clone import CloneError
        from consistency.git.remote_url import RemoteUrlError
        from consistency.runs.managed import OwnClone

        try:
            opened.own = OwnClone(checkout)
        except RemoteUrlError as error:
            opened.error = CloneError(f"the repo's remote: {error}")
            return opened
    opened.find()
    return opened


def _try_config(path: str) -> Config | None:
    """Return the settings of the clone at *path*; None if git cannot read them. Raises GitMissingError."""
    try:
        return read_config(path)
    except GitMissingError:
        raise
    except GitError:
        return None


def fetch_all(
    checkouts: Sequence[Checkout], options: RunOptions, jobs: int, waiting: Callable[[str], None] = lambda _slug: None
) -> Generator[OpenCheckout, None, None]:
    """Yield each of *checkouts*, locked, fetched and inspected, as soon as it is: a slow remote delays no other.

    Up to *jobs* are opened at a time, fewer with a remote on the same machine, and each in turn if *jobs* is 1. A
    checkout at which another run is working comes when that has ended, or after `options.wait` seconds; *waiting* is
    called with its slug. Raises GitMissingError.
    """
    if any(checkout.managed for checkout in checkouts):
        from consistency.runs.managed import prepare_host

        prepare_host(checkouts)
    opening = _Opening(checkouts, options, waiting)
    parallel = min(jobs, len(checkouts))
    yield from opening.in_threads(parallel) if parallel > 1 else opening.in_turn()


class _Opening:
    """Opens checkouts: each is prepared, then locked, fetched and inspected as soon as its remote's machine is free."""

    def __init__(self, checkouts: Sequence[Checkout], options: RunOptions, waiting: Callable[[str], None]) -> None:
        self._pending, self._number, self._options = iter(checkouts), len(checkouts), options
        self._blocked = _Blocked(options.wait, waiting)
        self._prepared: list[OpenCheckout] = []  # Not locked yet.
        self._fetches: Counter[str] = Counter()  # By the remotes' machines.
        # For all above, and the three below.
        self._changed = Condition()
        self._open, self._most_open, self._is_closed = 0, 1, False

    def in_turn(self) -> Iterator[OpenCheckout]:
        """Yield each checkout in the caller's thread."""
        while (opened := self._open_next()) is not None:
            yield opened
            self._release()

    def in_threads(self, number: int) -> Iterator[OpenCheckout]:
        """Yield each checkout as soon as one of a *number* of threads has opened it.

        As many as are being opened may be open and waiting for the caller.
        """
        from queue import SimpleQueue

        ready: SimpleQueue[OpenCheckout | BaseException] = SimpleQueue()

        def work() -> None:
            try:
                while (opened := self._open_next()) is not None:
                    ready.put(opened)
                    del opened  # It is the caller's, who frees it.
            except BaseException as error:  # noqa: BLE001 - raised by the caller's thread
                ready.put(error)

        self._most_open = 2 * number
        threads = [Thread(target=work) for _ in range(number)]
        try:
            for thread in threads:
                thread.start()
            for _ in range(self._number):
                opened = ready.get()
                if isinstance(opened, BaseException):
                    raise opened
                yield opened
                self._release()
        finally:
            with self._changed:
                self._is_closed = True
                self._changed.notify_all()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
            while not ready.empty():
                if isinstance(left := ready.get(), OpenCheckout):
                    left.__exit__(None, None, None)

    def _release(self) -> None:
        """Take note that the caller's work with a checkout has ended."""
        with self._changed:
            self._open -= 1
            self._changed.notify()

    def _open_next(self) -> OpenCheckout | None:
        """Open a checkout; None if none is left."""
        opened = self._next()
        if opened is None:
            return None
        try:
            if opened.error is None and self._options.fetch:
                opened.fetch(self._options.fetch_timeout, writes=self._options.writes)
            elif opened.own is not None and opened.tree is None and opened.error is None:
                opened.error = NotClonedError("the clone is not made yet, and a run with --no-fetch does not make it")
            with self._changed:
                self._fetches[opened.host] -= 1
                self._changed.notify()
            opened.read_status()
            if opened.error is not None and opened.make_again(opened.error, self._options):
                opened.read_status()
        except BaseException:
            opened.__exit__(None, None, None)
            raise
        return opened

    def _next(self) -> OpenCheckout | None:
        """Return a locked checkout whose fetch may begin now, or one with an error; in the order given if possible."""
        while True:
            with self._changed:
                if self._is_closed:
                    return None
                is_full = self._open >= self._most_open
                if not is_full and (opened := self._startable()) is not None:
                    self._open += 1
                    self._fetches[opened.host] += 1
                    return opened
                checkout = None if is_full else next(self._pending, None)
                if checkout is None:
                    if not (is_full or self._prepared or self._blocked):
                        return None
                    self._changed.wait(POLL_SECONDS if self._blocked else None)
                    continue
            opened = prepare_checkout(checkout)
            with self._changed:
                self._prepared.append(opened)

    def _startable(self) -> OpenCheckout | None:
        def has_place(opened: OpenCheckout) -> bool:
            return not opened.host or self._fetches[opened.host] < MAX_FETCHES_PER_HOST

        if (opened := self._blocked.take(has_place)) is not None:
            return opened
        for opened in [each for each in self._prepared if has_place(each)]:
            self._prepared.remove(opened)
            if self._blocked.lock(opened):
                return opened
        return None


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

    def take(self, is_wanted: Callable[[OpenCheckout], bool]) -> OpenCheckout | None:
        """Take one that *is_wanted* and can be locked now, or has waited long enough."""
        for index, (deadline, opened) in enumerate(self._waiting_for_lock):
            if is_wanted(opened) and (opened.lock() or time.monotonic() >= deadline):
                del self._waiting_for_lock[index]
                opened.waited = True
                return opened
        return None
