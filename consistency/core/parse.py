"""Reads a workplan from a file's bytes. Never raises for what a person wrote: faults are values."""

from __future__ import annotations

import re

from consistency.core.fences import task_fences
from consistency.core.mapping import Mapping, read_mapping
from consistency.core.source import FrontMatter, Lines, Unclosed, cut_front_matter, is_binary, lone_cr, utf16_as_utf8
from consistency.core.taskblock import read_block
from consistency.core.words import fault_of_id, has_control, is_uuid, not_one_of
from consistency.core.workplan import MIRRORED, Problem, TaskBlock, Unreadable, Workplan
from statehub.ranks import WORKSTREAM_STATUSES

MAX_FRONT_MATTER = 64 * 1024
"""Bytes; far beyond any real one, and a bound on what is given to the YAML parser."""

_TYPE_LINE = re.compile(rb"^type:[ \t]*[\"']?([^\"'#\r\n]*?)[\"']?[ \t]*(?:#[^\r\n]*)?\r?$", re.MULTILINE)


def parse_workplan(path: str, data: bytes) -> Workplan | Unreadable | None:
    """What the file *path* with the bytes *data* says; None where it is no workplan.

    No workplan is a file without front matter or with another `type` (design, "Workplan format").
    """
    front = cut_front_matter(data)
    if front is None:
        return _without_front_matter(path, data)
    if isinstance(front, Unclosed):
        if _spelled_type(data[front.start :]) != "workplan":
            return None
        return _unreadable(path, "front matter is not closed: a line `---` is missing", 1)
    if front.end - front.start > MAX_FRONT_MATTER:
        return _unreadable(path, f"front matter is larger than {MAX_FRONT_MATTER // 1024} KiB", 1)
    return _with_front_matter(path, data, front)


def _without_front_matter(path: str, data: bytes) -> Unreadable | None:
    recoded = utf16_as_utf8(data)
    if recoded is not None and cut_front_matter(recoded) is not None:
        return _unreadable(path, "not UTF-8 but UTF-16: save it as UTF-8", 1)
    if is_binary(data):
        return _unreadable(path, "not UTF-8: a binary file, with NUL bytes", None)
    return None


def _with_front_matter(path: str, data: bytes, front: FrontMatter) -> Workplan | Unreadable | None:
    head = data[front.start : front.end]
    text = head.decode("utf-8", "replace")
    mapping = read_mapping(text)
    kind = mapping.text("type") or _spelled_type(head)
    if kind != "workplan" and (kind or mapping.fault is None):
        return None
    lines = Lines(data)
    fault = _fault_of_bytes(data, lines)
    if fault is not None:
        return Unreadable(path, (fault,))
    if mapping.fault is not None:
        line = lines.number(front.start + len(text[: mapping.fault.index].encode()))
        return _unreadable(path, f"front matter is not usable: {mapping.fault.message}", line)
    header = _Header(mapping, text, front.start, lines)
    header.check()
    if header.problems:
        return Unreadable(path, tuple(header.problems), mapping.text("id") or None)
    blocks, problems = _read_blocks(data, front.body, lines)
    return Workplan(
        path,
        mapping.text("id"),
        mapping.text("status"),
        mapping.text("state_hub_workstream_id").lower() or None,
        tuple(_folded(mapping.text(name)) for name in MIRRORED),
        header.line("status"),
        blocks,
        problems,
    )


def _fault_of_bytes(data: bytes, lines: Lines) -> Problem | None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        byte = data[error.start]
        return Problem("C-02", f"not UTF-8: byte 0x{byte:02x} cannot be read", lines.number(error.start))
    place = lone_cr(data)
    if place is not None:
        return Problem("C-02", "a line ends with CR alone; use LF or CRLF", lines.number(place))
    return None


class _Header:
    """The front matter of a workplan, checked field by field into C-03 problems."""

    def __init__(self, mapping: Mapping, text: str, start: int, lines: Lines) -> None:
        self.mapping, self.problems = mapping, list[Problem]()
        self._text, self._start, self._lines = text, start, lines

    def line(self, name: str) -> int:
        """The line of the field *name*, or the first line where it is missing."""
        value = self.mapping.values.get(name)
        return self._lines.number(self._start + len(self._text[: value.start].encode())) if value else 1

    def check(self) -> None:
        """Fill `problems` in the order of the fields."""
        for name in ("id", "title", "status"):
            self._check_presence(name)
        for name in (*MIRRORED, "id", "status", "state_hub_workstream_id"):
            self._check_text(name)
        status, uuid = self.mapping.text("status"), self.mapping.text("state_hub_workstream_id")
        if status and status not in WORKSTREAM_STATUSES:
            self._problem("status", not_one_of("workplan status", status, WORKSTREAM_STATUSES))
        if uuid and not is_uuid(uuid):
            self._problem("state_hub_workstream_id", f"state_hub_workstream_id '{uuid[:60]}' is no UUID")

    def _check_presence(self, name: str) -> None:
        value = self.mapping.values.get(name)
        if value is None:
            self._problem(name, f"front matter field '{name}' is missing")
        elif value.text is not None and not value.text.strip():
            self._problem(name, f"front matter field '{name}' is empty")

    def _check_text(self, name: str) -> None:
        value = self.mapping.values.get(name)
        if value is None:
            return
        if value.text is None:
            self._problem(name, f"front matter field '{name}' must be a text, not a list or mapping")
        elif name == "id" and (fault := fault_of_id(value.text.strip())):
            self._problem(name, f"front matter field 'id' {fault}")
        elif has_control(_folded(value.text)):
            self._problem(name, f"front matter field '{name}' holds a control character")

    def _problem(self, name: str, message: str) -> None:
        self.problems.append(Problem("C-03", message, self.line(name), mark=name))


def _read_blocks(data: bytes, body: int, lines: Lines) -> tuple[tuple[TaskBlock, ...], tuple[Problem, ...]]:
    blocks: list[TaskBlock] = []
    problems: list[Problem] = []
    for place, fence in enumerate(task_fences(data[body:].decode(), body)):
        block, faults = read_block(fence, lines, place)
        if block is not None:
            blocks.append(block)
        problems.extend(faults)
    return tuple(blocks), tuple(problems)


def _folded(text: str) -> str:
    return " ".join(text.split())


def _spelled_type(head: bytes) -> str:
    """The `type` as the letters stand, for front matter that YAML cannot read to that point."""
    found = _TYPE_LINE.search(head)
    return found[1].decode("utf-8", "replace").strip() if found else ""


def _unreadable(path: str, message: str, line: int | None) -> Unreadable:
    return Unreadable(path, (Problem("C-02", message, line),))
