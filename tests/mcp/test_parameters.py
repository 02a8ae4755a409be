"""The parameters of tools: their schema, and the check of arguments."""

from __future__ import annotations

from typing import Any

import pytest

from consistency.mcp.parameters import Parameter, RefusedError, check_arguments, make_schema

PARAMETERS = (
    Parameter("task", "Its id", is_required=True),
    Parameter("status", choices=("todo", "done")),
    Parameter("commit", pattern="^[0-9a-f]{7,64}$"),
    Parameter("note", max_length=5),
    Parameter("limit", "How many", maximum=9),
)


def test_schema_is_flat() -> None:
    assert make_schema(PARAMETERS) == {
        "type": "object",
        "properties": {
            "task": {"type": "string", "description": "Its id"},
            "status": {"type": "string", "enum": ["todo", "done"]},
            "commit": {"type": "string", "pattern": "^[0-9a-f]{7,64}$"},
            "note": {"type": "string"},
            "limit": {"type": "integer", "minimum": 1, "maximum": 9, "description": "How many"},
        },
        "required": ["task"],
        "additionalProperties": False,
    }
    assert make_schema(()) == {"type": "object", "properties": {}, "additionalProperties": False}


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"task": "T01"}, {"task": "T01"}),
        ({"task": "T01", "status": None, "limit": None}, {"task": "T01"}),
        ({"task": "T01", "limit": 9.0}, {"task": "T01", "limit": 9}),
        (
            {"task": "é", "status": "done", "commit": "0123abc", "note": "12345", "limit": 1},
            {"task": "é", "status": "done", "commit": "0123abc", "note": "12345", "limit": 1},
        ),
    ],
)
def test_arguments_that_are_taken(given: dict[str, Any], taken: dict[str, Any]) -> None:
    assert check_arguments(PARAMETERS, given) == taken


ALL = ("task", "status", "commit", "note", "limit")


@pytest.mark.parametrize(
    ("given", "message", "allowed"),
    [
        ({}, "task is required", ALL),
        ({"task": None}, "task is required", ALL),
        ({"task": "T01", "Status": "done"}, "unknown argument 'Status'", ALL),
        ({"task": 1}, "task must be text", ()),
        ({"task": ""}, "task must be text of 1 to 500 characters, not blank, without NUL", ()),
        ({"task": "a\0"}, "task must be text of 1 to 500 characters, not blank, without NUL", ()),
        ({"task": "\ud800"}, "task must be text of 1 to 500 characters, not blank, without NUL", ()),
        ({"task": "a" * 501}, "task must be text of 1 to 500 characters, not blank, without NUL", ()),
        ({"task": "T", "status": "open"}, "status must be one of todo, done", ("todo", "done")),
        ({"task": "T", "status": ["done"]}, "status must be text", ("todo", "done")),
        ({"task": "T", "commit": "HEAD"}, "commit must match ^[0-9a-f]{7,64}$", ()),
        ({"task": "T", "commit": "0123abc\n"}, "commit must match ^[0-9a-f]{7,64}$", ()),
        ({"task": "T", "note": "123456"}, "note must be text of 1 to 5 characters, not blank, without NUL", ()),
        ({"task": "T", "limit": 0}, "limit must be a whole number from 1 to 9", ()),
        ({"task": "T", "limit": 10}, "limit must be a whole number from 1 to 9", ()),
        ({"task": "T", "limit": True}, "limit must be a whole number from 1 to 9", ()),
        ({"task": "T", "limit": 1.5}, "limit must be a whole number from 1 to 9", ()),
        ({"task": "T", "limit": float("inf")}, "limit must be a whole number from 1 to 9", ()),
        ({"task": "T", "limit": "5"}, "limit must be a whole number from 1 to 9", ()),
    ],
)
def test_arguments_that_are_refused(given: dict[str, Any], message: str, allowed: tuple[str, ...]) -> None:
    with pytest.raises(RefusedError) as caught:
        check_arguments(PARAMETERS, given)
    assert (str(caught.value), caught.value.allowed) == (message, allowed)
