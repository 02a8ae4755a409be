"""Every refusal of the API: one table of kinds, and the problem document (RFC 9457) that tells of one."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse

from statehub.database_errors import Trouble

logger = logging.getLogger(__name__)

RETRY_SECONDS = "5"

MEDIA_TYPE = "application/problem+json"
KINDS_URL = "/api/problems/"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of refusal; its name is the fragment of the document's `type`."""

    name: str
    status: int
    title: str


MALFORMED = Kind("malformed", 400, "The body cannot be read")
BAD_REQUEST = Kind("bad-request", 400, "The request cannot be read")
NO_TOKEN = Kind("no-token", 401, "A token is needed")
BAD_TOKEN = Kind("bad-token", 401, "The token opens nothing")
READ_ONLY = Kind("read-only", 403, "The token may only read")
NOT_FOUND = Kind("not-found", 404, "Nothing is there")
UNKNOWN_TASK = Kind("unknown-task", 404, "No one task goes by that name")
WRONG_METHOD = Kind("wrong-method", 405, "The method is not allowed here")
WOULD_REGRESS = Kind("would-regress", 409, "The task is further along")
BUSY = Kind("busy", 409, "Somebody else was at it")
LENGTH_REQUIRED = Kind("length-required", 411, "The body's length must be said")
MOVED_ON = Kind("moved-on", 412, "The task has moved on")
TOO_LARGE = Kind("too-large", 413, "The body is too large")
WRONG_TYPE = Kind("wrong-type", 415, "The body must be JSON")
INVALID = Kind("invalid", 422, "The request is not valid")
KEY_REUSED = Kind("key-reused", 422, "The Idempotency-Key was used for another request")
TOO_MANY = Kind("too-many-refusals", 429, "Too many refused tokens")
FAULT = Kind("fault", 500, "State Hub has a fault")
UNAVAILABLE = Kind("unavailable", 503, "The database does not answer")

KINDS: tuple[Kind, ...] = (
    MALFORMED, BAD_REQUEST, NO_TOKEN, BAD_TOKEN, READ_ONLY, NOT_FOUND, UNKNOWN_TASK, WRONG_METHOD, WOULD_REGRESS, BUSY,
    LENGTH_REQUIRED, MOVED_ON, TOO_LARGE, WRONG_TYPE, INVALID, KEY_REUSED, TOO_MANY, FAULT, UNAVAILABLE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
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
class Problem(Exception):
    """A refusal on its way out. `more` are further members of the document, as JSON has them."""

    kind: Kind
    detail: str
    faults: Sequence[Fault] = ()
    allowed: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The problem document."""
        said: dict[str, Any] = {
            "type": f"{KINDS_URL}#{self.kind.name}",
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


def unavailable(trouble: Trouble) -> Problem:
    """The refusal while the database cannot serve; the log tells more than the caller is told."""
    logger.error("%s", trouble.line)
    return Problem(UNAVAILABLE, trouble.public, headers={"Retry-After": RETRY_SECONDS})


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
    listed = [{"type": f"{KINDS_URL}#{kind.name}", "status": kind.status, "title": kind.title} for kind in KINDS]
    return HttpResponse(json.dumps(listed, indent=1), content_type="application/json")
