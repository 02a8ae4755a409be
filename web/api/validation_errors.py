"""Turns pydantic's validation errors into those of a problem document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from web.api.problems import VALIDATION_ERROR, FieldError, ProblemError
from web.api.schemas import FIELDS, NO_NUL, NOT_BLANK

_PATTERNS = {NO_NUL: "must not contain NUL", NOT_BLANK: "must not be blank or contain NUL"}
_MESSAGES = {
    "missing": "is required",
    "model_attributes_type": "must be an object",
    "model_type": "must be an object",
    "list_type": "must be an array",
    "string_unicode": "is not valid text: it contains an unpaired surrogate",
}
_QUOTED = re.compile(r"'([^']*)'")


def invalid(errors: Iterable[Mapping[str, Any]]) -> ProblemError:
    """Return the refusal for pydantic's *errors*, whose `loc` begins with the part of the request."""
    found = [_field_error(error) for error in errors]
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    detail = f"{first.part} {first.where or 'as a whole'}: {first.detail}{more}"
    return ProblemError(VALIDATION_ERROR, detail, errors=found)


def _field_error(error: Mapping[str, Any]) -> FieldError:
    part, *path = error["loc"]
    tags = [step for step in path if step in FIELDS]
    detail = _detail(error, tags)
    if part != "body":
        names = [step for step in path if isinstance(step, str)]  # the others are indexes in a list
        return FieldError(part, names[-1] if names else "", detail, _allowed(error, tags))
    steps = [step for step in path[1:] if step not in FIELDS]  # the first is the name of our own argument
    pointer = "".join(f"/{_escape(str(step))}" for step in steps)
    return FieldError(part, pointer, detail, _allowed(error, tags, len(steps)))


def _detail(error: Mapping[str, Any], tags: Sequence[str]) -> str:
    field = str(error["loc"][-1])
    if error["type"] == "extra_forbidden":
        if field == "reason" and tags:
            return 'a reason goes only with "reopen": true'
        return "unknown field"
    if error["type"] == "string_pattern_mismatch":
        pattern = error["ctx"]["pattern"]
        return _PATTERNS.get(pattern, f"must match {pattern}")
    return _MESSAGES.get(error["type"], str(error["msg"]))


def _allowed(error: Mapping[str, Any], tags: Sequence[str], depth: int = 0) -> Sequence[str]:
    if error["type"] == "literal_error":
        return _QUOTED.findall(str(error["ctx"]["expected"]))
    if error["type"] == "extra_forbidden" and tags:
        return (*FIELDS[tags[0]], *(("task", "version") if depth == 2 else ()))
    return ()


def _escape(step: str) -> str:
    """Return one step of a JSON pointer (RFC 6901, section 3)."""
    return step.replace("~", "~0").replace("/", "~1")
