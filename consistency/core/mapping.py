"""Reads a small YAML mapping as strings with their spans, without constructing anything.

Events, not nodes: no recursion, no merge keys, no type guessing. Anchors, aliases and tags are refused,
and so is a key given twice (design, "Workplan format").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from consistency.core.words import shorten

MAX_DEPTH = 64
"""Levels of nesting; libyaml's time grows with their square."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of the mapping. `start` and `end` are character indexes into the text, quotes included.

    `text` is None where the value is a list or a mapping. `style` is YAML's: '' plain, ' or " quoted,
    | or > a block scalar.
    """

    text: str | None
    start: int
    end: int
    style: str

    @property
    def is_block(self) -> bool:
        """Whether it is a block scalar (`|` or `>`)."""
        return self.style in ("|", ">")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a text is no acceptable mapping; `index` is the character index of the place.

    `other` says that there is no mapping at all: nothing, or valid YAML of another kind.
    """

    message: str
    index: int
    other: bool = False


@dataclass(frozen=True, slots=True)
class Mapping:
    """What could be read: the top-level values by key, and the first fault if there is one.

    With a fault the values are those before it: enough to name the thing, never enough to act on.
    """

    values: dict[str, Value]
    fault: Fault | None

    def text(self, key: str) -> str:
        """The value of *key* as text without outer white space; '' where it is missing or nested."""
        value = self.values.get(key)
        return "" if value is None or value.text is None else value.text.strip()


class _Refused(Exception):
    """Carries a fault out of the event loop."""

    def __init__(self, message: str, index: int, *, other: bool = False) -> None:
        self.fault = Fault(message, index, other)


_PLAIN = 2
"""The group of a plain value."""

_SIMPLE_LINE = re.compile(
    r"""([A-Za-z_]\w{0,99}):[ ]+                        # the key
        (?: ([A-Za-z0-9][\w./-]*(?:[ ][\w./-]+)*)  # plain words
          | "([ !\#-\[\]-~]*)"                     # in double quotes, without an escape
          | '([ -&(-~]*)'                          # in single quotes
        ) [ ]* (?:[ ]\#[ -~]*)? (?:\n|\Z)""",
    re.ASCII | re.VERBOSE,
)


def read_mapping(text: str) -> Mapping:
    """Read *text* as one YAML mapping. Never raises for what a person wrote; the fault is in the result."""
    return read_simple(text) or read_yaml(text)


def read_simple(text: str) -> Mapping | None:
    """What `read_yaml` makes of *text* where that is lines of a word, a colon and a simple value; else None.

    Nearly all task blocks are; YAML proper takes ten times as long for them. A test holds both together.
    """
    values: dict[str, Value] = {}
    position, end = 0, len(text)
    while position < end:
        line = _SIMPLE_LINE.match(text, position)
        if line is None or line[1] in values:
            return None
        kind = line.lastindex or 0
        first, last = line.span(kind)
        if kind == _PLAIN:
            values[line[1]] = Value(line[kind], first, last, "")
        else:
            values[line[1]] = Value(line[kind], first - 1, last + 1, text[last])
        position = line.end()
    return Mapping(values, None) if values else None


def read_yaml(text: str) -> Mapping:
    """Read *text* by YAML's own rules."""
    values: dict[str, Value] = {}
    text = _without_bom(text)
    try:
        _fill(values, yaml.parse(text, Loader=yaml.CSafeLoader))
    except _Refused as refused:
        return Mapping(values, refused.fault)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = " ".join(part for part in (error.context, error.problem) if part)
        return Mapping(values, Fault(f"not valid YAML: {words}", mark.index if mark else 0))
    except yaml.reader.ReaderError as error:
        before = text.encode()[: error.position].decode("utf-8", "ignore")  # Its position is in bytes.
        return Mapping(values, Fault(f"not valid YAML: character #x{error.character:04x}: {error.reason}", len(before)))
    return Mapping(values, None)


def _without_bom(text: str) -> str:
    """*text* with a leading BOM made an empty line, of the same length: libyaml does not count it."""
    return "\n" + text[1:] if text.startswith("\ufeff") else text


def _fill(values: dict[str, Value], events: Iterator[yaml.Event]) -> None:
    """Walk the events of one document; fill *values* in place. Raises _Refused or yaml.YAMLError."""
    opening = next(event for event in events if isinstance(event, yaml.NodeEvent | yaml.StreamEndEvent))
    if isinstance(opening, yaml.StreamEndEvent):
        raise _Refused("empty: a mapping of `key: value` lines is expected", 0, other=True)
    if not isinstance(opening, yaml.MappingStartEvent):
        raise _Refused("not a mapping of `key: value` lines", _start(opening), other=True)
    _refuse_extras(opening)
    _read_pairs(values, events)
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            raise _Refused("a second YAML document begins here", _start(event))


def _read_pairs(values: dict[str, Value], events: Iterator[yaml.Event]) -> None:
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        key = _read_value(event, events)
        value = _read_value(next(events), events)
        if key.text is None:
            raise _Refused("a key must be a plain word", key.start)
        if key.text in values:
            raise _Refused(f"key '{shorten(key.text)}' is given twice", key.start)
        values[key.text] = value


def _read_value(event: yaml.Event, events: Iterator[yaml.Event]) -> Value:
    _refuse_extras(event)
    start = _start(event)
    if isinstance(event, yaml.ScalarEvent):
        return Value(event.value, start, _end(event), event.style or "")
    return Value(None, start, _skip_nested(event, events), "")


def _skip_nested(opening: yaml.Event, events: Iterator[yaml.Event]) -> int:
    """Read past a list or mapping, refusing the same things in it; the index where it ends."""
    # One entry a level: for a mapping its keys so far and whether a key comes next, for a list None.
    levels: list[_Level | None] = [_level(opening)]
    event = opening
    while levels:
        event = next(events)
        _refuse_extras(event)
        if isinstance(event, yaml.CollectionEndEvent):
            levels.pop()
            continue
        if levels[-1] is not None:
            levels[-1].see(event)
        if isinstance(event, yaml.CollectionStartEvent):
            levels.append(_level(event))
            if len(levels) > MAX_DEPTH:
                raise _Refused(f"nested more than {MAX_DEPTH} levels deep", _start(event))
    return _end(event)


class _Level:
    """The keys of one nested mapping."""

    __slots__ = ("keys", "wants_key")

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.wants_key = True

    def see(self, event: yaml.Event) -> None:
        if self.wants_key and isinstance(event, yaml.ScalarEvent):
            if event.value in self.keys:
                raise _Refused(f"key '{shorten(event.value)}' is given twice", _start(event))
            self.keys.add(event.value)
        self.wants_key = not self.wants_key


def _level(event: yaml.Event) -> _Level | None:
    return _Level() if isinstance(event, yaml.MappingStartEvent) else None


def _refuse_extras(event: yaml.Event) -> None:
    anchor = getattr(event, "anchor", None)
    if isinstance(event, yaml.AliasEvent):
        raise _Refused(f"alias '*{anchor}' is not allowed here", _start(event))
    if anchor is not None:
        raise _Refused(f"anchor '&{anchor}' is not allowed here", _start(event))
    tag = getattr(event, "tag", None)
    if tag is not None:  # It may be ''.
        raise _Refused(f"tag '{shorten(tag)}' is not allowed here", _start(event))


def _start(event: yaml.Event) -> int:
    """Character index at which *event* begins; the parser always gives one, its type says it may not."""
    return event.start_mark.index if event.start_mark else 0


def _end(event: yaml.Event) -> int:
    return event.end_mark.index if event.end_mark else 0
