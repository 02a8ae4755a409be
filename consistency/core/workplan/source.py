"""A file's bytes, cut into front matter and body, with line numbers. Offsets are bytes into the file."""

from __future__ import annotations

import re
from typing import NamedTuple

UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_OPENING = re.compile(rb"---[ \t]*(?:\r\n|\n|\r|\Z)")
_CLOSING = re.compile(rb"(?<=[\r\n])(?:---|\.\.\.)[ \t]*(?=[\r\n]|\Z)")
_LONE_CR = re.compile(rb"\r(?!\n)")
_SAYS_WORKPLAN = re.compile(
    rb"""^["']?type["']?[ \t]*:[ \t]+(?:[&!]\S*[ \t]+)*["']?workplan["']?[ \t]*(?:\#[^\r\n]*)?\r?$""", re.MULTILINE
)


class FrontMatter(NamedTuple):
    """The offsets of the YAML between the two `---` lines, and of the Markdown below."""

    start: int
    end: int
    body: int


class Unclosed(NamedTuple):
    """The first line is `---`, but no closing line follows."""

    start: int


def may_be_workplan(data: bytes) -> bool:
    """Return whether *data* may be a workplan, or nearly one; if not, `parse_workplan` makes None of it.

    It takes no pattern and no parser to see that of most files that are not workplans: they have none of our words.
    """
    if data.startswith((UTF8_BOM, b"---", LFS_POINTER, *_UTF16_BOMS)) or is_binary(data):
        return True
    lowered = data.lower()
    return b"task" in lowered or (b"plan" in lowered and b"type" in lowered)


def cut_front_matter(data: bytes) -> FrontMatter | Unclosed | None:
    """Find the front matter of *data*: it begins at column 0 of the first line, after a BOM if there is one."""
    start = len(UTF8_BOM) if data.startswith(UTF8_BOM) else 0
    opening = _OPENING.match(data, start)
    if opening is None:
        return None
    closing = _CLOSING.search(data, opening.end())
    if closing is None:
        return Unclosed(opening.end())
    return FrontMatter(opening.end(), closing.start(), closing.end())


def says_workplan(data: bytes, start: int = 0, end: int | None = None) -> bool:
    """Return whether a line of *data*, between the bytes *start* and *end*, says `type: workplan`."""
    return _SAYS_WORKPLAN.search(data, start, len(data) if end is None else end) is not None


def is_binary(data: bytes) -> bool:
    """Return whether *data* is not text: it has a NUL byte early on, as git decides it."""
    return b"\0" in data[:8000]


def lone_cr(data: bytes) -> int | None:
    """Return the offset of the first CR that no LF follows, or None."""
    found = _LONE_CR.search(data) if b"\r" in data else None
    return found.start() if found else None


class Lines:
    """Line numbers of a file. A line ends with LF (or CRLF). Asked in the order of the file, it counts once."""

    def __init__(self, data: bytes) -> None:
        self._data, self._offset, self._number = data, 0, 1

    def number(self, offset: int) -> int:
        """Return the 1-based line of the byte *offset*."""
        if offset < self._offset:
            self._offset, self._number = 0, 1
        self._number += self._data.count(b"\n", self._offset, offset)
        self._offset = offset
        return self._number


def utf16_as_utf8(data: bytes) -> bytes | None:
    """Return the same text in UTF-8 if *data* begins with a UTF-16 byte order mark, else None."""
    return data.decode("utf-16", "replace").encode() if data.startswith(_UTF16_BOMS) else None
