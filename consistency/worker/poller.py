"""Polls the remotes of a host's checkouts, and queues runs of those that have news."""

from __future__ import annotations

import random
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import chain
from queue import Empty, SimpleQueue
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from consistency.db.queue import ROUTINE, queue_checkouts
from consistency.git.process import GitError, GitTimeoutError
from consistency.git.remote import MAX_FETCHES_PER_HOST, read_tip
from consistency.models import Run
from consistency.worker.polling import Decision, Row, decide, vary
from statehub.models import Checkout, CheckoutQuerySet

BATCH = 100
"""Checkouts that are taken together."""

COLLECT_SECONDS = 0.5
"""The time in which answers are collected, to be recorded together."""

MAX_TIMEOUTS = 4
"""Answers in a row that a server may owe before it is not asked for the rest of a poll."""

MAX_THREADS = 16
"""Remotes that are asked at the same time."""

_UPDATE = """
UPDATE statehub_checkout checkout
   SET poll_at = polled.poll_at, poll_failures = polled.failures,
       rung_at = CASE WHEN polled.is_news THEN coalesce(checkout.rung_at, polled.now) ELSE checkout.rung_at END,
       unannounced_at = CASE WHEN polled.unannounced THEN polled.now ELSE checkout.unannounced_at END
  FROM unnest(%s::bigint[], %s::timestamptz[], %s::int[], %s::bool[], %s::bool[], %s::timestamptz[])
       polled (id, poll_at, failures, is_news, unannounced, now)
 WHERE checkout.id = polled.id
"""


class Polled(NamedTuple):
    """The numbers of checkouts that were polled, of those whose remotes did not answer, and of the queued runs."""

    checkouts: int = 0
    failures: int = 0
    queued: int = 0


class Claimed(NamedTuple):
    """A checkout that this process polls now: *row* as it was before."""

    checkout: Checkout
    row: Row


def poll(host: str, interval: float, timeout: float, is_stopped: Callable[[], bool]) -> Polled:
    """Poll the checkouts of *host* that are due, each every *interval* seconds; a remote has *timeout* seconds.

    Ends when none is due, or early if *is_stopped*. Processes that poll at the same time share the checkouts.
    Raises django.db.Error.
    """
    total = Polled()
    while not is_stopped():
        began = timezone.now()
        claimed = claim(host, began, interval)
        if not claimed:
            break
        by_id = {each.checkout.pk: each for each in claimed}
        unasked: dict[int, str | None] = {pk: None for pk, each in by_id.items() if not each.row.managed}
        asked = [each.checkout for each in claimed if each.row.managed]
        for tips in chain(filter(None, [unasked]), ask_remotes(asked, timeout, is_stopped)):
            decisions = record(began, [by_id[pk] for pk in tips], tips, interval)
            total = Polled(*map(sum, zip(total, _count(decisions), strict=True)))
        if len(claimed) < BATCH:
            break
    return total


def _count(decisions: Iterable[Decision]) -> Polled:
    made = list(decisions)
    return Polled(len(made), sum(each.failures > 0 for each in made), sum(each.run for each in made))


def claim(host: str, now: datetime, interval: float) -> list[Claimed]:
    """Take the checkouts of *host* that are due, those that have waited longest first, and set their next polls."""
    with transaction.atomic():
        due = Checkout.objects.served().filter(Q(poll_at=None) | Q(poll_at__lte=now), host=host)
        # No key: the rows of runs refer to these rows, and must not wait.
        locked = _with_runs(due).select_for_update(skip_locked=True, of=("self",), no_key=True)
        checkouts = list(locked.order_by(F("poll_at").asc(nulls_first=True), "pk")[:BATCH])
        if checkouts:
            again = now + timedelta(seconds=interval)
            Checkout.objects.filter(pk__in=[each.pk for each in checkouts]).update(poll_at=again)
    return [Claimed(checkout, _row(checkout)) for checkout in checkouts]


def ask_remotes(
    checkouts: Sequence[Checkout], timeout: float, is_stopped: Callable[[], bool]
) -> Iterator[dict[int, str | None]]:
    """Yield the tips of the repos' branches of *checkouts* by their ids as they arrive, None for no answer.

    Each answer has *timeout* seconds. A few of one server are asked for at a time, as by fetches. Ends early if
    *is_stopped*, with the answers so far.
    """
    servers: defaultdict[str, list[Checkout]] = defaultdict(list)
    for checkout in checkouts:
        servers[checkout.repo.origin.partition("/")[0]].append(checkout)
    answers: SimpleQueue[tuple[int, str | None]] = SimpleQueue()
    with ThreadPoolExecutor(MAX_THREADS, "poll") as threads:
        for asked in servers.values():
            server = _Server(asked, timeout, answers.put, is_stopped)
            for _ in range(min(MAX_FETCHES_PER_HOST, len(asked))):
                threads.submit(server.ask_all)
        left = len(checkouts)
        while left and not is_stopped():
            arrived: dict[int, str | None] = {}
            until = time.monotonic() + COLLECT_SECONDS
            while len(arrived) < left and (pause := until - time.monotonic()) > 0:
                with suppress(Empty):
                    arrived.update([answers.get(timeout=pause)])
            left -= len(arrived)
            if arrived:
                yield arrived


class _Server:
    """A server that some threads ask for the tips of *checkouts*; each answer goes to *put*."""

    def __init__(
        self,
        checkouts: Sequence[Checkout],
        timeout: float,
        put: Callable[[tuple[int, str | None]], None],
        is_stopped: Callable[[], bool],
    ) -> None:
        self._left, self._timeout, self._put, self._is_stopped = deque(checkouts), timeout, put, is_stopped
        self._timeouts = 0

    def ask_all(self) -> None:
        """Ask for one after the other; for none once the server has left several unanswered."""
        while self._left and not self._is_stopped():
            try:
                checkout = self._left.popleft()
            except IndexError:  # Another thread was faster.
                return
            self._put((checkout.pk, self._ask(checkout)))

    def _ask(self, checkout: Checkout) -> str | None:
        if self._timeouts >= MAX_TIMEOUTS:
            return None
        try:
            tip = read_tip(checkout.path, checkout.repo.branch, self._timeout)
        except GitTimeoutError:
            self._timeouts += 1
            return None
        except (GitError, OSError):
            return None
        self._timeouts = 0
        return tip


def record(
    began: datetime, claimed: Sequence[Claimed], tips: Mapping[int, str | None], interval: float
) -> list[Decision]:
    """Decide about the *claimed* checkouts, queue runs, and record the polls; in one transaction."""
    with transaction.atomic():
        found = Checkout.objects.filter(pk__in=[each.checkout.pk for each in claimed])
        locked = _with_runs(found).select_for_update(of=("self",), no_key=True).order_by("pk")
        rows = {checkout.pk: _row(checkout) for checkout in locked}
        now = timezone.now()
        decisions = {
            pk: decide(began, each.row, now, rows[pk], tips[pk], interval)
            for each in claimed
            if (pk := each.checkout.pk) in rows
        }
        waits = {pk: vary(each.wait, random.random()) for pk, each in decisions.items()}  # noqa: S311 - only spreads load
        with connection.cursor() as cursor:
            cursor.execute(
                _UPDATE,
                (
                    list(decisions),
                    [now + timedelta(seconds=waits[pk]) for pk in decisions],
                    [each.failures for each in decisions.values()],
                    [each.is_news for each in decisions.values()],
                    [each.unannounced for each in decisions.values()],
                    [now] * len(decisions),
                ),
            )
        for urgent, priority in ((True, 0), (False, ROUTINE)):
            runs = [pk for pk, each in decisions.items() if each.run and each.urgent is urgent]
            queue_checkouts(runs, "poll", priority=priority)
    return list(decisions.values())


def _with_runs(checkouts: CheckoutQuerySet) -> CheckoutQuerySet:
    last = Run.objects.all().newest_per_checkout("started_at")
    return checkouts.select_related("repo__proposal").annotate(ran_at=last)


def _row(checkout: Checkout) -> Row:
    return Row(
        checkout.managed,
        checkout.tip,
        checkout.poll_failures,
        checkout.unannounced_at,
        checkout.rung_at,
        checkout.repo.hook_heard_at,
        checkout.ran_at,  # type: ignore[attr-defined]  # `_with_runs`
    )
