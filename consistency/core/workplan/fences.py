"""Finds the fenced `task` blocks of a Markdown text, as CommonMark defines a fence.

pyromark does the block structure (all extensions off); its offsets are UTF-8 bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pyromark

from consistency.core.workplan.blocks import MAX_HEADING, Fence, OtherBlock
from consistency.core.workplan.plain_fences import find_plain_blocks

_Events = Iterator[tuple[Any, Any]]

MAX_NESTING = 200
"""Levels of lists and quotes. pulldown-cmark walks them all for every line of a paragraph that goes on lazily."""


def task_fences(text: str, base: int) -> tuple[Fence, ...]:
    """Return all task fences of *text* in their order; *base* is the byte offset of *text* in its file."""
    return find_blocks(text, base)[0]


def find_blocks(text: str, base: int) -> tuple[tuple[Fence, ...], tuple[OtherBlock, ...]]:
    """Return all task fences of *text* in their order, and all other blocks of code or HTML; *base* as above."""
    if not _may_hold_tasks(text):
        return (), ()
    return find_plain_blocks(text, base) or find_commonmark_blocks(text, base)


def find_commonmark_blocks(text: str, base: int) -> tuple[tuple[Fence, ...], tuple[OtherBlock, ...]]:
    """Return what `find_blocks` returns, for any text."""
    text = _without_feeds(text)
    read = _with_ends(text)
    written = text.encode() if read != text else b""
    fences: list[Fence] = []
    others: list[OtherBlock] = []
    heading, quotes = "", 0
    events: _Events = pyromark.events_with_range(read)
    # A text of 8 KB has hundreds of events; most are of no interest and are skipped with one check. An event is a word
    # or a dict: `in` looks into both.
    for event, span in events:
        if "Start" in event:
            tag = event["Start"]
            if type(tag) is str:
                if tag == "HtmlBlock":
                    others.append(OtherBlock("html", None, span["start"] + base, span["end"] + base))
            elif "CodeBlock" in tag:
                kind = tag["CodeBlock"]
                info = None if type(kind) is str else kind["Fenced"]
                if info is not None and quotes == 0 and first_word(info) == "task":
                    pieces = _read_body(events, base, written)
                    body = "".join([piece for piece, _, _ in pieces])
                    fences.append(Fence(span["start"] + base, heading, pieces, body))
                else:
                    name = "indented" if info is None else "fenced"
                    others.append(OtherBlock(name, info, span["start"] + base, span["end"] + base))
            elif "Heading" in tag:
                text_of_heading = _read_heading(events)
                heading = text_of_heading if quotes == 0 else heading
            elif "BlockQuote" in tag:
                quotes += 1
        elif quotes and "End" in event and "BlockQuote" in event["End"]:
            quotes -= 1
    return tuple(fences), tuple(others)


_IN_CAPITALS = re.compile(r"(?:```|~~~)[^\w\n]*task", re.IGNORECASE)


def _may_hold_tasks(text: str) -> bool:
    if "task" in text or "&" in text or "status:" in text:  # An info string may spell it with entities.
        return True
    return ("Task" in text or "TASK" in text) and _IN_CAPITALS.search(text) is not None


_LIST_MARKERS = "-*+.)"
# For speed: a line of more than MAX_NESTING levels begins with half as many of these (a tab may indent by two levels).
_MAY_BE_DEEP = re.compile(rf"\n[ \t>*+\-.)0-9]{{{MAX_NESTING // 2}}}")
_CONTAINERS = re.compile(r"(?:[ \t]+|>+|[-*+](?=[ \t\r\n])|[0-9]{1,9}[.)](?=[ \t\r\n]))*+")
_RULE = re.compile(r"[ \t]*([-*])(?:[ \t]*\1)*+[ \t]*(?=[\r\n]|\Z)")


def too_deep(text: str) -> int | None:
    """Return the character index of the first line of *text* (after its first line end) in which lists and quotes may
    be nested more than `MAX_NESTING` levels deep; None if there is no such line, or no task.
    """
    if not _may_hold_tasks(text):
        return None
    for found in _MAY_BE_DEEP.finditer(text):
        if _levels(text, found.start() + 1) > MAX_NESTING and not _RULE.match(text, found.start() + 1):
            return found.start() + 1
    return None


def _levels(text: str, line: int) -> int:
    """Count the containers that may be open after the beginning of this line; 0 if it opens none."""
    found = _CONTAINERS.match(text, line)
    opening = found[0] if found else ""
    lists = sum(map(opening.count, _LIST_MARKERS))
    markers = lists + opening.count(">")
    return markers + (opening.count(" ") + 4 * opening.count("\t") - lists) // 2 if markers else 0


_BREAKS = ("SoftBreak", "HardBreak")

_NO_SPACE = {0x0B: "\x1a", 0x0C: "\x1a"}
"""Written for characters that pulldown-cmark takes for spaces: lines of these are not blank (CommonMark, 2.1)."""

_AFTER_FENCE = re.compile(r"(?<=```|~~~)[ \t]++(?=[\r\n]|\Z)")
_RAW = re.compile(r"^[ \t>*+\-.)0-9]*<(?:pre|script|style|textarea)(?![\w-])", re.ASCII | re.IGNORECASE | re.MULTILINE)
_RAW_END = re.compile(r"</(?:pre|script|style|textarea)>", re.ASCII | re.IGNORECASE)


def as_pulldown_reads(text: str) -> str:
    """Rewrite *text*, with the same length in bytes, so that pulldown-cmark reads its blocks as CommonMark has them."""
    return _with_ends(_without_feeds(text))


def _without_feeds(text: str) -> str:
    return text.translate(_NO_SPACE) if "\x0b" in text or "\x0c" in text else text


def _with_ends(text: str) -> str:
    """Return *text* with the ends of fences and of HTML written as pulldown-cmark recognises them."""
    if "\t" in text:  # Behind a closing fence it takes spaces alone, not tabs (section 4.5).
        text = _AFTER_FENCE.sub(lambda found: " " * len(found[0]), text)
    if "</" in text and _RAW.search(text):  # It takes only small letters for the end of such HTML (section 4.6).
        text = _RAW_END.sub(lambda found: found[0].lower(), text)
    return text


def _read_heading(events: _Events) -> str:
    """Read the text of the heading that has just begun."""
    parts: list[str] = []
    for event, _ in events:
        if "Text" in event or "Code" in event:
            parts += event.values()
        elif event in _BREAKS:
            parts.append(" ")
        elif "End" in event and "Heading" in event["End"]:
            break
    return " ".join("".join(parts).split())[:MAX_HEADING]


def _read_body(events: _Events, base: int, written: bytes) -> tuple[tuple[str, int, int], ...]:
    """Read the pieces of the code block that has just begun; *written* is the text, if pulldown-cmark got another."""
    pieces: list[tuple[str, int, int]] = []
    for event, span in events:
        if "Text" not in event:  # Its end.
            break
        start, end = span["start"], span["end"]
        text = _as_written(event["Text"], written[start:end]) if written else event["Text"]
        pieces.append((text, start + base, end + base))
    return tuple(pieces)


def _as_written(text: str, written: bytes) -> str:
    """Return a piece as it is in the file; if Markdown took something apart in it, as it was read."""
    found = written.decode()
    return found if len(found) == len(text) else text


def first_word(info: str) -> str:
    """Return the first word of an info string, which is the kind of the block."""
    return info.replace("\t", " ").partition(" ")[0]
