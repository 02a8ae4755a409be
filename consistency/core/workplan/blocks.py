"""The blocks of code and HTML in a Markdown text, as plain values. Offsets are bytes into the file."""

from __future__ import annotations

from typing import NamedTuple

MAX_HEADING = 1000
"""Characters of a heading that are kept: every block below it may take them as its title."""

MAX_BODY = 8 * 1024
"""Bytes of a task block's body; a larger one is refused before YAML sees it."""


class Fence(NamedTuple):
    """One task fence. `offset` is the byte of its opening line; `heading` the nearest heading above it,
    `body` the block's text as YAML sees it.

    `pieces` are runs of the body: the text, and its bytes in the file. Between two pieces
    are the parts that Markdown takes away: the indent of a list item, the CR of a CRLF.
    """

    offset: int
    heading: str
    pieces: tuple[tuple[str, int, int], ...]
    body: str

    @property
    def size(self) -> int:
        """Return the size of the body in the file, in bytes."""
        return sum([end - start for _, start, end in self.pieces])

    def locate(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the bytes in the file of the characters *start* to *end* of the body.

        None if they are not in the file as they are (a tab that Markdown took apart, a run over
        two pieces): such a place cannot be edited byte for byte.
        """
        position = 0
        for text, first, last in self.pieces:
            if position <= start and end <= position + len(text):
                if text.isascii():
                    return (first + start - position, first + end - position) if len(text) == last - first else None
                if len(text.encode()) != last - first:
                    return None
                before, upto = text[: start - position], text[: end - position]
                return first + len(before.encode()), first + len(upto.encode())
            position += len(text)
        return None


class OtherBlock(NamedTuple):
    """A code block that is not a task, or a piece of HTML: the bytes *start* to *end* of the file.

    `info` is the info string of a fenced block, None for an indented one and for HTML.
    """

    kind: str
    info: str | None
    start: int
    end: int
