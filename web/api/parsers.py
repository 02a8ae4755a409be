"""Reads bodies as strictly as JSON is defined: UTF-8, no key twice, no NaN."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, UnreadablePostError
from ninja.parser import Parser

from web.api.problems import MALFORMED, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, ProblemError

MEDIA_TYPE = "application/json"


class StrictParser(Parser):
    """Accepts JSON only. The framework wraps the ProblemError that it raises in an error of its own."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Return the body's value. Raises ProblemError."""
        return parse_json(read_body(request))


def read_body(request: HttpRequest) -> bytes:
    """Return the body, which must be called JSON. Raises ProblemError."""
    if request.content_type != MEDIA_TYPE:
        raise ProblemError(
            UNSUPPORTED_MEDIA_TYPE,
            f"Content-Type is '{request.content_type}'",
            allowed=[MEDIA_TYPE],
            headers={f"Accept-{str(request.method).title()}": MEDIA_TYPE},
        )
    try:
        return request.body
    except RequestDataTooBig as error:
        raise ProblemError(TOO_LARGE, str(error)) from error
    except UnreadablePostError as error:
        raise ProblemError(MALFORMED, "the body ended before its Content-Length") from error


def parse_json(body: bytes) -> Any:
    """Return the value of a JSON text. Raises ProblemError."""
    try:
        return json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_refuse_constant, parse_int=_int)
    except UnicodeDecodeError as error:
        raise ProblemError(MALFORMED, f"the body is not UTF-8: byte {error.start} starts no valid character") from error
    except json.JSONDecodeError as error:
        raise ProblemError(MALFORMED, f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise ProblemError(MALFORMED, "the body is nested too deeply") from error
    except ValueError as error:  # from the hooks below
        raise ProblemError(MALFORMED, str(error)) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, value in pairs:
        if key in members:
            raise ValueError(f"the key {key!a} is given twice")
        if not key.isascii() and any("\ud800" <= char <= "\udfff" for char in key):
            raise ValueError(f"the key {key!a} is not valid text: it contains an unpaired surrogate")
        members[key] = value
    return members


def _int(digits: str) -> int:
    if len(digits) > 1000:  # Python itself refuses some thousands, with advice on its settings
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
