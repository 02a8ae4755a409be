"""Lines of text for people, as pieces with a style each: plain values, so that a pipe needs no rich."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from io import TextIOBase
from typing import NamedTuple, TextIO, cast

from consistency.core.codes import Severity
from statehub.text import escape_control, escape_unencodable


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

Stream = TextIO | TextIOBase
"""An open file for text, or Django's wrapper around one."""

SEVERITY_STYLES: dict[Severity, Style] = {
    Severity.FAIL: Style.FAIL,
    Severity.WARN: Style.WARN,
    Severity.INFO: Style.INFO,
}


def line(*parts: Segment | str) -> Line:
    """Return a line of *parts* without the empty ones, a bare string being plain; all made safe for a terminal."""
    segments = (Segment(part) if isinstance(part, str) else part for part in parts)
    return tuple(Segment(escape_control(text), style) for text, style in segments if text)


def write_lines(lines: Sequence[Line], stream: Stream, *, colour: bool) -> None:
    """Write *lines* to *stream*, with the terminal's colours if *colour* says so.

    A character that the stream's encoding lacks is written as backslash escapes.
    """
    encoding: str | None = getattr(stream, "encoding", None)
    if colour:
        _write_colours(lines, stream, encoding)
    elif lines:  # Django's wrapper around stdout would make a line of an empty text.
        plain = ("".join(part.text for part in parts).rstrip() for parts in lines)
        stream.write("".join(escape_unencodable(text, encoding) + "\n" for text in plain))


def _write_colours(lines: Iterable[Line], stream: Stream, encoding: str | None) -> None:
    from rich.console import Console  # Slow to import, and a pipe needs none of it.
    from rich.text import Text

    console = Console(
        file=cast(TextIO, stream),
        force_terminal=True,
        color_system="standard",  # Whether to colour was decided by the caller, not by TERM or NO_COLOR.
        no_color=False,
        highlight=False,
        markup=False,
        emoji=False,
    )
    for parts in lines:
        pieces = [(escape_unencodable(part.text, encoding), part.style.value) for part in parts]
        console.print(Text.assemble(*pieces), soft_wrap=True)
