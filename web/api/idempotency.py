"""Idempotency keys: a repeated call gets the answer of the first and does nothing."""

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
PURGE_INTERVAL = 100  # new records between purges of at most twice as many: no call pays for more than its share
REPLAYED = "Idempotent-Replayed"


@dataclass(frozen=True)
class StoredResponse:
    """An answer as plain values, so that it can be stored."""

    body: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> HttpResponse:
        """Return the answer to send."""
        headers = {"Content-Type": "application/json", **self.headers}
        return HttpResponse(self.body, status=self.status, headers=headers)


Handler = Callable[[], StoredResponse]


def run_idempotent(request: HttpRequest, token: ApiToken, key: str | None, handler: Handler) -> HttpResponse:
    """Return the answer of *handler*, run in a transaction, or of the first call with the same *key*.

    A refusal is stored like any other answer: a report once refused stays refused, even if it would pass now. Only "try
    again" is not stored. Raises ProblemError.
    """
    if key is None:
        with transaction.atomic():
            return handler().response()
    with transaction.atomic():
        claim = uuid.uuid4()
        fingerprint = _fingerprint(request)
        # If another call with the key is running, PostgreSQL waits here until that has ended; SQLite has waited at the
        # beginning of the transaction. Only then is it known which call made the row.
        IdempotencyRecord.objects.bulk_create(
            [IdempotencyRecord(token=token, key=key, claim=claim, request=fingerprint)], ignore_conflicts=True
        )
        row = IdempotencyRecord.objects.get(token=token, key=key)
        if row.claim == claim:
            answer = _attempt(handler)
            row.status = answer.status
            row.headers = dict(answer.headers)
            row.body = answer.body
            row.save(update_fields=["status", "headers", "body"])
        elif row.request != fingerprint:
            raise ProblemError(
                KEY_REUSED, "this Idempotency-Key was used for another request; use a new one for each request"
            )
        else:
            answer = StoredResponse(row.body, row.status, {**row.headers, REPLAYED: "true"})
    if row.claim == claim and row.pk % PURGE_INTERVAL == 0:
        purge_expired()
    return answer.response()


def _attempt(handler: Handler) -> StoredResponse:
    """Return the answer of *handler*, or its refusal, with its changes rolled back."""
    try:
        with transaction.atomic():
            return handler()
    except ProblemError as problem:
        if problem.kind is CONFLICT:  # To be tried again with the same key, so it must not stay refused.
            raise
        response = problem.response()
        headers = {name: str(value) for name, value in response.headers.items()}
        return StoredResponse(response.content.decode(), response.status_code, headers)


def _fingerprint(request: HttpRequest) -> str:
    parts = (str(request.method), request.path, request.headers.get("If-Match", ""))
    return hashlib.sha256("\0".join(parts).encode(errors="replace") + b"\0" + request.body).hexdigest()


def purge_expired() -> None:
    """Delete the oldest answers beyond RETENTION."""
    with transaction.atomic():
        rows: Any = IdempotencyRecord.objects.filter(at__lt=timezone.now() - RETENTION).order_by("at")
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True)
        IdempotencyRecord.objects.filter(pk__in=list(rows.values_list("pk", flat=True)[: 2 * PURGE_INTERVAL])).delete()
