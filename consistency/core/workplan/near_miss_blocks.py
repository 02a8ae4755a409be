"""Finds what looks like a task block in a workplan, but is not read as one (C-24).

Only the text around a line that opens a task fence, or around a `status:`, outside of the task blocks is searched.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from consistency.core.workplan.blocks import Fence, OtherBlock
from consistency.core.workplan.fences import first_word
from consistency.core.workplan.validation import is_typo, truncate, usable_id
from consistency.core.workplan.yaml_mapping import read_mapping
from statehub.ids import name_invisible, normalize_id
from statehub.statuses import TASK_STATUSES

_OPENERS = [
    (sign, re.compile(sign * least + rb"[`~']*+[^\w\r\n`~]{0,20}+[Tt][Aa][Ss][Kk]"))
    for sign, least in ((b"`", 2), (b"~", 2), (b"'", 3))
]
"""One for each sign, beginning with bytes that are always the same: so it takes half the time, and none without it."""
_STATUS_LINE = re.compile(rb"""\n[ \t>"']*(?:\{[^\n]*?)?status["']?[ \t]*:""")
_PARAGRAPH_END = re.compile(rb"\r?\n[ \t>]*\r?\n")
_MAX_TEXT = 8 * 1024
"""Bytes of a block that are searched."""

# These two begin with the end of the line above, which is found in no time; so what they are given begins with one.
_FENCE_LINE = re.compile(r"\n[ \t>]*(?:`{3,}|~{3,})[ \t]*([^\n`]*?)[ \t]*\r?$", re.MULTILINE)
_LINES = {
    name: re.compile(
        rf"""\n[ \t>]*["']?{name}["']?[ \t]*:[ \t]*
        (?:"([^"\n]*)"|'([^'\n]*)'|([^\s\#][^\n]*?))[ \t]*(?:[ \t]\#[^\n]*)?\r?$""",
        re.IGNORECASE | re.MULTILINE | re.VERBOSE,
    )
    for name in ("id", "status")
}
_WORD = re.compile(r"\W*([^\W\d_]+)(.?)")
_TASK_AT_ONCE = re.compile(r"\W*task\W+(?:id|status|title|priority|state_hub_task_id)\W", re.IGNORECASE)
_GLUE = "-_/"
"""Behind the word, these make it the name of something else: `task-list`."""

_RAW_HTML = re.compile(r"\s*<(?:!--|pre|script|style|textarea)", re.IGNORECASE)
_OUR_KEYS = {"id", "status", "priority", "title", "state_hub_task_id"}

_TOKENS = {
    name: re.compile(rf"""(?<![\w.-])["']?{name}["']?[ \t]*:[ \t]*["']?([^\s"',}}#`]+)""", re.IGNORECASE)
    for name in ("id", "status")
}

_IN_A_QUOTE = "it is in a block quote: take it out of the quote"
_IN_HTML = "it is in HTML: put a blank line above its fence"
_INDENTED = "it is indented by four columns or more, which makes it text: move it to the left"
_IN_A_BLOCK = "the task block above it is not closed: close that one with ```"
_IN_A_FENCE = "it is inside a longer fence, which makes it text"
_NO_FENCE = "its fence is not one: write ```task on a line of its own"


class UnreadBlock(NamedTuple):
    """A text like a task block: the byte it begins at, its id if it has one, and why it is not read.

    `only_known` says that it may be meant as text: it counts only if the hub has the task.
    """

    offset: int
    task: str | None
    why: str
    only_known: bool = False


def find_unread_blocks(
    data: bytes, start: int, fences: Sequence[Fence], others: Sequence[OtherBlock], key: str, read: Collection[str]
) -> tuple[UnreadBlock, ...]:
    """Find what looks like a task block in *data* from the byte *start* on, and is not one of *fences*.

    *others* are the other blocks of code or HTML, *key* is the workplan's id; *read* are the ids of its
    blocks: a block with one of them only quotes it.
    """
    found: dict[str, UnreadBlock] = {}
    for unread in _Search(data, fences, others, key).run(start):
        if unread.task not in read and (unread.task or not unread.only_known):
            found.setdefault(unread.task or f"\0{unread.offset}", unread)
    return tuple(sorted(found.values(), key=lambda unread: unread.offset))


class _Search:
    """One search through a file for blocks that are not read."""

    def __init__(self, data: bytes, fences: Sequence[Fence], others: Sequence[OtherBlock], key: str) -> None:
        self._data, self._fences, self._others, self._key = data, fences, others, key
        self._firsts = [fence.offset for fence in fences]

    def run(self, start: int) -> Iterator[UnreadBlock]:
        blocks: dict[int, OtherBlock] = {}
        data = self._data
        openers = {hit.start() for sign, opener in _OPENERS if sign in data for hit in opener.finditer(data, start)}
        for place in sorted(openers.difference(self._firsts)):
            number = bisect_right(self._firsts, place) - 1
            if number >= 0 and place < (last := self._last_of(self._fences[number])):
                yield from self._in_text(place, last, _IN_A_BLOCK)
            elif (other := self._other_at(place)) is not None:
                blocks[other.start] = other
            else:
                yield from self._in_a_paragraph(place)
        blocks |= {other.start: other for other in self._others if other.kind != "html" and self._has_status(other)}
        for block in blocks.values():
            if block.kind == "html":
                hidden = _RAW_HTML.match(self._text(block.start, block.end)) is not None
                yield from self._in_text(block.start, block.end, _IN_HTML, only_known=hidden)
            elif block.kind == "indented":
                yield from self._in_text(block.start, block.end, _INDENTED, only_known=True)
            else:
                yield from self._in_fence(block, block.info or "")

    @staticmethod
    def _last_of(fence: Fence) -> int:
        """Return the byte behind the body of *fence*."""
        return fence.pieces[-1][2] if fence.pieces else fence.offset

    def _has_status(self, other: OtherBlock) -> bool:
        """Return whether a line of *other* begins with a status, or with a brace before one."""
        above = self._data.rfind(b"\n", 0, other.start)
        return _STATUS_LINE.search(self._data, above, other.end) is not None

    def _other_at(self, place: int) -> OtherBlock | None:
        number = bisect_right(self._others, place, key=lambda other: other.start) - 1
        return self._others[number] if number >= 0 and place < self._others[number].end else None

    def _text(self, start: int, end: int) -> str:
        return self._data[start : min(end, start + _MAX_TEXT)].decode("utf-8", "replace")

    def _in_fence(self, block: OtherBlock, info: str) -> Iterator[UnreadBlock]:
        body = "\n" + self._text(block.start, block.end).partition("\n")[2]
        if (inner := _FENCE_LINE.search(body)) is not None and _names_task(inner[1]):
            yield from self._in_text(block.start + 3, block.end, _IN_A_FENCE, only_known=True)
            return
        task, status, named = _field(body, "id"), _field(body, "status"), _names_task(info)
        why = f"its fence says '{truncate(info)}'{name_invisible(info)}: write ```task"
        if first_word(info) == "task":
            why = _IN_A_QUOTE
        elif not info:
            why = "its fence has no word: write ```task"
        if (named == "task" and (task or status)) or (named and task and status):
            yield UnreadBlock(block.start, usable_id(task), why)
        elif task and status:
            yield UnreadBlock(block.start, usable_id(task), why, only_known=not self._is_ours(body, task, status))

    def _in_text(self, start: int, end: int, why: str, *, only_known: bool = False) -> Iterator[UnreadBlock]:
        """Find the fences that are written between the bytes *start* and *end*, and are text there."""
        text, place = "\n" + self._text(start, end), 0
        lines = list(_FENCE_LINE.finditer(text))
        for number, line in enumerate(lines):
            if line.start() < place or not _names_task(line[1]):
                continue
            place = lines[number + 1].start() if number + 1 < len(lines) else len(text)
            body = text[line.end() : place]
            task, status = _field(body, "id"), _field(body, "status")
            if task and status:
                offset = start + len(text[1 : line.start() + 1].encode())
                known = only_known and not (why == _INDENTED and self._is_ours(body, task, status))
                yield UnreadBlock(offset, usable_id(task), why, only_known=known)

    def _in_a_paragraph(self, place: int) -> Iterator[UnreadBlock]:
        end = _PARAGRAPH_END.search(self._data, place)
        text = self._text(place, end.start() if end else len(self._data))
        task, status = _token(text, "id"), _token(text, "status")
        if task and status and _TASK_AT_ONCE.match(text):
            yield UnreadBlock(place, usable_id(task), _NO_FENCE)

    def _is_ours(self, body: str, task: str, status: str) -> bool:
        """Return whether only a task block is like this: our keys alone, and an id that begins as the workplan's."""
        if status not in TASK_STATUSES:
            return False
        mapping = read_mapping("\n".join(line.lstrip(" \t>") for line in body.split("\n") if "```" not in line))
        own = "state_hub_task_id" in mapping.values or (task.startswith(self._key) and task != self._key)
        return own and mapping.values.keys() <= _OUR_KEYS


def _names_task(info: str) -> str:
    """Return the word task as *info* writes it, in small letters: `task`, or nearly that; '' for anything else."""
    if info in ("", "task"):
        return info
    found = _WORD.match(info)
    word = found[1].casefold() if found else ""
    if found and word == "task":
        return "tasks" if found[2] and found[2] in _GLUE else word
    return word if word == "tasks" or is_typo(word, "task") else ""


def _field(body: str, name: str) -> str:
    """Return the value of *name* in a body, whether or not that is valid YAML, or ''."""
    found = _LINES[name].search(body)
    value = (found[1] or found[2] or found[3] or "") if found else ""
    return normalize_id(value.strip()) if value else _token(body, name)


def _token(text: str, name: str) -> str:
    found = _TOKENS[name].search(text)
    return normalize_id(found[1]) if found else ""
