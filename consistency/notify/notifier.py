"""Sends what is due to each receiver: at the end of a run, or by `manage.py send_notifications`.

Each episode is recorded for a receiver (`Notification`) before it is sent: if the receiver does not take the message, a
later one has it, together with all that happened in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone

from consistency.core.codes import Severity
from consistency.db import notifications
from consistency.db.notifications import Undelivered
from consistency.models import Receiver, Subject
from consistency.notify.delivery import Delivery, deliver
from consistency.notify.digest import WEEK, last_week, make_digest
from consistency.notify.messages import Row, make_message
from consistency.notify.receivers import Address, Channel, parse_address
from statehub.standard_webhooks import make_secret
from statehub.text import escape_unstorable


class Result(NamedTuple):
    """The result for one receiver: the subjects of the messages that it took, and why it did not take one, or ''.

    `retry_at` is set if it was not tried now, because it failed lately.
    """

    name: str
    sent: tuple[str, ...] = ()
    error: str = ""
    retry_at: datetime | None = None


class _Due(NamedTuple):
    """One message that is due, and the rows that it is about."""

    receiver: Receiver
    delivery: Delivery
    rows: list[Undelivered]


def send_notifications() -> list[Result]:
    """Send each receiver of the settings what is due, and return the results of those that something is due to.

    A receiver that another process is sending to is left out. Raises django.db.Error.
    """
    now, leased, due, results = timezone.now(), list[Receiver](), list[_Due](), list[Result]()
    notifications.record_ends(now)
    try:
        for address in map(parse_address, settings.STATEHUB_NOTIFY):
            receiver = _find(address)
            if not _record_new(receiver, now):
                continue
            if notifications.lease(receiver, now):
                leased.append(receiver)
                due += _messages(address, receiver)
            elif receiver.retry_at is not None and receiver.retry_at > now:
                results.append(Result(receiver.name, (), receiver.error, receiver.retry_at))
        errors = deliver([each.delivery for each in due])
        tried = [receiver for receiver in leased if any(each.receiver is receiver for each in due)]
        return [*results, *(_record(receiver, due, errors) for receiver in tried)]
    finally:
        for receiver in leased:
            notifications.release(receiver)


def read_secrets() -> list[tuple[str, str]]:
    """Return name and secret of each webhook of the settings; a new one gets its secret now."""
    addresses = [parse_address(text) for text in settings.STATEHUB_NOTIFY]
    return [(each.name, _find(each).secret) for each in addresses if each.channel is Channel.WEBHOOK]


def replace_secrets() -> list[tuple[str, str]]:
    """Give each webhook of the settings a new secret, and return name and secret of each."""
    for address in map(parse_address, settings.STATEHUB_NOTIFY):
        if address.channel is Channel.WEBHOOK:
            notifications.replace_secret(_find(address), make_secret(), timezone.now())
    return read_secrets()


def _find(address: Address) -> Receiver:
    return notifications.find_receiver(address.hash, address.name, make_secret())


def _valid_secrets(receiver: Receiver) -> tuple[str, ...]:
    """Return the secrets that sign messages to *receiver* now, the newest first."""
    until = receiver.previous_until
    return (receiver.secret, receiver.previous_secret) if until and until > timezone.now() else (receiver.secret,)


def _record_new(receiver: Receiver, now: datetime) -> bool:
    """Record the new episodes for *receiver* if it is time to send them; return whether there is something to send."""
    new = notifications.new_episodes(receiver, now, timedelta(hours=settings.STATEHUB_OVERDUE_HOURS))
    week = last_week(now) if settings.STATEHUB_NOTIFY_DIGEST else None
    has_digest = week is not None and notifications.add_digest(receiver, week, week + WEEK)
    has_failed, first_end = notifications.read_backlog(receiver)
    waiting = [each.due_at for each in new] + ([first_end] if first_end is not None else [])
    gather = timedelta(seconds=settings.STATEHUB_NOTIFY_GATHER_SECONDS)
    is_due = has_failed or (bool(waiting) and min(waiting) + gather <= now)
    if is_due:
        notifications.add_notifications(receiver, new)
    return is_due or has_digest


def _messages(address: Address, receiver: Receiver) -> list[_Due]:
    """Return the messages that are due to *receiver*: one about all its episodes, one with the digest."""
    undelivered, secrets, found = notifications.read_undelivered(receiver), _valid_secrets(receiver), list[_Due]()
    episodes = [row for row in undelivered if row.subject != Subject.DIGEST]
    digests = [row for row in undelivered if row.subject == Subject.DIGEST]
    if episodes:
        message = make_message(address.hash, map(_describe, episodes))
        found.append(_Due(receiver, Delivery(address, secrets, message), episodes))
    if digests:  # Of several weeks, for a receiver that was down, the last one.
        message = make_digest(address.hash, digests[-1].since, settings.STATEHUB_NOTIFY_DIGEST or "repo")
        found.append(_Due(receiver, Delivery(address, secrets, message), digests))
    return found


def _record(receiver: Receiver, due: Iterable[_Due], errors: Iterable[str]) -> Result:
    """Record which of the messages *due* the *receiver* has taken; *errors* has '' or the error of each."""
    sent, failed, name = list[str](), "", receiver.name
    for each, error in zip(due, errors, strict=True):
        if each.receiver is not receiver:
            continue
        if error:
            failed = error
        else:
            notifications.record_delivery(each.rows, timezone.now())
            sent.append(each.delivery.message.subject)
    notifications.record_attempt(receiver, escape_unstorable(failed), timezone.now())
    return Result(name, tuple(sent), failed)


def _describe(notification: Undelivered) -> Row:
    """Return the *notification* as a message has it."""
    kind = notification.subject
    if kind == Subject.FINDING:  # A check may have reported a gate as INFO since it was sent as WARN.
        kind = "FAIL" if notification.severity == Severity.FAIL else "WARN"
    return Row(
        notification.episode, kind, notification.repo or "", notification.since, notification.ended_at,
        notification.code or "", notification.message or "", notification.host or "", notification.path or "",
        notification.file or "", notification.line, notification.workplan or "", notification.task or "",
        notification.page or "",
    )  # fmt: skip
