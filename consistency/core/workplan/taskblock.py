"""Reads one task fence into a task block, or into the problems that keep it from being one (C-05)."""

from __future__ import annotations

import re

from consistency.core.codes import FIELD_DIFFERS, INVALID_BLOCK
from consistency.core.workplan.blocks import MAX_BODY, Fence
from consistency.core.workplan.model import Problem, TaskBlock
from consistency.core.workplan.source import Lines
from consistency.core.workplan.validation import (
    MAX_ID,
    has_control,
    id_error,
    is_uuid,
    not_one_of_message,
    suggest,
    truncate,
    without_invisible,
    word_error,
)
from consistency.core.workplan.yaml_mapping import (
    BLANKS,
    Mapping,
    ScalarValue,
    cut_hint,
    cut_messages,
    nested_error,
    read_mapping,
)
from statehub.ids import normalize_id
from statehub.statuses import DEFAULT_PRIORITY, PRIORITIES, TASK_STATUSES

_KEYS = ("id", "status", "priority", "title", "state_hub_task_id", "owner", "depends")
MAX_DEPENDS = 100
"""Tasks that one task can depend on."""
_STRANGERS = 20
"""Number of unknown keys that are checked for a typing error."""
_WORDS = {word: word for word in (*TASK_STATUSES, *PRIORITIES)}
_PLAIN = re.compile(
    rf"""id:[ ]([A-Za-z0-9][\w./-]{{0,{MAX_ID - 1}}})\n
        status:[ ]({"|".join(TASK_STATUSES)})\n
        (?:priority:[ ]({"|".join(PRIORITIES)})\n)?
        (?:state_hub_task_id:[ ]("?)([0-9A-Fa-f]{{8}}(?:-[0-9A-Fa-f]{{4}}){{3}}-[0-9A-Fa-f]{{12}})\4\n)?""",
    re.ASCII | re.VERBOSE,
)
"""The body of a block as the template has it, and as most are."""
_SEPARATOR = re.compile(r" ?[—–:] ?| - ?|- ")


def read_block(fence: Fence, lines: Lines, place: int) -> tuple[TaskBlock | None, tuple[Problem, ...]]:
    """Read the block of *fence*, the *place*-th of its file from 0; None with at least one problem if that fails."""
    plain = read_plain_block(fence, lines)
    return (plain, ()) if plain is not None else read_any_block(fence, lines, place)


def read_plain_block(fence: Fence, lines: Lines) -> TaskBlock | None:
    """Read a block like `_PLAIN` as `read_any_block` does, in a third of the time; return None for any other."""
    found = _PLAIN.fullmatch(fence.body)
    if found is None:
        return None
    key, status, priority, _, uuid = found.groups()
    title = title_from_heading(fence.heading, key) or key
    if not title.isprintable():
        return None
    line, place = lines.number(fence.offset) + 2, fence.locate(*found.span(2))
    # The blocks of a large import share the few words, instead of a copy each.
    status, priority = _WORDS[status], _WORDS[priority or DEFAULT_PRIORITY]
    return TaskBlock(key, title, status, priority, uuid and uuid.lower(), line, place)


def read_any_block(fence: Fence, lines: Lines, place: int) -> tuple[TaskBlock | None, tuple[Problem, ...]]:
    """Read a block as `read_block` does, whatever is in it."""
    if fence.size > MAX_BODY:
        message = f"task block is too large: {fence.size} bytes, {MAX_BODY} are allowed"
        return None, (Problem(INVALID_BLOCK, message, lines.number(fence.offset), discriminator=f"{place}:size"),)
    reader = _Reader(fence, read_mapping(fence.body, _KEYS), lines, place)
    return reader.read(), tuple(reader.problems)


def title_from_heading(heading: str, key: str) -> str:
    """Return the *heading* without a leading short form of the task's id *key* (design, "Workplan format").

    `T01 — No-regress rule` over the id `CUST-WP-0026-T01` gives `No-regress rule`.
    """
    word, dash, title = heading.partition(" — ")
    if dash and word.isalnum() and _is_short_for(word, key):  # As most are.
        return title or heading
    most = len(key) + 3
    found = _SEPARATOR.search(heading, 0, most)
    while found is not None:
        if _is_short_for(heading[: found.start()], key):
            return heading[found.end() :] or heading
        found = _SEPARATOR.search(heading, found.end(), most)
    return heading


def _is_short_for(word: str, key: str) -> bool:
    return key == word or (word != "" and key.endswith(word) and not key[-len(word) - 1].isalnum())


class _Reader:
    """Checks the fields of one block in order, gathering problems."""

    def __init__(self, fence: Fence, mapping: Mapping, lines: Lines, place: int) -> None:
        self.problems: list[Problem] = []
        self._fence, self._mapping, self._lines, self._place = fence, mapping, lines, place
        self._key = normalize_id(mapping.text("id"))
        self._fault_of_id = id_error(self._key)
        if self._fault_of_id is not None:
            self._key = ""

    def read(self) -> TaskBlock | None:
        """Return the block, or None if problems were found."""
        if self._mapping.fault is not None:
            index = self._mapping.fault.index
            self._problem("yaml", f"task block is not usable: {self._mapping.fault.message}", index)
            return None
        body = self._fence.body
        if not body.isascii() or "\\" in body:
            self._check_keys()
        if not self._key and (written := self._value("id", required=True)) is not None:
            self._problem("id", f"task id {self._fault_of_id}", written.start)
        status = self._word("status", TASK_STATUSES, "task status")
        priority = self._word("priority", PRIORITIES, "priority", DEFAULT_PRIORITY)
        title, uuid, owner, depends = self._title(), self._uuid(), self._owner(), self._depends()
        if self.problems:
            return None
        if "#" in body:
            for name, message in cut_messages(body, self._mapping, ("id", "title", "owner", "depends")):
                self._problem(f"cut:{name}", message, self._mapping.values[name].start, FIELD_DIFFERS)
        value = self._mapping.values["status"]
        # A value over a line end has no place: to write it on one line would move all below.
        place = None if "\n" in body[value.start : value.end] else self._fence.locate(value.start, value.end)
        line = self._line_of(value.start)
        return TaskBlock(self._key, title, status, priority, uuid, line, place, owner, depends)

    def _check_keys(self) -> None:
        """Report keys with invisible characters: they look like ours, and are others."""
        for key, value in self._mapping.values.items():
            fault = word_error(key)
            name = without_invisible(key) if fault else ""
            if name in _KEYS:
                self._problem(f"key:{name}", f"the key '{name}' {fault}", value.start)

    def _word(self, name: str, allowed: tuple[str, ...], what: str, default: str | None = None) -> str:
        value = self._mapping.values.get(name)
        if value is not None and value.text in allowed and not value.is_block:
            return value.text
        value = self._value(name, required=default is None)
        if value is None or value.text is None:
            return default or ""
        if value.is_block:
            self._problem(name, f"'{name}' is a block scalar: write it on one line", value.start)
        else:
            fault = word_error(value.text)
            message = f"'{name}' {fault}" if fault else not_one_of_message(what, value.text, allowed)
            self._problem(name, message, value.start)
        return value.text

    def _title(self) -> str:
        value = self._value("title") if "title" in self._mapping.values else None
        written = " ".join(value.text.split()) if value is not None and value.text else ""
        title = written or title_from_heading(self._fence.heading, self._key) or self._key
        if has_control(title):
            self._problem("title", "title holds a control character", value.start if value else 0)
        return title

    def _uuid(self) -> str | None:
        value = self._value("state_hub_task_id")
        if value is None or not value.text:
            return None
        if not is_uuid(value.text):
            fault, message = word_error(value.text), f"state_hub_task_id '{truncate(value.text)}' is not a UUID"
            self._problem("state_hub_task_id", f"'state_hub_task_id' {fault}" if fault else message, value.start)
        return value.text.lower()

    def _owner(self) -> str:
        value = self._value("owner")
        owner = " ".join(value.text.split()) if value is not None and value.text else ""
        if value is not None and has_control(owner):
            self._problem("owner", "owner holds a control character", value.start)
        return owner

    def _depends(self) -> tuple[str, ...]:
        """Return the ids of a list, or the one that is there without brackets."""
        value = self._mapping.values.get("depends")
        if value is None:
            return ()
        items = (value.text,) if value.text is not None else value.items
        if items is None or value.is_block:
            self._problem("depends", "'depends' must be a list of task ids: [ID, ID]", value.start)
            return ()
        found = dict.fromkeys(normalize_id(item.strip(BLANKS)) for item in items)
        found.pop("", None)
        fault = next(filter(None, map(id_error, found)), None)
        if fault is None and any("," in item for item in found):
            fault = "has a comma in an id: write the ids as a list, [ID, ID]"
        if fault is None and len(found) > MAX_DEPENDS:
            fault = f"has more than {MAX_DEPENDS} ids"
        if fault is not None:
            self._problem("depends", f"'depends' {fault}", value.start)
        return tuple(found)

    def _value(self, name: str, *, required: bool = False) -> ScalarValue | None:
        """Return the value of *name* if there is something in it; report a problem if that may not be."""
        value = self._mapping.values.get(name)
        if value is None:
            if required and not any(problem.discriminator.endswith(f":key:{name}") for problem in self.problems):
                self._report_missing(name)
            return None
        if value.text is None:
            self._problem(name, f"'{name}' {nested_error(self._fence.body, value)}", value.start)
            return None
        if value.text.strip(BLANKS):
            return value
        if required:
            message = f"task block has an empty '{name}'{cut_hint(self._fence.body, value)}"
            self._problem(name, message, value.start)
        return None

    def _report_missing(self, name: str) -> None:
        strangers = [key for key in self._mapping.values if key not in _KEYS][:_STRANGERS]
        meant = next((key for key in strangers if suggest(key, (name,))), None)
        hint = f" — did you mean '{name}' where it says '{truncate(meant)}'?" if meant else ""
        index = self._mapping.values[meant].start if meant else None
        self._problem(name, f"task block has no '{name}'{hint}", index)

    def _line_of(self, index: int) -> int:
        """Return the line in the file of the character *index* of the body."""
        first, body = self._lines.number(self._fence.offset), self._fence.body.rstrip()
        return first + 1 + body.count("\n", 0, index) if body else first

    def _problem(self, discriminator: str, message: str, index: int | None, code: str = INVALID_BLOCK) -> None:
        """Add a problem at the character *index* of the body, or of the whole block."""
        line = self._lines.number(self._fence.offset) if index is None else self._line_of(index)
        self.problems.append(Problem(code, message, line, self._key or None, f"{self._place}:{discriminator}"))
