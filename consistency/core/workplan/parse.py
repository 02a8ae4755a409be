"""Reads a workplan from a file's bytes. Never raises for what a person wrote: faults are values."""

from __future__ import annotations

import re

from consistency.core.codes import FIELD_DIFFERS, INVALID_FRONT_MATTER, UNREAD_BLOCK, UNREAD_FILE, UNREADABLE_FILE
from consistency.core.workplan.fences import MAX_NESTING, find_blocks, too_deep
from consistency.core.workplan.model import Mirrored, Problem, TaskBlock, Unreadable, Workplan
from consistency.core.workplan.near_miss_blocks import find_unread_blocks
from consistency.core.workplan.near_miss_files import UnreadFile, find_conflict, near_workplan, why_no_workplan
from consistency.core.workplan.source import (
    FrontMatter,
    Lines,
    Unclosed,
    cut_front_matter,
    is_binary,
    lone_cr,
    says_workplan,
    utf16_as_utf8,
)
from consistency.core.workplan.taskblock import read_block
from consistency.core.workplan.validation import (
    has_control,
    id_error,
    is_uuid,
    not_one_of_message,
    truncate,
    usable_id,
    without_invisible,
    word_error,
)
from consistency.core.workplan.yaml_mapping import (
    BLANKS,
    Mapping,
    SyntaxProblem,
    cut_hint,
    cut_messages,
    nested_error,
    read_mapping,
)
from statehub.ids import normalize_id
from statehub.statuses import WORKSTREAM_STATUSES

MAX_FRONT_MATTER = 64 * 1024
"""Bytes; far beyond any real one, and a limit on the text for the YAML parser."""

_REQUIRED = ("id", "title", "status")
_UUID = "state_hub_workstream_id"
_FREE = ("id", *Mirrored._fields)
"""The fields in which a `#` may be text."""
_FIELDS = tuple(dict.fromkeys((*_REQUIRED, *Mirrored._fields, _UUID)))
_NOT_CLOSED = Mapping({}, SyntaxProblem("not closed", 0))
_KEYS = ("type", *_FIELDS)
_TYPE = re.compile(rb"^type:", re.MULTILINE)


def parse_workplan(path: str, data: bytes) -> Workplan | Unreadable | None:
    """Return the content of the file *path* with the bytes *data*, or None if it is not a workplan.

    Not a workplan is a file without front matter or with another `type` (design, "Workplan format").
    """
    front = cut_front_matter(data)
    if front is None:
        return _without_front_matter(path, data)
    if isinstance(front, Unclosed):
        if not says_workplan(data, front.start):
            return _nearly(path, data, _NOT_CLOSED)
        return _unreadable(path, "front matter is not closed: a line `---` is missing", 1)
    if front.end - front.start > MAX_FRONT_MATTER:
        if not says_workplan(data, front.start, front.end):
            return None
        return _unreadable(path, f"front matter is larger than {MAX_FRONT_MATTER // 1024} KiB", 1)
    return _with_front_matter(path, data, front)


def _without_front_matter(path: str, data: bytes) -> Unreadable | None:
    recoded = utf16_as_utf8(data)
    if recoded is not None:
        meant = parse_workplan(path, recoded) is not None
        return _unreadable(path, "not UTF-8 but UTF-16: save it as UTF-8", 1) if meant else None
    if is_binary(data):
        return _unreadable(path, "not UTF-8: a binary file, with NUL bytes", None)
    return _nearly(path, data)


def _nearly(path: str, data: bytes, mapping: Mapping | None = None) -> Unreadable | None:
    """Say why a file is not a workplan, if it nearly is one."""
    near = near_workplan(path, data, mapping)
    return None if near is None else _unread(path, near)


def no_workplan_any_more(path: str, data: bytes, key: str) -> Unreadable:
    """Say why the file *path*, which was the workplan *key* at the last fix, is not one now."""
    return _unread(path, why_no_workplan(path, data, key), key)


def _with_front_matter(path: str, data: bytes, front: FrontMatter) -> Workplan | Unreadable | None:
    head = data[front.start : front.end]
    text = head.decode("utf-8", "replace")
    mapping = read_mapping(text, _KEYS)
    if not _is_meant(mapping, head):
        return _nearly(path, data, mapping)
    lines = Lines(data)
    header = _Header(mapping, text, front.start, lines)
    conflict = find_conflict(data)
    if conflict is not None:
        return _unread(path, conflict, header.key)
    fault = _fault_of_bytes(data, lines) or header.fault()
    if fault is not None:
        return Unreadable(path, (fault,))
    problems = header.problems()
    if problems:
        return Unreadable(path, problems, header.key)
    body = data[front.body :].decode()
    place = too_deep(body)
    if place is not None:
        message = f"lists or quotes are nested more than {MAX_NESTING} levels deep"
        line = lines.number(front.body + len(body[:place].encode()))
        return Unreadable(path, (Problem(UNREADABLE_FILE, message, line),), header.key)
    blocks, faults = _read_blocks(body, data, front.body, lines, header.key or "")
    return Workplan(
        path,
        header.key or "",
        mapping.text("status"),
        mapping.text(_UUID).lower() or None,
        Mirrored(*[_folded(mapping.text(name)) for name in Mirrored._fields]),
        header.line("status"),
        blocks,
        header.cuts() + faults,
    )


def _is_meant(mapping: Mapping, head: bytes) -> bool:
    """Return whether it is the front matter of a workplan; if it is broken, whether it may be meant as one."""
    fault = mapping.fault
    if mapping.text("type") == "workplan" or (fault is not None and says_workplan(head)):
        return True
    return mapping.is_broken and "type" not in mapping.values and not _TYPE.search(head)


def _fault_of_bytes(data: bytes, lines: Lines) -> Problem | None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        byte = data[error.start]
        return Problem(UNREADABLE_FILE, f"not UTF-8: byte 0x{byte:02x} cannot be read", lines.number(error.start))
    place = lone_cr(data)
    if place is not None:
        return Problem(UNREADABLE_FILE, "a line ends with CR alone; use LF or CRLF", lines.number(place))
    return None


class _Header:
    """The front matter of a workplan, checked field by field into C-03 problems."""

    def __init__(self, mapping: Mapping, text: str, start: int, lines: Lines) -> None:
        self._mapping, self._text, self._start, self._lines = mapping, text, start, lines
        plain = text.isascii() and "\\" not in text
        self._odd_keys = [] if plain else [key for key in mapping.values if word_error(key)]
        self.key = usable_id(mapping.text("id"))

    def line(self, name: str) -> int:
        """Return the line of the field *name*, or the first line if it is missing."""
        value = self._mapping.values.get(name)
        return self._lines.number(self._start + len(self._text[: value.start].encode())) if value else 1

    def fault(self) -> Problem | None:
        """Say why it is not an acceptable mapping."""
        fault, text = self._mapping.fault, self._text
        if fault is None:
            return None
        index = min(fault.index, max(len(text.rstrip()) - 1, 0))  # Not behind the last line.
        line = self._lines.number(self._start + len(text[:index].encode()))
        return Problem(UNREADABLE_FILE, f"front matter is not usable: {fault.message}", line)

    def problems(self) -> tuple[Problem, ...]:
        """Return at most one for each field, in the order of the fields."""
        faults = {name: self._fault_of(name) for name in _FIELDS}
        faults |= {name: fault for name in _FIELDS if self._odd_keys and (fault := self._fault_of_key(name))}
        return tuple(
            Problem(INVALID_FRONT_MATTER, message, self.line(name), discriminator=name)
            for name, message in faults.items()
            if message
        )

    def cuts(self) -> tuple[Problem, ...]:
        """Return a problem for each value of which YAML takes a part for a comment."""
        return tuple(
            Problem(FIELD_DIFFERS, message, self.line(name), discriminator=f"cut:{name}")
            for name, message in cut_messages(self._text, self._mapping, _FREE)
        )

    def _fault_of_key(self, name: str) -> str | None:
        """Report a key with invisible characters: it looks like ours, and is another."""
        found = next((key for key in self._odd_keys if without_invisible(key) == name), None)
        return f"the key '{name}' in the front matter {word_error(found)}" if found else None

    def _fault_of(self, name: str) -> str | None:
        value = self._mapping.values.get(name)
        if value is None:
            return f"front matter field '{name}' is missing" if name in _REQUIRED else None
        if value.text is None:
            return f"front matter field '{name}' {nested_error(self._text, value)}"
        if not value.text.strip(BLANKS):
            hint = cut_hint(self._text, value)
            return f"front matter field '{name}' is empty{hint}" if name in _REQUIRED else None
        return _fault_of_text(name, value.text.strip(BLANKS))


def _fault_of_text(name: str, text: str) -> str | None:
    fault = None
    if name == "id":
        fault = id_error(normalize_id(text))
    elif name in ("status", _UUID):
        fault = word_error(text)
    elif has_control(_folded(text)):
        fault = "holds a control character"
    if fault is not None:
        return f"front matter field '{name}' {fault}"
    if name == "status" and text not in WORKSTREAM_STATUSES:
        return not_one_of_message("workplan status", text, WORKSTREAM_STATUSES)
    return f"{_UUID} '{truncate(text)}' is not a UUID" if name == _UUID and not is_uuid(text) else None


def _read_blocks(
    body: str, data: bytes, start: int, lines: Lines, key: str
) -> tuple[tuple[TaskBlock, ...], tuple[Problem, ...]]:
    blocks: list[TaskBlock] = []
    problems: list[Problem] = []
    fences, others = find_blocks(body, start)
    for place, fence in enumerate(fences):
        block, faults = read_block(fence, lines, place)
        if block is not None:
            blocks.append(block)
        problems += faults
    read = {block.key for block in blocks} | {problem.task for problem in problems if problem.task}
    for place, unread in enumerate(find_unread_blocks(data, start, fences, others, key, read)):
        message = f"looks like a task block, but is not read as one: {unread.why}"
        line = lines.number(unread.offset)
        problems.append(Problem(UNREAD_BLOCK, message, line, unread.task, f"{place}:unread", unread.only_known))
    return tuple(blocks), tuple(problems)


def _folded(text: str) -> str:
    return " ".join(text.split())


def _unreadable(path: str, message: str, line: int | None) -> Unreadable:
    return Unreadable(path, (Problem(UNREADABLE_FILE, message, line),))


def _unread(path: str, unread: UnreadFile, key: str | None = None) -> Unreadable:
    return Unreadable(path, (Problem(UNREAD_FILE, unread.message, unread.line),), key or unread.key)
