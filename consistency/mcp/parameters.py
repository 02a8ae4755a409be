"""The parameters of tools: their JSON Schema, and the check of arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from statehub.errors import StateHubError
from statehub.text import is_storable

MAX_TEXT = 500
"""Characters of an argument, unless its parameter says more."""


class RefusedError(StateHubError):
    """A call that is not carried out; *allowed* has the values that would be, *more* further fields of the answer."""

    def __init__(self, message: str, allowed: Sequence[str] = (), more: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.allowed, self.more = tuple(allowed), dict(more or {})


class Parameter(NamedTuple):
    """A parameter of a tool: a text, or a whole number from 1 to *maximum*."""

    name: str
    description: str = ""
    is_required: bool = False
    choices: tuple[str, ...] = ()
    pattern: str = ""
    max_length: int = MAX_TEXT
    maximum: int | None = None

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of its values."""
        schema: dict[str, Any] = {"type": "string"}
        if self.maximum is not None:
            schema = {"type": "integer", "minimum": 1, "maximum": self.maximum}
        if self.choices:
            schema["enum"] = list(self.choices)
        if self.pattern:
            schema["pattern"] = self.pattern
        if self.description:
            schema["description"] = self.description
        return schema

    def check(self, value: object) -> str | int:
        """Return *value* as the tool takes it. Raises RefusedError."""
        return self._check_text(value) if self.maximum is None else self._check_number(value, self.maximum)

    def _check_number(self, value: object, maximum: int) -> int:
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        if isinstance(whole, bool) or not isinstance(whole, int) or not 1 <= whole <= maximum:
            raise RefusedError(f"{self.name} must be a whole number from 1 to {maximum}")
        return whole

    def _check_text(self, value: object) -> str:
        if not isinstance(value, str):
            raise RefusedError(f"{self.name} must be text", self.choices)
        if self.choices and value not in self.choices:
            raise RefusedError(f"{self.name} must be one of {', '.join(self.choices)}", self.choices)
        if not value.strip() or not is_storable(value) or len(value) > self.max_length:
            raise RefusedError(f"{self.name} must be text of 1 to {self.max_length} characters, not blank, without NUL")
        if self.pattern and not re.fullmatch(self.pattern, value, re.ASCII):
            raise RefusedError(f"{self.name} must match {self.pattern}")
        return value


def make_schema(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Return the JSON Schema of a call's arguments: a flat object."""
    schema: dict[str, Any] = {"type": "object", "properties": {each.name: each.schema for each in parameters}}
    if required := [each.name for each in parameters if each.is_required]:
        schema["required"] = required
    return {**schema, "additionalProperties": False}


def check_arguments(parameters: Sequence[Parameter], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return *arguments* with each value checked; null counts as absent. Raises RefusedError."""
    given = {name: value for name, value in arguments.items() if value is not None}
    names = [each.name for each in parameters]
    if unknown := sorted(given.keys() - set(names)):
        raise RefusedError(f"unknown argument {unknown[0]!a}", names)
    if missing := [each.name for each in parameters if each.is_required and each.name not in given]:
        raise RefusedError(f"{missing[0]} is required", names)
    return {each.name: each.check(given[each.name]) for each in parameters if each.name in given}
