"""Reads a small mapping by YAML's own rules, from PyYAML's events.

Events, not nodes: no recursion, no merge keys, no type guessing. Imported only when it is needed: loading PyYAML takes
as long as reading some twenty workplans.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from consistency.core.workplan.validation import truncate
from consistency.core.workplan.yaml_mapping import MAX_DEPTH, Mapping, ScalarValue, SyntaxProblem
from statehub.errors import StateHubError

_OPEN_END = ("found unexpected end of stream", "did not find expected ',' or", "did not find expected node content")


class _RefusedError(StateHubError):
    """A fault, on its way out of the event loop."""

    def __init__(self, message: str, index: int, *, other: bool = False) -> None:
        self.fault = SyntaxProblem(message, index, other)


def read_yaml(text: str) -> Mapping:
    """Read *text* by YAML's own rules."""
    values: dict[str, ScalarValue] = {}
    if text.startswith("\ufeff"):
        text = "\n" + text[1:]  # Of the same length: libyaml does not count a BOM.
    try:
        _fill(values, yaml.parse(text, Loader=yaml.CSafeLoader))
    except _RefusedError as refused:
        return Mapping(values, refused.fault)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = " ".join(part for part in (error.context, error.problem) if part)
        return Mapping(values, SyntaxProblem(f"not valid YAML: {message}", mark.index if mark else 0))
    except yaml.reader.ReaderError as error:
        before = text.encode()[: error.position].decode("utf-8", "ignore")  # Its position is in bytes.
        return Mapping(
            values, SyntaxProblem(f"not valid YAML: character #x{error.character:04x}: {error.reason}", len(before))
        )
    return Mapping(values, None)


def is_closed(entry: str) -> bool:
    """Return whether a faulty *entry* ends with its lines: no quote or bracket in it may take in the next ones."""
    level = 0
    try:
        for event in yaml.parse(entry, Loader=yaml.CSafeLoader):
            level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if level > MAX_DEPTH:
                return False
    except yaml.MarkedYAMLError as error:
        return error.problem is None or not error.problem.startswith(_OPEN_END)
    except yaml.reader.ReaderError:
        return False
    return True


def _fill(values: dict[str, ScalarValue], events: Iterator[yaml.Event]) -> None:
    """Walk the events of one document; fill *values* in place. Raises _RefusedError or yaml.YAMLError."""
    opening = next(event for event in events if isinstance(event, yaml.NodeEvent | yaml.StreamEndEvent))
    if isinstance(opening, yaml.StreamEndEvent):
        raise _RefusedError("empty: a mapping of `key: value` lines is expected", 0, other=True)
    if not isinstance(opening, yaml.MappingStartEvent):
        raise _RefusedError("not a mapping of `key: value` lines", _start(opening), other=True)
    _refuse_extras(opening)
    _read_pairs(values, events)
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            raise _RefusedError("a second YAML document begins here", _start(event))


def _read_pairs(values: dict[str, ScalarValue], events: Iterator[yaml.Event]) -> None:
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        key = _read_value(event, events)
        value = _read_value(next(events), events)
        if key.text is None:
            raise _RefusedError("a key must be a plain word", key.start)
        if key.text in values:
            raise _RefusedError(f"key '{truncate(key.text)}' is given twice", key.start)
        values[key.text] = value


def _read_value(event: yaml.Event, events: Iterator[yaml.Event]) -> ScalarValue:
    _refuse_extras(event)
    start = _start(event)
    if isinstance(event, yaml.ScalarEvent):
        return ScalarValue(event.value, start, _end(event), event.style or "")
    items: list[str | None] | None = [] if isinstance(event, yaml.SequenceStartEvent) else None
    end = _read_nested(event, events, items)
    return ScalarValue(None, start, end, "", _texts(items))


def _read_nested(opening: yaml.Event, events: Iterator[yaml.Event], items: list[str | None] | None) -> int:
    """Read past a list or mapping, refusing the same things in it, and return the index of its end.

    *items* gets what a list has: the texts, None for anything else.
    """
    # One entry a level: for a mapping its keys so far and whether a key comes next, for a list None.
    levels: list[_Level | None] = [_level(opening)]
    event = opening
    while levels:
        event = next(events)
        _refuse_extras(event)
        if items is not None and len(levels) == 1 and isinstance(event, yaml.NodeEvent):
            items.append(event.value if isinstance(event, yaml.ScalarEvent) else None)
        if isinstance(event, yaml.CollectionEndEvent):
            levels.pop()
            continue
        if levels[-1] is not None:
            levels[-1].see(event)
        if isinstance(event, yaml.CollectionStartEvent):
            levels.append(_level(event))
            if len(levels) > MAX_DEPTH:
                raise _RefusedError(f"nested more than {MAX_DEPTH} levels deep", _start(event))
    return _end(event)


def _texts(items: list[str | None] | None) -> tuple[str, ...] | None:
    """Return *items* if all of them are texts."""
    found = tuple(item for item in items or () if item is not None)
    return found if items is not None and len(found) == len(items) else None


class _Level:
    """The keys of one nested mapping."""

    __slots__ = ("keys", "wants_key")

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.wants_key = True

    def see(self, event: yaml.Event) -> None:
        if self.wants_key and isinstance(event, yaml.ScalarEvent):
            if event.value in self.keys:
                raise _RefusedError(f"key '{truncate(event.value)}' is given twice", _start(event))
            self.keys.add(event.value)
        self.wants_key = not self.wants_key


def _level(event: yaml.Event) -> _Level | None:
    return _Level() if isinstance(event, yaml.MappingStartEvent) else None


def _refuse_extras(event: yaml.Event) -> None:
    anchor = getattr(event, "anchor", None)
    if isinstance(event, yaml.AliasEvent):
        raise _RefusedError(f"alias '*{anchor}' is not allowed here", _start(event))
    if anchor is not None:
        raise _RefusedError(f"anchor '&{anchor}' is not allowed here", _start(event))
    tag = getattr(event, "tag", None)
    if tag is not None:  # It may be ''.
        raise _RefusedError(f"tag '{truncate(tag)}' is not allowed here", _start(event))


def _start(event: yaml.Event) -> int:
    """Character index at which *event* begins; the parser always gives one, its type says it may not."""
    return event.start_mark.index if event.start_mark else 0


def _end(event: yaml.Event) -> int:
    return event.end_mark.index if event.end_mark else 0
