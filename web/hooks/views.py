"""The endpoint that forges deliver to: POST /hooks/ID. The path names the repo, the signature proves the sender.

The payload is trusted for nothing and never parsed: a delivery only makes the hub look at the repo's remote itself.
"""

from __future__ import annotations

import logging
from typing import NoReturn
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from statehub.models import Forge
from statehub.text import escape_control
from web.api.problems import INVALID_SIGNATURE, MALFORMED, ProblemError
from web.api.throttling import report_failure
from web.hooks.deliveries import record_delivery, record_refusal
from web.hooks.forges import EVENT_HEADERS
from web.hooks.signatures import Verification
from web.hooks.webhooks import list_secrets
from web.middleware.problems import read_size
from web.models import Webhook

log = logging.getLogger("statehub.hooks")

MAX_BODY_BYTES = 25 * 1024 * 1024
"""Bytes of the largest body: no forge sends a larger payload than GitHub's limit."""

PIECE_BYTES = 64 * 1024

MAX_EVENT_LENGTH = 100

CHALLENGE = 'HMAC-SHA256 realm="State Hub"'


@csrf_exempt
def deliver(request: HttpRequest, name: str) -> HttpResponse:
    """Accept or refuse the delivery to the webhook *name*, its id."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    webhook = _find_webhook(name)
    try:
        _verify(request, webhook)
    except ProblemError as problem:
        return problem.response()
    event = request.headers.get(EVENT_HEADERS[webhook.forge], "")
    queued = record_delivery(webhook, escape_control(event)[:MAX_EVENT_LENGTH])
    return JsonResponse({"queued": queued}, status=202)


def _find_webhook(name: str) -> Webhook:
    """Return the webhook with that id, or one that is not in the database, has no secret and refuses everything."""
    try:
        pk = UUID(name)
    except ValueError:
        pk = UUID(int=0)
    return Webhook.objects.filter(pk=pk).first() or Webhook(pk=pk, forge=Forge.GENERIC)


def _verify(request: HttpRequest, webhook: Webhook) -> None:
    """Read the body of *request* and check its signature. Raises ProblemError."""
    try:
        announced = read_size(request, MAX_BODY_BYTES)
    except ProblemError as problem:
        _refuse(request, webhook, problem, problem.detail)
    verification = Verification(webhook.forge, list_secrets(webhook), request.headers)
    if (size := _read_body(request, verification)) < announced:
        detail = f"the body ends after {size} of {announced} bytes"
        _refuse(request, webhook, ProblemError(MALFORMED, detail), detail)
    if not verification.is_valid():
        detail = "the webhook is unknown, or the signature is not made with its secret"
        refusal = ProblemError(INVALID_SIGNATURE, detail, headers={"WWW-Authenticate": CHALLENGE})
        _refuse(request, webhook, refusal, verification.explain())


def _read_body(request: HttpRequest, verification: Verification) -> int:
    """Pass the body of *request* to *verification*. Return its size in bytes."""
    size = 0
    try:
        while piece := request.read(PIECE_BYTES):
            verification.update(piece)
            size += len(piece)
    except UnreadablePostError:
        pass  # The client is gone, and the body shorter than announced.
    return size


def _refuse(request: HttpRequest, webhook: Webhook, problem: ProblemError, reason: str) -> NoReturn:
    """Record the refusal with its *reason* and raise *problem*, or another one if there were too many."""
    failure = record_refusal(webhook.pk, str(request.META.get("REMOTE_ADDR", "")), reason)
    report_failure(request, failure, "a delivery", reason, log)
    raise problem
