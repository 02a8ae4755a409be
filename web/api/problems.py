"""Every refusal of the API: one table of kinds, and the problem document (RFC 9457) that tells of one."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse

from statehub.database_errors import Trouble
from statehub.errors import StateHubError

logger = logging.getLogger(__name__)

RETRY_SECONDS = "5"

MEDIA_TYPE = "application/problem+json"
PROBLEM_TYPES_URL = "/api/problems/"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of refusal; its name is the fragment of the document's `type`."""

    name: str
    status: int
    title: str


MALFORMED = ProblemType("malformed", 400, "The body cannot be read")
BAD_REQUEST = ProblemType("bad-request", 400, "Bad request")
NOT_AUTHENTICATED = ProblemType("no-token", 401, "A token is needed")
INVALID_TOKEN = ProblemType("bad-token", 401, "Invalid token")
READ_ONLY = ProblemType("read-only", 403, "The token may only read")
NOT_FOUND = ProblemType("not-found", 404, "Not found")
UNKNOWN_TASK = ProblemType("unknown-task", 404, "Task not found or ambiguous")
METHOD_NOT_ALLOWED = ProblemType("wrong-method", 405, "Method not allowed")
WOULD_REGRESS = ProblemType("would-regress", 409, "The status would go backwards")
CONFLICT = ProblemType("busy", 409, "Conflict with a concurrent change")
LENGTH_REQUIRED = ProblemType("length-required", 411, "Content-Length is required")
PRECONDITION_FAILED = ProblemType("moved-on", 412, "The task has changed since that version")
TOO_LARGE = ProblemType("too-large", 413, "The body is too large")
UNSUPPORTED_MEDIA_TYPE = ProblemType("wrong-type", 415, "The body must be JSON")
VALIDATION_ERROR = ProblemType("invalid", 422, "The request is not valid")
KEY_REUSED = ProblemType("key-reused", 422, "The Idempotency-Key was used for another request")
TOO_MANY_REQUESTS = ProblemType("too-many-refusals", 429, "Too many failed authentication attempts")
INTERNAL_ERROR = ProblemType("fault", 500, "Internal server error")
UNAVAILABLE = ProblemType("unavailable", 503, "The database is unavailable")

PROBLEM_TYPES: tuple[ProblemType, ...] = (
    MALFORMED,
    BAD_REQUEST,
    NOT_AUTHENTICATED,
    INVALID_TOKEN,
    READ_ONLY,
    NOT_FOUND,
    UNKNOWN_TASK,
    METHOD_NOT_ALLOWED,
    WOULD_REGRESS,
    CONFLICT,
    LENGTH_REQUIRED,
    PRECONDITION_FAILED,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    VALIDATION_ERROR,
    KEY_REUSED,
    TOO_MANY_REQUESTS,
    INTERNAL_ERROR,
    UNAVAILABLE,
)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong: in which part, where in it, what, and what is allowed there.

    `where` is a JSON pointer (RFC 6901) in a body, else the parameter's or header's name.
    """

    part: str
    where: str
    detail: str
    allowed: Sequence[str] = ()
    status: int | None = None

    def document(self) -> dict[str, Any]:
        """The fault as the problem document has it."""
        said: dict[str, Any] = {"in": self.part, "where": self.where, "detail": self.detail}
        if self.allowed:
            said["allowed"] = list(self.allowed)
        return said if self.status is None else {**said, "status": self.status}


@dataclass(eq=False)
class ProblemError(StateHubError):
    """A refusal on its way out. `more` are further members of the document, as JSON has them."""

    kind: ProblemType
    detail: str
    faults: Sequence[FieldError] = ()
    allowed: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The problem document."""
        said: dict[str, Any] = {
            "type": f"{PROBLEM_TYPES_URL}#{self.kind.name}",
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
        }
        if self.allowed:
            said["allowed"] = list(self.allowed)
        if self.faults:
            said["errors"] = [fault.document() for fault in self.faults]
        return {**said, **self.more}

    def response(self) -> HttpResponse:
        """The problem as it is answered."""
        headers = dict(self.headers)
        return HttpResponse(
            json.dumps(self.document()), status=self.kind.status, content_type=MEDIA_TYPE, headers=headers
        )


def unavailable(trouble: Trouble) -> ProblemError:
    """The refusal while the database cannot serve; the log tells more than the caller is told."""
    logger.error("%s", trouble.line)
    return ProblemError(UNAVAILABLE, trouble.public, headers={"Retry-After": RETRY_SECONDS})


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
    """All kinds there are: what the `type` of a problem document leads to."""
    listed = [
        {"type": f"{PROBLEM_TYPES_URL}#{kind.name}", "status": kind.status, "title": kind.title}
        for kind in PROBLEM_TYPES
    ]
    return HttpResponse(json.dumps(listed, indent=1), content_type="application/json")
