"""Idempotency keys: a repeated call answers as the first did, and does nothing."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from web.api.problems import CONFLICT, KEY_REUSED, ProblemError
from web.models import ApiToken, IdempotencyRecord

RETENTION = timedelta(days=7)
PURGE_INTERVAL = 100  # kept answers; then twice as many go at most, so that no call pays for more than its share
REPLAYED = "Idempotent-Replayed"


@dataclass(frozen=True)
class StoredResponse:
    """An answer as plain values, so that it can be kept."""

    body: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> HttpResponse:
        """The answer as it is sent."""
        headers = {"Content-Type": "application/json", **self.headers}
        return HttpResponse(self.body, status=self.status, headers=headers)


Work = Callable[[], StoredResponse]


def run_idempotent(request: HttpRequest, token: ApiToken, key: str | None, work: Work) -> HttpResponse:
    """What *work* answers, in one transaction; with a *key*, what the first call with it answered.

    Refusals are kept like any other answer: a report refused once stays refused, even if it would pass by now. Only
    "try again" is not kept.
    Raises Problem.
    """
    if key is None:
        with transaction.atomic():
            return work().response()
    with transaction.atomic():
        claim = uuid.uuid4()
        asked = _fingerprint(request)
        # Where another call with the key is under way, PostgreSQL waits here until that has ended; SQLite waited when
        # the transaction began. Only then can be told whose row it is.
        IdempotencyRecord.objects.bulk_create(
            [IdempotencyRecord(token=token, key=key, claim=claim, request=asked)], ignore_conflicts=True
        )
        row = IdempotencyRecord.objects.get(token=token, key=key)
        if row.claim == claim:
            given = _attempt(work)
            row.status, row.headers, row.body = given.status, dict(given.headers), given.body
            row.save(update_fields=["status", "headers", "body"])
        elif row.request != asked:
            raise ProblemError(
                KEY_REUSED, "this Idempotency-Key was used for another request; use a new one for each request"
            )
        else:
            given = StoredResponse(row.body, row.status, {**row.headers, REPLAYED: "true"})
    if row.claim == claim and row.pk % PURGE_INTERVAL == 0:
        purge_expired()
    return given.response()


def _attempt(work: Work) -> StoredResponse:
    """The answer of *work*; where it refuses, that as an answer, with nothing of its doing left."""
    try:
        with transaction.atomic():
            return work()
    except ProblemError as problem:
        if problem.kind is CONFLICT:  # To be tried again, with the same key: then it must not stay refused.
            raise
        response = problem.response()
        headers = {name: str(value) for name, value in response.headers.items()}
        return StoredResponse(response.content.decode(), response.status_code, headers)


def _fingerprint(request: HttpRequest) -> str:
    parts = (str(request.method), request.path, request.headers.get("If-Match", ""))
    return hashlib.sha256("\0".join(parts).encode(errors="replace") + b"\0" + request.body).hexdigest()


def purge_expired() -> None:
    """Forget the oldest answers that no longer need to be kept."""
    with transaction.atomic():
        rows: Any = IdempotencyRecord.objects.filter(at__lt=timezone.now() - RETENTION).order_by("at")
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True)
        IdempotencyRecord.objects.filter(pk__in=list(rows.values_list("pk", flat=True)[: 2 * PURGE_INTERVAL])).delete()
