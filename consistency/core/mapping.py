"""Reads a small YAML mapping as strings with their spans, without constructing anything.

Events, not nodes: no recursion, no merge keys, no type guessing. Anchors, aliases and tags are refused,
and so is a key given twice (design, "Workplan format").
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

import yaml

from consistency.core.words import shorten

BLANKS = " \t\r\n"
"""What may stand around a value; other white space is part of it, so that it can be named."""

MAX_DEPTH = 64
"""Levels of nesting; libyaml's time grows with their square."""


@dataclass(slots=True)  # Not frozen: there are thousands in a run, and frozen ones take four times as long to make.
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


@dataclass(slots=True)
class Mapping:
    """What could be read: the top-level values by key, and the first fault if there is one.

    With a fault the values are those before it: enough to name the thing, never enough to act on.
    """

    values: dict[str, Value]
    fault: Fault | None

    def text(self, key: str) -> str:
        """The value of *key* as text without outer blanks; '' where it is missing or nested."""
        value = self.values.get(key)
        return "" if value is None or value.text is None else value.text.strip(BLANKS)


class _Refused(Exception):
    """Carries a fault out of the event loop."""

    def __init__(self, message: str, index: int, *, other: bool = False) -> None:
        self.fault = Fault(message, index, other)


_MAX_ENTRIES = 100
"""Entries of a broken mapping that are read one by one."""
_ENTRY = re.compile(r"^(?![ \t\r\n#\]}]|-[ \t\r\n]|\Z)", re.MULTILINE)
_KEY = re.compile(r"""(["']?)([^\s"':][^"':\n]*?)\1[ \t]*:(?=[ \t\r\n]|\Z)[ \t]*""")
_INNER_KEY = re.compile(r"""^[ \t]+(["']?)([^\s"':][^"':\n]*?)\1[ \t]*:(?=[ \t\r\n]|\Z)""", re.MULTILINE)
_OPEN_END = ("found unexpected end of stream", "did not find expected ',' or", "did not find expected node content")
_ALL_OVER = ("---", "...", "%", "<<")
"""What concerns more than its own line."""
_ODD_START = re.compile(r"[@`%*&!|>{}\[\],?#]|-(?=\s)")
_QUOTE = "put the value in quotes"

_CUT = re.compile(r"[ \t]+(\#[^\s#][^\n\r]*?)[ \t]*(?=[\r\n]|\Z)")

_QUOTES = ("'", '"')

_LETTERS = "\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff"
"""What stands in a value like any letter, beyond ASCII: no line end, no BOM, nothing that YAML refuses."""
_SIGNS = rf"[!-9;-~{_LETTERS}]"
_WORD = rf"{_SIGNS}++(?::++{_SIGNS}++)*+"
_LISTED = r"[A-Za-z0-9]\w*+(?:[./-]\w++)*+"

_SIMPLE_LINE = re.compile(
    rf"""([A-Za-z_]\w{{0,99}}):[ ]++                                   # the key
        ( (?![-?,\[\]{{}}\#&*!|>'"%@`]){_WORD}(?:[ ]++(?!\#){_WORD})*+  # plain words
          | "[ !\#-\[\]-~{_LETTERS}]*+"                               # in double quotes, without an escape
          | '[ -&(-~{_LETTERS}]*+'                                     # in single quotes
          | \[(?:{_LISTED}(?:,[ ]?{_LISTED})*+)?\]                     # a list of words
        )[ ]*+ (?:(?<=[ ])\#[ -~{_LETTERS}]*+)? (?:\n|\Z)""",
    re.ASCII | re.VERBOSE,
)


def read_mapping(text: str, needed: Collection[str] | None = None) -> Mapping:
    """Read *text* as one YAML mapping. Never raises for what a person wrote; the fault is in the result.

    If *needed* says which keys count, a fault in the value of another one is none: that key is left out.
    """
    mapping = read_simple(text) or read_yaml(text)
    if needed is None or mapping.fault is None or mapping.fault.other:
        return mapping
    return _read_entries(text, needed) or mapping


def read_simple(text: str) -> Mapping | None:
    """What `read_yaml` makes of *text* where that is lines of a word, a colon and a simple value; else None.

    Nearly all task blocks are; YAML proper takes ten times as long for them. A test holds both together.
    """
    values: dict[str, Value] = {}
    position, end = 0, len(text)
    while position < end:
        line = _SIMPLE_LINE.match(text, position)
        if line is None:
            return None
        key, written = line.groups()
        if key in values:
            return None
        first, last = line.span(2)
        style = written[0]
        if style in _QUOTES:
            values[key] = Value(written[1:-1], first, last, style)
        else:
            values[key] = Value(None if style == "[" else written, first, last, "")
        position = line.end()
    return Mapping(values, None) if values else None


def cut_off(text: str, value: Value | None) -> str:
    """What follows a plain *value* in *text* as a YAML comment, but looks like a part of it: `#5` in `title: a #5`.

    A `#` with a blank behind it is a comment as people write them; '' then.
    """
    if value is None or value.style or value.text is None:
        return ""
    found = _CUT.match(text, value.end)
    return found[1] if found else ""


def what_is_cut(name: str, value: Value, cut: str) -> str:
    """The sentence for a *value* that lacks what was *cut* off."""
    return f"{name} is '{shorten(value.text or '')}': YAML takes '{shorten(cut)}' for a comment — {_QUOTE}"


def what_is_cut_alone(cut: str) -> str:
    """What to add if nothing is left of a value."""
    return f": YAML takes '{shorten(cut)}' for a comment — {_QUOTE}" if cut else ""


def put_in_quotes(text: str, value: Value) -> str:
    """What to add about a nested *value* that may have been meant as a text: it stands in brackets."""
    return f" — {_QUOTE} if it is text" if text[value.start : value.start + 1] in ("[", "{") else ""


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


def _read_entries(text: str, needed: Collection[str]) -> Mapping | None:
    """A faulty mapping, entry by entry as the lines at its left edge begin them; None if they cannot be told apart.

    A fault in the value of a key that is not *needed* is none; another one says what to do.
    """
    starts = [found.start() for found in _ENTRY.finditer(text)]
    if not 0 < len(starts) <= _MAX_ENTRIES or text[: starts[0]].strip():
        return None
    values: dict[str, Value] = {}
    keys = set[str]()
    first: Fault | None = None
    for start, end in pairwise([*starts, len(text)]):
        entry = text[start:end]
        named = _KEY.match(entry)
        if named is None or named[2] in keys or entry.startswith(_ALL_OVER):
            return None
        keys.add(named[2])
        mapping = read_simple(entry) or read_yaml(entry)
        if mapping.fault is None:
            if list(mapping.values) != [named[2]]:
                return None
            value = mapping.values[named[2]]
            values[named[2]] = Value(value.text, value.start + start, value.end + start, value.style)
        elif named[2] in needed or _holds_key_of(needed, entry) or not _is_closed(entry):
            said = _advice(entry, named, mapping.fault)
            first = first or Fault(said.message, said.index + start)
    return Mapping(values, first)


def _holds_key_of(needed: Collection[str], entry: str) -> bool:
    """Whether a line of a faulty *entry* may be meant as one of its own, and is only indented in a wrong way."""
    return any(found[2].strip() in needed for found in _INNER_KEY.finditer(entry))


def _is_closed(entry: str) -> bool:
    """Whether a faulty *entry* ends where its lines do: no quote or bracket in it may take in what follows."""
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


def _advice(entry: str, named: re.Match[str], fault: Fault) -> Fault:
    """The *fault* of one *entry*, with what to do about it if that can be told."""
    value, key = entry[named.end() :].partition("\n")[0].rstrip(), shorten(named[2])
    tab = re.search(r"^ *\t", entry, re.MULTILINE)
    if tab is not None:
        return Fault(f"not valid YAML: a tab indents a line of '{key}': use spaces", tab.end() - 1)
    if "not valid YAML: character" in fault.message:
        return fault
    if value.startswith('"') and "\\" in value:
        why, what = "has a backslash in double quotes", "use single quotes"
    elif value[:1] in ("'", '"') and value[:1]:
        why, what = "has a quote that does not close, or text behind it", "put all of it in one pair of quotes"
    elif _ODD_START.match(value):
        why, what = f"begins with '{value[0]}'", _QUOTE
    elif re.search(r":(?:\s|\Z)", value):
        why, what = "holds a colon", _QUOTE
    else:
        return fault
    if not fault.message.startswith("not valid YAML"):
        return Fault(f"{fault.message}: {_QUOTE} if it is text", fault.index)
    return Fault(f"not valid YAML: the value of '{key}' {why} — {what}", named.end())


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
