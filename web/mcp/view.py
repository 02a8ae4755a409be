"""The MCP endpoint: each message is one POST with an API token, answered with JSON."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from consistency.mcp.protocol import answer
from consistency.mcp.tools import Caller
from statehub.models import Source
from web.api.authentication import authenticate
from web.api.parsers import read_body
from web.api.problems import METHOD_NOT_ALLOWED, NOT_FOUND, WRONG_ORIGIN, ProblemError, database_problem


@csrf_exempt  # A token is sent with every message, and no cookie counts.
def mcp(request: HttpRequest) -> HttpResponse:
    """Answer one message."""
    try:
        return _respond(request)
    except ProblemError as problem:
        return problem.response()
    except DatabaseError as error:
        return database_problem(error).response()


@csrf_exempt
def no_oauth(request: HttpRequest) -> HttpResponse:
    """Answer the search for an OAuth server: there is none, tokens come from `create_token`."""
    return ProblemError(NOT_FOUND, f"there is no {request.path}: State Hub takes API tokens, not OAuth").response()


def _respond(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        detail = f"{request.method} is not allowed here; POST is"
        raise ProblemError(METHOD_NOT_ALLOWED, detail, allowed=["POST"], headers={"Allow": "POST"})
    _check_origin(request)
    token = authenticate(request)
    caller = Caller(token.name, Source.API, is_read_only=token.read_only)
    reply = answer(read_body(request), caller, request.headers)
    if reply.body is None:
        return HttpResponse(status=reply.status)
    return HttpResponse(reply.text, content_type="application/json", status=reply.status)


def _check_origin(request: HttpRequest) -> None:
    """Raise ProblemError for a page of another site that calls from a browser."""
    origin = request.headers.get("Origin")
    if origin is None or origin in settings.CSRF_TRUSTED_ORIGINS or urlsplit(origin).netloc == request.get_host():
        return
    raise ProblemError(WRONG_ORIGIN, "a page of another origin may not call; CSRF_TRUSTED_ORIGINS allows origins")
