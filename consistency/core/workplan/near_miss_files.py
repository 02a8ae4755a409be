"""Says why a file that nearly is a workplan, or was one, is not read as one (C-23).

Most files that match the pattern and are not workplans have none of the words that are checked first; a run does not
even ask here about those (`source.may_be_workplan`).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from consistency.core.workplan.fences import first_word, task_fences, too_deep
from consistency.core.workplan.source import LFS_POINTER, UTF8_BOM, FrontMatter, Lines, Unclosed, cut_front_matter
from consistency.core.workplan.validation import is_typo, truncate, usable_id, without_invisible
from consistency.core.workplan.yaml_mapping import Mapping, ScalarValue, read_mapping
from statehub.ids import name_invisible
from statehub.statuses import TASK_STATUSES

_SET_TYPE = "write `type: workplan`"
_HOW = "write `type: workplan`, with id, title and status, between two lines `---` at the top of the file"

_TYPE = re.compile(
    rb"""^(?:[ \t"'{]|[\x80-\xff])*type(?:[ \t"']|[\x80-\xff])*[:=]
         (?:[ \t"'\[]|[\x80-\xff])*work[-_ ]?plans?(?![\w-])""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_ANY_TYPE = re.compile(rb"""^["']?type["']?[ \t]*:[ \t]*([^\r\n#]*)""", re.IGNORECASE | re.MULTILINE)
_FIELD = re.compile(rb"""^(?:[ \t"'{]|[\x80-\xff])*(id|title|status)["']?[ \t]*[:=]""", re.IGNORECASE | re.MULTILINE)
_ID = re.compile(
    rb"""^(?:[ \t"'{]|[\x80-\xff])*id["']?[ \t]*[:=][ \t]*["']?([^\s"',#]+)""", re.IGNORECASE | re.MULTILINE
)
_RULE = re.compile(rb"^(?:[ \t]|[\x80-\xff])*(---+|\+\+\++)[ \t]*\r?$", re.MULTILINE)
_BLANK_LINE = re.compile(rb"\r?\n[ \t]*\r?\n")
_FENCE = re.compile(rb"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
_TASK_FENCE = re.compile(rb"(?:```|~~~)`*~*[ \t]*task")
_OURS = re.compile(rb"^<{7} .*?^={7}\r?$.*?^>{7}(?: |\r?$)", re.MULTILINE | re.DOTALL)
_MARKER = re.compile(r"^(?:<{7} |={7}\r?$|>{7}(?: |\r?$))", re.MULTILINE)
_MAX_HEAD = 64 * 1024
"""Bytes in which misplaced front matter is searched for."""


class UnreadFile(NamedTuple):
    """The reason and what to do about it, the line, and the id that the file would have."""

    message: str
    line: int
    key: str | None = None


def find_conflict(data: bytes) -> UnreadFile | None:
    """Find the first place where git has left both sides of a conflict, outside of code that only shows some."""
    if b"<<<<<<<" not in data:
        return None
    data = data.removeprefix(UTF8_BOM)
    found, text = _OURS.search(data), _decode(data)
    if found is None or _count_shown_markers(text) >= len(_MARKER.findall(text)):
        return None
    message = "git left both sides of a conflict here: keep one, and take the lines `<<<<<<<` … `>>>>>>>` out"
    return UnreadFile(message, Lines(data).number(found.start()))


def _count_shown_markers(text: str) -> int:
    """Count the markers in *text* that are in code blocks other than tasks: they only show what git writes."""
    shown, opened, word = 0, "", ""
    for line in text.split("\n"):
        fence = re.match(r" {0,3}(`{3,}|~{3,})(.*)", line)
        if fence and not opened:
            opened, word = fence[1], first_word(fence[2].strip())
        elif fence and fence[1].startswith(opened) and not fence[2].strip():
            opened = ""
        elif opened and word != "task" and _MARKER.match(line):
            shown += 1
    return shown


def near_workplan(path: str, data: bytes, mapping: Mapping | None = None) -> UnreadFile | None:
    """Say why the file *path* is not a workplan, if it nearly is one; *mapping* is its front matter, if it has one."""
    data = data.removeprefix(UTF8_BOM)
    if data.startswith(LFS_POINTER):
        return UnreadFile("this is a Git LFS pointer instead of the file: git lfs pull downloads it", 1)
    lowered = data.lower()
    is_readme = path.rpartition("/")[2].casefold().startswith("readme")  # It describes a folder, with examples.
    found = None
    if mapping is not None:
        found = _by_type(data, mapping)
    elif b"plan" in lowered and b"type" in lowered and not is_readme:
        found = _misplaced(data)
    if found is None and not is_readme and _may_open_a_task(lowered):
        found = _tasks_alone(data, mapping)
    if found is not None and b"<<<<<<<" in data:
        conflict = find_conflict(data)
        return UnreadFile(conflict.message, conflict.line, found.key) if conflict else found
    return found


def why_no_workplan(path: str, data: bytes, key: str) -> UnreadFile:
    """Say why the file *path*, which was the workplan *key* at the last fix, is not one now."""
    front = cut_front_matter(data)
    mapping = read_mapping(_decode(data[front.start : front.end])) if isinstance(front, FrontMatter) else None
    near = near_workplan(path, data, mapping) or find_conflict(data)
    if near is not None:
        return near
    line, what = 1, "it no longer has front matter"
    if not data.strip():
        what = "it is empty now"
    elif isinstance(front, Unclosed):
        what = "its front matter is not closed: a line `---` is missing"
    elif front is not None and mapping is not None:
        what, line = _other_type(data, front, mapping)
    until = f"was workplan '{key}' at the last fix, but {what}"
    return UnreadFile(f"{until} — put that back, or delete the workstream in the hub if it is really over", line, key)


def _other_type(data: bytes, front: FrontMatter, mapping: Mapping) -> tuple[str, int]:
    """Say which type the file has instead of ours, and on which line."""
    value = mapping.values.get("type")
    if value is not None and value.text:
        return f"its type is '{truncate(value.text)}' now", _line(data, front, value)
    written = _ANY_TYPE.search(data, front.start, front.end)
    if written is not None:
        return f"its type is '{truncate(_decode(written[1]).strip())}' now", Lines(data).number(written.start())
    return "its front matter has no `type` now", 1


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _line(data: bytes, front: FrontMatter, value: ScalarValue) -> int:
    # Counted in the text: bytes that are not UTF-8 have another length in it.
    return Lines(data).number(front.start) + _decode(data[front.start : front.end]).count("\n", 0, value.start)


def _may_open_a_task(lowered: bytes) -> bool:
    return b"task" in lowered and (b"```" in lowered or b"~~~" in lowered) and _TASK_FENCE.search(lowered) is not None


def _by_type(data: bytes, mapping: Mapping) -> UnreadFile | None:
    """Find a type, or a key for it, that nearly is the right one, in front matter in its place."""
    front, key = cut_front_matter(data), usable_id(mapping.text("id"))
    if isinstance(front, FrontMatter):
        for name, value in mapping.values.items():
            nested = value.text is None
            written = _decode(data[front.start : front.end])[value.start : value.end] if nested else value.text or ""
            if not (_is_nearly_workplan(written) and _is_nearly_type(name)):
                continue
            reason = f"the key is '{truncate(name)}'{name_invisible(name)}, not 'type'"
            message = f"{_type_is(written) if name == 'type' else reason}: {_SET_TYPE}"
            return UnreadFile(message, _line(data, front, value), key)
    if "type" in mapping.values:
        return None
    if front is not None and mapping.is_broken:
        return _by_type_in_broken(data, front, key)
    if "state_hub_workstream_id" in mapping.values:
        return UnreadFile(f"front matter has no type: {_SET_TYPE}", 1, key)
    return None


def _by_type_in_broken(data: bytes, front: FrontMatter | Unclosed, key: str | None) -> UnreadFile | None:
    end = front.end if isinstance(front, FrontMatter) else front.start + _MAX_HEAD
    found = _ANY_TYPE.search(data, front.start, end)
    written = _decode(found[1]).strip() if found else ""
    if found is None or not _is_nearly_workplan(written):
        return None
    named = _ID.search(data, front.start, end) if key is None else None
    key = usable_id(_decode(named[1])) if named else key
    return UnreadFile(f"{_type_is(written)}: {_SET_TYPE}", Lines(data).number(found.start()), key)


def _type_is(written: str) -> str:
    return f"type is '{truncate(written)}'{name_invisible(written)}"


def _is_nearly_workplan(word: str) -> bool:
    if len(word) > 40:
        return False
    folded = re.sub(r"[\W_]", "", word.casefold())
    return folded == "workplans" or is_typo(folded, "workplan", most=1)


def _is_nearly_type(name: str) -> bool:
    folded = re.sub(r"[\W_]", "", without_invisible(name[:40]).casefold())
    return folded == "kind" or is_typo(folded, "type")


def _misplaced(data: bytes) -> UnreadFile | None:
    """Find front matter that is not on the first line, or is written in another way."""
    found = _TYPE.search(data, 0, _MAX_HEAD)
    if found is None:
        return None
    above = data[: found.start()]
    opened = list(_FENCE.finditer(above))
    rules = list(_RULE.finditer(above))
    blank = [line.end() for line in _BLANK_LINE.finditer(above)] or [0]
    start = rules[-1].start() if rules else blank[-1]
    end = _BLANK_LINE.search(data, found.end())
    paragraph = data[start : end.end() if end else len(data)]
    if len({name.lower() for name in _FIELD.findall(paragraph)}) < 2:
        return None
    key = _ID.search(paragraph)
    usable = usable_id(_decode(key[1])) if key else None
    if len(opened) % 2:  # In a code block: an example, if that is not where the front matter should be.
        if data[: opened[0].start()].strip() or len(opened) > 1:
            return None
        return UnreadFile("front matter is in a code block: it must begin with `---` on the first line", 1, usable)
    rule = rules[-1] if rules else None
    line = Lines(data).number(rule.start(1) if rule else found.start())
    if rule is None:
        kind = "is JSON" if b"{" in data[start : found.end()] else "has no line `---` above it"
        what = f"front matter {kind}: write it as YAML between two lines `---`"
    elif rule[1].startswith(b"+"):
        what = "front matter is TOML (`+++`): write it as YAML between two lines `---`"
    elif len(rule[1]) > 3 and line == 1:
        what = "front matter begins with more than three dashes: write `---`"
    else:
        before, where = _decode(data[: rule.start(1)]), f"front matter begins on line {line}"
        if line == 1:
            where = f"`---` is not at the start of line 1{name_invisible(before)}"
        has_blanks = line > 1 and not before.strip()
        what = f"{where}: {'take away the blank lines above it' if has_blanks else 'nothing may come before it'}"
    return UnreadFile(what, line, usable)


def _tasks_alone(data: bytes, mapping: Mapping | None) -> UnreadFile | None:
    """Find task blocks in a file without front matter, or without a type in it."""
    if mapping is not None and (mapping.is_broken or "type" in mapping.values):
        return None
    text = _decode(data).replace("\r\n", "\n")
    for fence in task_fences(text, 0) if too_deep(text) is None else ():
        task = read_mapping(fence.body)
        if task.text("id") and task.text("status") in TASK_STATUSES:
            what = "front matter has no type" if mapping and mapping.values else "task blocks without front matter"
            line = text.encode().count(b"\n", 0, fence.offset) + 1
            return UnreadFile(f"{what}: {_HOW}", line, usable_id(mapping.text("id")) if mapping else None)
    return None
