"""The session protocol as a section of a Markdown file: rendered, and put between its two markers, byte for byte.

A marker is an HTML comment on a line of its own; one in a code block or a code span is text, as Markdown has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Template
from typing import Any, NamedTuple

import pyromark

from consistency.core.workplan.fences import as_pulldown_reads
from consistency.core.workplan.source import UTF8_BOM, Lines
from statehub.errors import StateHubError
from statehub.text import escape_control

BEGIN = b"<!-- state-hub:session-protocol:begin -->"
END = b"<!-- state-hub:session-protocol:end -->"
_MARKER = re.compile(rb"<!--[ \t]*state-hub:session-protocol:(begin|end)[ \t]*-->")
_ALONE = re.compile(rb"[ \t]*(?=[\r\n]|\Z)")
_FIRST_END = re.compile(rb"\r?\n")
_LAST_LINE_BLANK = re.compile(rb"(?:\A|\n)[ \t]*\r?\n\Z")


class SectionError(StateHubError):
    """The section cannot be put into the file: the message says why, `line` is the place."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


class SectionPlacement(NamedTuple):
    """The file with the section; `found` says whether its markers were there before."""

    data: bytes
    found: bool


class _Mark(NamedTuple):
    """A marker from byte *start* to *end*, and its block; `fault` is why it cannot be used."""

    kind: str
    start: int
    end: int
    block: int
    fault: str


_IN_CODE = "the marker is in a code block, where it is text: put both markers outside of it, or take them out"
_NOT_ALONE = "the marker must be a line of its own, with an empty line between it and other HTML"


def render(template: str, slug: str, workplans: str) -> str:
    """Fill in *template* (of string.Template) for the repo *slug* with its glob *workplans*."""
    return Template(template).substitute(slug=slug, workplans=code_span(escape_control(workplans)))


def code_span(text: str) -> str:
    """Return *text*, which is one line, as a code span (CommonMark 0.31.2, section 6.1)."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text[:1] == "`" or text[-1:] == "`" or (text[:1] == text[-1:] == " " and text.strip(" ")) else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def replace_section(data: bytes, section: str) -> SectionPlacement:
    """Return the Markdown file *data* with *section* between its markers, which are added at its end if missing.

    No byte outside of the markers changes; line ends are those of the file's first line. Raises SectionError.
    """
    first = _FIRST_END.search(data)
    end = first[0] if first else b"\n"
    pair = _pair(data)
    if pair:
        before, after = data[: pair[0].end], data[pair[1].start :]
    else:
        ends_line = data in (b"", UTF8_BOM) or data.endswith(b"\n")
        before, after = data + _gap(data, end) + BEGIN, END + (end if ends_line else b"")
    lines = section.strip("\n").encode().split(b"\n")
    placed = before + end + end.join(lines) + end + after
    _verify(placed, len(before), len(placed) - len(after))
    return SectionPlacement(placed, pair is not None)


def _gap(data: bytes, end: bytes) -> bytes:
    """Return the line ends between *data* and the section: one empty line in all, none in an empty file."""
    if data in (b"", UTF8_BOM) or _LAST_LINE_BLANK.search(data):
        return b""
    return end if data.endswith(b"\n") else end + end


def _verify(placed: bytes, begin: int, end: int) -> None:
    """Check that a reader of *placed* finds the section: a block left open above would swallow it."""
    marks = [mark for mark in _marks(placed) if mark.fault != _IN_CODE]
    if [(mark.fault, mark.kind) for mark in marks] == [("", "begin"), ("", "end")] and (
        (marks[0].end, marks[1].start) == (begin, end)
    ):
        return
    around = next((mark.block for mark in _marks(placed) if mark.end == begin), begin)
    raise SectionError(Lines(placed).number(around), "the code block or HTML that begins here is never closed")


def _pair(data: bytes) -> tuple[_Mark, _Mark] | None:
    """Find the two markers of *data*, or None if there are none. Raises SectionError for any others."""
    marks = list(_marks(data))
    real = [mark for mark in marks if mark.fault != _IN_CODE]
    faulty = next((mark for mark in real or marks if mark.fault), None)
    if faulty:
        raise SectionError(Lines(data).number(faulty.start), faulty.fault)
    if not real:
        return None
    if [mark.kind for mark in real] != ["begin", "end"]:
        odd, why = _odd_one(real)
        aside = "; one in a code block is text" if len(marks) > len(real) else ""
        raise SectionError(Lines(data).number(odd.start), why + aside)
    return real[0], real[1]


def _odd_one(marks: list[_Mark]) -> tuple[_Mark, str]:
    """Return the first marker that is out of place, and why."""
    first, *more = marks
    if first.kind == "end":
        return first, "the end marker has no begin marker before it"
    if not more:
        return first, f"the begin marker has no end marker after it: put a line {END.decode()} where the section ends"
    odd = more[0] if more[0].kind == "begin" else more[1]
    return odd, f"this {odd.kind} marker is one too many: keep one pair"


def _marks(data: bytes) -> Iterator[_Mark]:
    """Find all markers of *data* in HTML or in a code block, in their order."""
    base = len(UTF8_BOM) if data.startswith(UTF8_BOM) else 0
    for event, span in pyromark.events_with_range(as_pulldown_reads(_text(data, base))):
        what = _what(event)
        if what:
            start = span["start"] + base
            for found in _MARKER.finditer(data, start, span["end"] + base):
                fault = _IN_CODE if what == "code" else _fault(data, found, start)
                yield _Mark(found[1].decode(), found.start(), found.end(), start, fault)


def _text(data: bytes, base: int) -> str:
    try:
        text = data[base:].decode()
    except UnicodeDecodeError as error:
        raise SectionError(Lines(data).number(base + error.start), "the file is not UTF-8 from here on") from error
    if "\0" in text:
        raise SectionError(Lines(data).number(data.index(b"\0")), "a NUL byte: this is not a text file")
    return text


def _what(event: Any) -> str | None:
    """Return the kind of block that *event* opens, if it is one that can hold a marker."""
    if not isinstance(event, dict):
        return None
    tag = event.get("Start")
    if tag == "HtmlBlock" or "InlineHtml" in event:
        return "html"
    return "code" if isinstance(tag, dict) and "CodeBlock" in tag else None


def _fault(data: bytes, found: re.Match[bytes], block: int) -> str:
    """Say why a marker in HTML cannot be used, or '' if it is a block of its own."""
    line = data.rfind(b"\n", 0, found.start()) + 1
    indent = data[line : found.start()].removeprefix(UTF8_BOM if line == 0 else b"")
    own = found.start() == block and not indent.strip(b" \t") and _ALONE.match(data, found.end())
    return "" if own else _NOT_ALONE
