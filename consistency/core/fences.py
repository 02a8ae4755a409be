"""Finds the fenced `task` blocks of a Markdown text, as CommonMark defines a fence.

pyromark does the block structure (all extensions off); its offsets are UTF-8 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyromark

MAX_HEADING = 1000
"""Characters of a heading that are kept: every block below it may take them as its title."""


@dataclass(frozen=True, slots=True)
class Fence:
    """One task fence. `offset` is the byte of its opening line; `heading` the nearest heading above it,
    `body` the block's text as YAML sees it.

    `pieces` are runs of the body: the text, and the bytes in the file it stands for. Between two pieces
    lies what Markdown takes away: the indent of a list item, the CR of a CRLF.
    """

    offset: int
    heading: str
    pieces: tuple[tuple[str, int, int], ...]
    body: str

    @property
    def size(self) -> int:
        """Size of the body in the file, in bytes."""
        return sum(end - start for _, start, end in self.pieces)

    def locate(self, start: int, end: int) -> tuple[int, int] | None:
        """The bytes in the file that the characters *start* to *end* of the body stand for.

        None where they do not stand in the file as they are (a tab that Markdown took apart, a run over
        two pieces): such a place cannot be edited byte for byte.
        """
        position = 0
        for text, first, last in self.pieces:
            if position <= start and end <= position + len(text):
                before = len(text[: start - position].encode())
                inside = len(text[start - position : end - position].encode())
                exact = len(text.encode()) == last - first
                return (first + before, first + before + inside) if exact else None
            position += len(text)
        return None


@dataclass(slots=True)
class _Walk:
    """Where the walk over the events stands."""

    heading: str = ""
    words: list[str] | None = None
    quotes: int = 0
    pieces: list[tuple[str, int, int]] | None = None
    offset: int = 0
    found: list[Fence] = field(default_factory=list)


def task_fences(text: str, base: int) -> tuple[Fence, ...]:
    """All task fences of *text* in their order; *base* is the byte offset of *text* in its file."""
    if "task" not in text and "&" not in text:  # An info string may spell it with entities.
        return ()
    walk = _Walk()
    # A text of 8 KB has hundreds of events; most are of no interest and are passed by with one look.
    for event, span in _events(text):
        if type(event) is str:
            if walk.words is not None and event in _BREAKS:
                walk.words.append(" ")
        elif walk.pieces is not None:  # In a task block: its text, then its end.
            piece = event.get("Text")
            if piece is not None:
                walk.pieces.append((piece, span["start"] + base, span["end"] + base))
            else:
                _close_block(walk)
        elif (tag := event.get("Start")) is not None:
            if type(tag) is dict:
                _open(walk, tag, span["start"] + base)
        elif walk.words is not None:
            _read_heading(walk, walk.words, event)
        elif walk.quotes and type(tag := event.get("End")) is dict and "BlockQuote" in tag:
            walk.quotes -= 1
    return tuple(walk.found)


_BREAKS = ("SoftBreak", "HardBreak")

_NO_SPACE = {0x0B: "\x1a", 0x0C: "\x1a"}
"""Stand-ins for what pulldown-cmark takes for a space: a line of these alone is not blank (CommonMark, section 2.1)."""


def _events(text: str) -> Iterator[tuple[Any, Any]]:
    return pyromark.events_with_range(text.translate(_NO_SPACE) if "\x0b" in text or "\x0c" in text else text)


def _open(walk: _Walk, tag: dict[str, Any], offset: int) -> None:
    if "CodeBlock" in tag:
        block = tag["CodeBlock"]
        if walk.quotes == 0 and type(block) is dict and _first_word(block["Fenced"]) == "task":
            walk.pieces, walk.offset = [], offset
    elif "Heading" in tag:
        walk.words = []
    elif "BlockQuote" in tag:
        walk.quotes += 1


def _read_heading(walk: _Walk, words: list[str], event: dict[str, Any]) -> None:
    if "Text" in event or "Code" in event:
        words += event.values()
    elif type(tag := event.get("End")) is dict and "Heading" in tag:
        if walk.quotes == 0:
            walk.heading = " ".join("".join(words).split())[:MAX_HEADING]
        walk.words = None


def _close_block(walk: _Walk) -> None:
    pieces = tuple(walk.pieces or ())
    walk.found.append(Fence(walk.offset, walk.heading, pieces, "".join([text for text, _, _ in pieces])))
    walk.pieces = None


def _first_word(info: str) -> str:
    return info.replace("\t", " ").partition(" ")[0]
