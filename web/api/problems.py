"""Every refusal of the API and of webhooks: the table of problem types, and problem documents (RFC 9457)."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse

from statehub.database_errors import DatabaseProblem, Kind, explain_database_error
from statehub.errors import StateHubError

logger = logging.getLogger(__name__)

RETRY_SECONDS = "5"

MEDIA_TYPE = "application/problem+json"
PROBLEM_TYPES_URL = "/api/problems/"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of refusal; *name* is the fragment of the document's `type`."""

    name: str
    status: int
    title: str


PROBLEM_TYPES: list[ProblemType] = []


def _define(name: str, status: int, title: str) -> ProblemType:
    kind = ProblemType(name, status, title)
    PROBLEM_TYPES.append(kind)
    return kind


MALFORMED = _define("malformed", 400, "The body cannot be read")
BAD_REQUEST = _define("bad-request", 400, "Bad request")
NOT_AUTHENTICATED = _define("no-token", 401, "A token is needed")
INVALID_TOKEN = _define("bad-token", 401, "Invalid token")
INVALID_SIGNATURE = _define("bad-signature", 401, "Invalid signature")
READ_ONLY = _define("read-only", 403, "The token may only read")
WRONG_ORIGIN = _define("wrong-origin", 403, "The page is of another origin")
NOT_FOUND = _define("not-found", 404, "Not found")
UNKNOWN_TASK = _define("unknown-task", 404, "Task not found or ambiguous")
METHOD_NOT_ALLOWED = _define("wrong-method", 405, "Method not allowed")
WOULD_REGRESS = _define("would-regress", 409, "The status would go backwards")
CONFLICT = _define("busy", 409, "Conflict with a concurrent change")
LENGTH_REQUIRED = _define("length-required", 411, "Content-Length is required")
PRECONDITION_FAILED = _define("moved-on", 412, "The task has changed since that version")
TOO_LARGE = _define("too-large", 413, "The body is too large")
UNSUPPORTED_MEDIA_TYPE = _define("wrong-type", 415, "The body must be JSON")
VALIDATION_ERROR = _define("invalid", 422, "The request is not valid")
KEY_REUSED = _define("key-reused", 422, "The Idempotency-Key was used for another request")
TOO_MANY_REQUESTS = _define("too-many-refusals", 429, "Too many failed authentication attempts")
INTERNAL_ERROR = _define("fault", 500, "Internal server error")
UNAVAILABLE = _define("unavailable", 503, "The database is unavailable")


@dataclass(frozen=True, slots=True)
class FieldError:
    """One error: in which part of the request, where in it, what is wrong, and what is allowed there.

    `where` is a JSON pointer (RFC 6901) in a body, else the parameter's or header's name.
    """

    part: str
    where: str
    detail: str
    allowed: Sequence[str] = ()
    status: int | None = None

    def document(self) -> dict[str, Any]:
        """Return the error as a member of a problem document."""
        members: dict[str, Any] = {"in": self.part, "where": self.where, "detail": self.detail}
        if self.allowed:
            members["allowed"] = list(self.allowed)
        return members if self.status is None else {**members, "status": self.status}


@dataclass(eq=False)
class ProblemError(StateHubError):
    """A refusal. `more` are further members of the document, as JSON values."""

    kind: ProblemType
    detail: str
    errors: Sequence[FieldError] = ()
    allowed: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the problem document."""
        members: dict[str, Any] = {
            "type": f"{PROBLEM_TYPES_URL}#{self.kind.name}",
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
        }
        if self.allowed:
            members["allowed"] = list(self.allowed)
        if self.errors:
            members["errors"] = [error.document() for error in self.errors]
        return {**members, **self.more}

    def response(self) -> HttpResponse:
        """Return the answer to send."""
        body = json.dumps(self.document())
        return HttpResponse(body, content_type=MEDIA_TYPE, status=self.kind.status, headers=dict(self.headers))


def unavailable(problem: DatabaseProblem) -> ProblemError:
    """Return the refusal while the database cannot serve; the log has more details than the answer."""
    logger.error("%s", problem.line)
    return ProblemError(UNAVAILABLE, problem.public, headers={"Retry-After": RETRY_SECONDS})


def database_problem(error: DatabaseError) -> ProblemError:
    """Return the refusal for *error*. Raises it again if it is a fault of the program."""
    explained = explain_database_error(error)
    if explained.kind is Kind.VALUE:
        return ProblemError(VALIDATION_ERROR, explained.public)
    if explained.is_unavailable:
        return unavailable(explained)
    raise error


SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "A problem document as RFC 9457 defines it. Further members depend on its type.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "allowed": {"type": "array", "items": {"type": "string"}},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["in", "where", "detail"],
                "properties": {
                    "in": {"type": "string", "enum": ["body", "query", "path", "header"]},
                    "where": {"type": "string"},
                    "detail": {"type": "string"},
                    "allowed": {"type": "array", "items": {"type": "string"}},
                    "status": {"type": "integer"},
                },
            },
        },
        "task": {"$ref": "#/components/schemas/Task"},
    },
}


def kinds(_request: HttpRequest) -> HttpResponse:
    """List all problem types: the `type` of a problem document links here."""
    listed = [
        {"type": f"{PROBLEM_TYPES_URL}#{kind.name}", "status": kind.status, "title": kind.title}
        for kind in PROBLEM_TYPES
    ]
    return HttpResponse(json.dumps(listed, indent=1), content_type="application/json")
