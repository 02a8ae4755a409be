"""Writes missing UUIDs into a workplan, so that a hub rebuilt from the files has the same identities.

Bytes are only added: a line for each UUID, or an entry if the mapping is in braces.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate
from typing import NamedTuple

import yaml

from consistency.core.workplan.blocks import MAX_BODY, Fence
from consistency.core.workplan.edit import Edited, EditRefusedError
from consistency.core.workplan.fences import task_fences
from consistency.core.workplan.model import TaskBlock, Workplan
from consistency.core.workplan.parse import parse_workplan
from consistency.core.workplan.source import FrontMatter, Lines, cut_front_matter
from consistency.core.workplan.taskblock import read_block
from consistency.core.workplan.yaml_mapping import ScalarValue, read_mapping

_WORKSTREAM, _TASK = "state_hub_workstream_id", "state_hub_task_id"
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")


class WriteIdsRefusedError(EditRefusedError):
    """A UUID cannot be added so that nothing else differs; `task` is the task's id, if it is one task's."""

    def __init__(self, message: str, task: str | None = None) -> None:
        super().__init__(message)
        self.task = task


def stamp(
    path: str, data: bytes, workstream: str | None, tasks: Mapping[str, str], *, before: Workplan | None = None
) -> Edited:
    """Return the workplan *data* with the UUIDs *workstream* and of each task in *tasks* (id → UUID) that has none.

    A UUID that is there stays, whatever it is. The result is parsed again and must differ from the original in
    exactly the new UUIDs and in the places that they moved, else WriteIdsRefusedError. *before* is the content of
    *data*, if it is known already.
    """
    front, known = cut_front_matter(data), before or parse_workplan(path, data)
    if not isinstance(front, FrontMatter) or not isinstance(known, Workplan):
        raise WriteIdsRefusedError("the file is no longer a readable workplan")
    source, pieces = _Source(data), list[_Piece]()
    if workstream and known.uuid is None:
        text = data[front.start : front.end].decode()
        passage = _Passage(text, _values_of(text), 2, lambda index: front.start + len(text[:index].encode()))
        pieces.append(_find_piece(source, passage, _WORKSTREAM, workstream))
    pieces += _task_pieces(source, front, known, tasks)
    edited = source.with_pieces(pieces)
    after, expected = parse_workplan(path, edited), _expected(known, workstream, tasks, pieces)
    if not isinstance(after, Workplan) or after != expected or _places(after) != _places(expected):
        raise WriteIdsRefusedError("the edited file would differ in more than the UUIDs")
    return Edited(edited, after)


class _Piece(NamedTuple):
    """The text to add at the byte *offset*; for a new line, *below* is the number of the line above it."""

    offset: int
    written: bytes
    below: int | None = None


class _Source:
    """The file's bytes, and its lines by their numbers from 1."""

    def __init__(self, data: bytes) -> None:
        self.data, self.lines = data, Lines(data)
        self._spans = [(0, 0), *(found.span() for found in _LINE.finditer(data))]

    def line(self, number: int) -> bytes:
        """Return the line with its line end."""
        return self.data[slice(*self._spans[number])]

    def new_line(self, below: int, like: int, entry: str) -> _Piece:
        """Return *entry* below the line *below*, indented as the line *like* is."""
        content, above = _indented(self.line(like).decode(), entry).encode(), self.line(below)
        ended = above.endswith(b"\n")  # The last line of a file need not be; then the line before it says how.
        end = b"\r\n" if (above if ended else self.line(below - 1)).endswith(b"\r\n") else b"\n"
        return _Piece(self._spans[below][1], content + end if ended else end + content, below)

    def with_pieces(self, pieces: Sequence[_Piece]) -> bytes:
        """Return the bytes with *pieces*, which are in the order of the file."""
        parts, done = list[bytes](), 0
        for piece in pieces:
            parts += self.data[done : piece.offset], piece.written
            done = piece.offset
        return b"".join([*parts, self.data[done:]])


class _Passage(NamedTuple):
    """A mapping in the file: its *text* as YAML sees it, its values by their keys, the number of the *line* of the
    file that it begins in, and a function that finds a character of it in the file.
    """

    text: str
    values: dict[str, ScalarValue]
    line: int
    locate: Callable[[int], int | None]


def _task_pieces(source: _Source, front: FrontMatter, before: Workplan, tasks: Mapping[str, str]) -> Iterator[_Piece]:
    numbers = Counter(block.key for block in before.blocks)
    for key in tasks:
        if numbers[key] != 1:
            number = "more than once" if numbers[key] else "not"
            raise WriteIdsRefusedError(f"task '{key}' is {number} in the file", key)
    wanted = {block.key for block in before.blocks if block.uuid is None and block.key in tasks}
    for fence in task_fences(source.data[front.body :].decode(), front.body) if wanted else ():
        block, _ = read_block(fence, source.lines, 0)
        if block is not None and block.key in wanted:
            yield _task_piece(source, fence, block.key, tasks[block.key])


def _task_piece(source: _Source, fence: Fence, key: str, uuid: str) -> _Piece:
    line = source.lines.number(fence.offset) + 1
    passage = _Passage(fence.body, _values_of(fence.body), line, partial(_locate, fence))
    piece = _find_piece(source, passage, _TASK, uuid, key)
    if fence.size + len(piece.written) > MAX_BODY:
        raise WriteIdsRefusedError(f"task '{key}' has no room for a {_TASK}: a block has at most {MAX_BODY} bytes", key)
    return piece


def _values_of(text: str) -> dict[str, ScalarValue]:
    """Return the values of the mapping *text*; none if anything in it is faulty, even if it is not needed: then nothing
    shows that an addition reads right.
    """
    mapping = read_mapping(text)
    return mapping.values if mapping.fault is None else {}


def _locate(fence: Fence, index: int) -> int | None:
    place = fence.locate(index, index)
    return place[0] if place else None


def _find_piece(source: _Source, passage: _Passage, name: str, uuid: str, task: str | None = None) -> _Piece:
    """Find the best way to give the mapping, of *task* or of the file, the entry *name* with *uuid*."""
    piece = next(_pieces(source, passage, name, uuid), None) if passage.values else None
    if piece is None:
        whole = "the front matter" if task is None else f"task '{task}'"
        message = f"{whole} cannot be given a {name} in its current form; add it by hand ({uuid})"
        raise WriteIdsRefusedError(message, task)
    return piece


def _pieces(source: _Source, passage: _Passage, name: str, uuid: str) -> Iterator[_Piece]:
    """Find the ways to give the mapping the entry *name* with *uuid* after which it reads right, the best one first."""
    events = yaml.parse(passage.text, Loader=yaml.CSafeLoader)
    opening = next(event for event in events if isinstance(event, yaml.MappingStartEvent))
    if name in passage.values:
        return _inline(passage, _fillings(passage.text, passage.values[name], uuid), name, uuid)
    if opening.flow_style:
        entry = f', {name}: "{uuid}"'
        return _inline(passage, [(end, entry) for end in _ends(passage)], name, uuid)
    return _as_line(source, passage, opening.start_mark.index if opening.start_mark else 0, name, uuid)


def _inline(passage: _Passage, additions: Sequence[tuple[int, str]], name: str, uuid: str) -> Iterator[_Piece]:
    text = passage.text
    for index, written in additions:
        # Not at the beginning of a line: there a list's indent, or the end of the block, comes first.
        offset = passage.locate(index) if text[index - 1] != "\n" else None
        if offset is not None and _reads_right(text[:index] + written + text[index:], passage, name, uuid):
            yield _Piece(offset, written.encode())


def _as_line(source: _Source, passage: _Passage, start: int, name: str, uuid: str) -> Iterator[_Piece]:
    """The entry as a line of its own, indented as the line in which the mapping begins, at the character *start*."""
    entry, lines = f'{name}: "{uuid}"', passage.text.split("\n")
    like = passage.text.count("\n", 0, start)
    for end in _ends(passage):
        below = passage.text.count("\n", 0, end)
        changed = [*lines[: below + 1], _indented(lines[like], entry), *lines[below + 1 :]]
        if _reads_right("\n".join(changed), passage, name, uuid):
            yield source.new_line(passage.line + below, passage.line + like, entry)


def _ends(passage: _Passage) -> list[int]:
    """Return where an entry may follow: after the last value, else (that may be part of a longer text) the status."""
    ends = [list(passage.values.values())[-1].end, passage.values["status"].end]
    return [len(passage.text[:end].rstrip()) for end in ends]


def _fillings(text: str, value: ScalarValue, uuid: str) -> list[tuple[int, str]]:
    """Return the places and texts that fill in the empty *value*; for YAML a missing one begins with the next thing."""
    if value.style in ("'", '"'):
        return [(value.start + 1, uuid)]
    key_end = len(text[: value.start].rstrip())
    return [(place, f'{colon} "{uuid}"') for place in (key_end, value.start) for colon in ("", ":")]


def _indented(like: str, entry: str) -> str:
    return like[: len(like) - len(like.lstrip(" \t"))] + entry


def _reads_right(text: str, passage: _Passage, name: str, uuid: str) -> bool:
    """Return whether the mapping *text* has *uuid* and is otherwise the same as the *passage*."""
    mapping = read_mapping(text)
    found = {key: value.text for key, value in mapping.values.items()}
    expected = {key: value.text for key, value in passage.values.items()} | {name: uuid}
    return mapping.fault is None and found == expected


def _expected(before: Workplan, workstream: str | None, tasks: Mapping[str, str], pieces: Sequence[_Piece]) -> Workplan:
    offsets, belows = [piece.offset for piece in pieces], [piece.below for piece in pieces if piece.below is not None]
    lengths = [0, *accumulate(len(piece.written) for piece in pieces)]

    def line(number: int) -> int:
        return number + bisect_left(belows, number)

    def block(old: TaskBlock) -> TaskBlock:
        moved = lengths[bisect_right(offsets, old.place[0])] if old.place else 0
        place = (old.place[0] + moved, old.place[1] + moved) if old.place else None
        return replace(old, uuid=old.uuid or tasks.get(old.key), line=line(old.line), place=place)

    blocks = tuple(map(block, before.blocks))
    problems = tuple(old._replace(line=old.line and line(old.line)) for old in before.problems)
    return before._replace(uuid=before.uuid or workstream, blocks=blocks, problems=problems)


def _places(workplan: Workplan) -> list[tuple[int, int] | None]:
    """Return the places, which a comparison of two workplans leaves out."""
    return [block.place for block in workplan.blocks]
