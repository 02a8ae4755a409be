"""A line of text for people, as pieces with a style each: plain values, so that a pipe needs no rich."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from consistency.core.codes import Severity
from statehub.text import escape_control


class Style(StrEnum):
    """How a segment looks; the value is what rich calls it. Only the eight colours that every terminal has."""

    PLAIN = ""
    STRONG = "bold"
    FAINT = "dim"
    FAIL = "bold red"
    WARN = "yellow"
    INFO = "cyan"
    GOOD = "green"


class Segment(NamedTuple):
    """A piece of a line; `text` holds no line break."""

    text: str
    style: Style = Style.PLAIN


Line = tuple[Segment, ...]

SEVERITY_STYLES: dict[Severity, Style] = {
    Severity.FAIL: Style.FAIL,
    Severity.WARN: Style.WARN,
    Severity.INFO: Style.INFO,
}


def line(*parts: Segment | str) -> Line:
    """Return a line of *parts* without the empty ones, a bare string being plain; all made safe for a terminal."""
    segments = (Segment(part) if isinstance(part, str) else part for part in parts)
    return tuple(Segment(escape_control(text), style) for text, style in segments if text)
