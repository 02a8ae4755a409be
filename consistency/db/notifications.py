"""The database side of notifications: the episodes that are due, their deliveries, and the receivers that are busy.

An episode begins when something starts to matter and ends when it is over. Each receiver has one row for it, which a
constraint keeps unique: it is sent once, whatever the number of processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from consistency.core.codes import Severity
from consistency.db.ledger import batches
from consistency.db.overdue import select_overdue
from consistency.models import Finding, Notification, Proposal, Receiver, Run, Subject
from statehub.models import Checkout

WARN_AGE = timedelta(days=1)
"""How long a finding of severity WARN is open before it is sent."""

LEASE = timedelta(minutes=5)
"""How long a receiver is kept for a process that may have died; longer than any sending takes."""

OVERLAP = timedelta(days=1)
"""How long messages are also signed with a secret that was replaced."""

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (0, 0, 0, 5, 30, 120, 360))
"""The times until a receiver that failed is tried again, after the first failure in a row, the second, and so on."""

UNDELIVERED = Q(delivered_at=None) | Q(ended_at__isnull=False, end_delivered_at=None)
"""The notifications that their receiver has not taken, or not their end."""


class Episode(NamedTuple):
    """Something that matters since `since` and is due from `due_at` on. One of the ids at the end names its row."""

    key: str
    subject: Subject
    since: datetime
    due_at: datetime
    finding: int | None = None
    checkout: int | None = None
    repo: int | None = None


class Undelivered(NamedTuple):
    """One notification that was not delivered, or whose end was not, with its finding, checkout or proposal."""

    pk: int
    episode: str
    subject: str
    since: datetime
    delivered_at: datetime | None
    ended_at: datetime | None
    repo: str | None
    host: str | None
    path: str | None
    severity: str | None
    code: str | None
    message: str | None
    file: str | None
    line: int | None
    workplan: str | None
    task: str | None
    page: str | None


def _of_checkout(column: str) -> Coalesce:
    return Coalesce(f"finding__checkout__{column}", f"checkout__{column}")


_COLUMNS = (
    "pk", "episode", "subject", "since", "delivered_at", "ended_at",
    Coalesce("finding__checkout__repo__slug", "checkout__repo__slug", "repo__slug"), _of_checkout("host"),
    _of_checkout("path"), "finding__severity", "finding__code", "finding__message", "finding__file", "finding__line",
    "finding__workplan", "finding__task", "repo__proposal__page",
)  # fmt: skip
"""The columns of `Undelivered`."""


def find_receiver(address_hash: str, name: str, secret: str) -> Receiver:
    """Return the row of a receiver; the first time it is created, with the *secret*."""
    found = Receiver.objects.filter(address_hash=address_hash).first()
    if found is None:
        found, _ = Receiver.objects.get_or_create(address_hash=address_hash, defaults={"name": name, "secret": secret})
    return found


def replace_secret(receiver: Receiver, secret: str, now: datetime) -> None:
    """Give *receiver* a new *secret*; the one until now stays valid for `OVERLAP`."""
    row = Receiver.objects.filter(pk=receiver.pk)
    row.update(previous_secret=receiver.secret, previous_until=now + OVERLAP, secret=secret)


def lease(receiver: Receiver, now: datetime) -> bool:
    """Keep *receiver* for this process until `release`; return False if another one has it, or if it failed lately."""
    is_free = (Q(busy_until=None) | Q(busy_until__lt=now)) & (Q(retry_at=None) | Q(retry_at__lte=now))
    return bool(Receiver.objects.filter(is_free, pk=receiver.pk).update(busy_until=now + LEASE))


def release(receiver: Receiver) -> None:
    """Let other processes send to *receiver* again."""
    Receiver.objects.filter(pk=receiver.pk).update(busy_until=None)


def record_delivery(rows: Iterable[Undelivered], now: datetime) -> None:
    """Record that their receiver has taken the message about *rows*, as they were when it was written."""
    listed = list(rows)
    for ids in batches([row.pk for row in listed if row.delivered_at is None]):
        Notification.objects.filter(pk__in=ids).update(delivered_at=now)
    for ids in batches([row.pk for row in listed if row.ended_at is not None]):
        Notification.objects.filter(pk__in=ids).update(end_delivered_at=now)


def record_attempt(receiver: Receiver, error: str, now: datetime) -> None:
    """Record why *receiver* has not taken a message, and when it is tried again; '' if it has taken all."""
    row = Receiver.objects.filter(pk=receiver.pk)
    if error:
        pause = PAUSES[min(receiver.failures, len(PAUSES) - 1)]
        since = Coalesce("failing_since", now)
        row.update(failures=F("failures") + 1, failing_since=since, error=error, retry_at=now + pause)
    elif receiver.failures:
        row.update(failures=0, failing_since=None, error="", retry_at=None)


def record_ends(now: datetime) -> None:
    """Record the ends of the episodes that receivers have a row for; remove the rows of findings that were deleted."""
    unfinished = Notification.objects.filter(end_delivered_at=None).exclude(subject=Subject.DIGEST)
    if not unfinished.exists():
        return
    unfinished.filter(~Exists(Finding.objects.filter(pk=OuterRef("finding"))), subject=Subject.FINDING).delete()
    lasting = unfinished.filter(ended_at=None)
    resolved = Finding.objects.filter(pk=OuterRef("finding")).values("resolved_at")[:1]
    lasting.filter(subject=Subject.FINDING, finding__resolved_at__isnull=False).update(ended_at=Subquery(resolved))
    later = Run.objects.finished().filter(checkout=OuterRef("checkout"), started_at__gt=OuterRef("since"))
    is_retired = Exists(Checkout.objects.retired().filter(pk=OuterRef("checkout")))
    lasting.filter(Exists(later) | is_retired, subject=Subject.OVERDUE).update(ended_at=now)
    waiting = Proposal.objects.filter(repo=OuterRef("repo"), proposed_at=OuterRef("since"))
    lasting.filter(~Exists(waiting), subject=Subject.PROPOSAL).update(ended_at=now)


def prune_notifications(before: datetime) -> None:
    """Delete the rows of episodes of which receivers got the end before *before*."""
    Notification.objects.filter(end_delivered_at__lt=before).delete()


def new_episodes(receiver: Receiver, now: datetime, overdue_age: timedelta) -> list[Episode]:
    """List the episodes that matter now and that *receiver* has no row for."""
    others = {each.key: each for each in (*_overdue(now, overdue_age), *_proposals())}
    for keys in batches(list(others)):
        known = Notification.objects.filter(receiver=receiver, episode__in=keys)
        for key in known.values_list("episode", flat=True):
            del others[key]
    return [*_findings(receiver, now), *others.values()]


def _findings(receiver: Receiver, now: datetime) -> Iterator[Episode]:
    matters = Q(severity=Severity.FAIL) | Q(severity=Severity.WARN, first_seen__lte=now - WARN_AGE)
    known = Notification.objects.filter(receiver=receiver, finding=OuterRef("pk"))
    rows = Finding.objects.open().filter(matters, ~Exists(known)).order_by("first_seen", "pk")
    for pk, severity, since in rows.values_list("pk", "severity", "first_seen"):
        due_at = since if severity == Severity.FAIL else since + WARN_AGE
        yield Episode(f"finding:{pk}", Subject.FINDING, since, due_at, finding=pk)


def _overdue(now: datetime, age: timedelta) -> Iterator[Episode]:
    rows = select_overdue(now - age).order_by("pk")
    for pk, finished, created in rows.values_list("pk", "finished", "created_at"):
        since = finished or created
        yield Episode(f"overdue:{pk}:{since.isoformat()}", Subject.OVERDUE, since, since + age, checkout=pk)


def _proposals() -> Iterator[Episode]:
    waiting = Proposal.objects.exclude(proposed_at=None).order_by("pk")
    rows: QuerySet[Any, Any] = waiting.values_list("repo", "proposed_at")
    for repo, since in rows:
        yield Episode(f"proposal:{repo}:{since.isoformat()}", Subject.PROPOSAL, since, since, repo=repo)


def add_digest(receiver: Receiver, start: datetime, end: datetime) -> bool:
    """Add a row for the digest of the week from *start* to *end*; return whether it is undelivered.

    A receiver that is newer than the week gets none.
    """
    key = f"digest:{start.date().isoformat()}"
    row = Notification.objects.filter(receiver=receiver, episode=key).first()
    if row is None and receiver.created_at < end:
        add_notifications(receiver, [Episode(key, Subject.DIGEST, start, end)])
        return True
    return row is not None and row.delivered_at is None


def add_notifications(receiver: Receiver, episodes: Iterable[Episode]) -> None:
    """Add a row for each of *episodes* that has none: from then on it is sent, even if it ends first."""
    rows = [
        Notification(
            receiver=receiver, episode=each.key, subject=each.subject, since=each.since, finding_id=each.finding,
            checkout_id=each.checkout, repo_id=each.repo,
        )
        for each in episodes
    ]  # fmt: skip
    Notification.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)


def read_backlog(receiver: Receiver) -> tuple[bool, datetime | None]:
    """Return whether an episode was recorded and not delivered, and the first end that was not."""
    rows = Notification.objects.filter(UNDELIVERED, receiver=receiver).exclude(subject=Subject.DIGEST)
    new = Count("pk", filter=Q(delivered_at=None))
    found = rows.aggregate(new=new, first_end=Min("ended_at"))
    return bool(found["new"]), found["first_end"]


def read_undelivered(receiver: Receiver) -> list[Undelivered]:
    """List the episodes that *receiver* is to get a message about: new ones, and ends of those that it knows."""
    rows = Notification.objects.filter(UNDELIVERED, receiver=receiver).order_by("since", "pk")
    return [Undelivered(*row) for row in rows.values_list(*_COLUMNS)]
