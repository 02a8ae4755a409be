"""Reads a small YAML mapping as strings with their spans, without constructing anything.

Anchors, aliases and tags are refused, and so is a key given twice (design, "Workplan format").
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from consistency.core.workplan.validation import truncate

BLANKS = " \t\r\n"
"""Allowed around a value; other white space is part of it, so that a message can name it."""

MAX_DEPTH = 64
"""Levels of nesting; libyaml's time grows with their square."""


class ScalarValue(NamedTuple):
    """One value of the mapping. `start` and `end` are character indexes into the text, quotes included.

    `text` is None if the value is a list or a mapping; `items` are the texts of a list that has only texts. `style` is
    YAML's: '' plain, ' or " quoted, | or > a block scalar.
    """

    text: str | None
    start: int
    end: int
    style: str
    items: tuple[str, ...] | None = None

    @property
    def is_block(self) -> bool:
        """Return whether it is a block scalar (`|` or `>`)."""
        return self.style in ("|", ">")


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """Why a text is not an acceptable mapping; `index` is the character index of the place.

    `other` says that there is no mapping at all: nothing, or valid YAML of another kind.
    """

    message: str
    index: int
    other: bool = False


class Mapping(NamedTuple):
    """The top-level values by key, and the first fault if there is one.

    With a fault the values are those before it: enough for a message, never enough to act on.
    """

    values: dict[str, ScalarValue]
    fault: SyntaxProblem | None

    @property
    def is_broken(self) -> bool:
        """Return whether it is a mapping, with a fault in it."""
        return self.fault is not None and not self.fault.other

    def text(self, key: str) -> str:
        """Return the value of *key* as text without outer blanks; '' if it is missing or nested."""
        value = self.values.get(key)
        return "" if value is None or value.text is None else value.text.strip(BLANKS)


_MAX_ENTRIES = 100
"""Entries of a broken mapping that are read one by one."""
_ENTRY = re.compile(r"^(?![ \t\r\n#\]}]|-[ \t\r\n]|\Z)", re.MULTILINE)
_KEY = re.compile(r"""(["']?)([^\s"':][^"':\n]*?)\1[ \t]*:(?=[ \t\r\n]|\Z)[ \t]*""")
_INNER_KEY = re.compile(r"""^[ \t]+(["']?)([^\s"':][^"':\n]*?)\1[ \t]*:(?=[ \t\r\n]|\Z)""", re.MULTILINE)
_ALL_OVER = ("---", "...", "%", "<<")
"""Signs that concern more than their own line."""
_ODD_START = re.compile(r"[@`%*&!|>{}\[\],?#]|-(?=\s)")
_QUOTE = "put the value in quotes"

_CUT = re.compile(r"[ \t]+(\#[^\s#][^\n\r]*?)[ \t]*(?=[\r\n]|\Z)")

_QUOTES = ("'", '"')

_SIGN = r"[^\x00-\x20:\x7f]"
"""Of text that can be printed: the characters of a word, with a colon in it if no blank comes behind."""
_WORD = rf"{_SIGN}++(?::++{_SIGN}++)*+"
_LISTED = r"[A-Za-z0-9]\w*+(?:[./-]\w++)*+"
_QUOTED = r""""[^\x00-\x1f"\\\x7f]*+" | '[^\x00-\x1f'\x7f]*+'"""

_ITEM = re.compile(", ?")

_SIMPLE_LINE = re.compile(
    rf"""([A-Za-z_]\w{{0,99}}):[ ]++
        ( (?![-?,\[\]{{}}\#&*!|>'"%@`]){_WORD}(?:[ ]++(?!\#){_WORD})*+  # plain words: no indicator before them
          | \[(?:{_LISTED}(?:,[ ]?{_LISTED})*+)?\]                     # a list of words
          | {_QUOTED}                                                  # without an escape
        ) [ ]*+ (?:(?<=[ ])\#[^\x00-\x1f\x7f]*+)? (?:\n|\Z)""",
    re.ASCII | re.VERBOSE,
)
_SIMPLE_ENTRY = re.compile(
    rf"[ ]*+ ([A-Za-z_]\w{{0,99}}):[ ]++ ({_LISTED} | {_QUOTED}) [ ]*+ (?:,(?=.)|\}}\Z)", re.ASCII | re.VERBOSE
)
"""The same in braces; the last one ends with the brace."""


def read_mapping(text: str, needed: Collection[str] | None = None) -> Mapping:
    """Read *text* as one YAML mapping. Never raises for what a person wrote; the fault is in the result.

    If *needed* says which keys count, a fault in the value of another one is ignored, and its key left out.
    """
    mapping = read_simple(text)
    if mapping is not None:
        return mapping
    from consistency.core.workplan.yaml_events import read_yaml

    mapping = read_yaml(text)
    if needed is None or not mapping.is_broken:
        return mapping
    return _read_entries(text, needed) or mapping


def read_simple(text: str) -> Mapping | None:
    """Read *text* as `read_yaml` does if it is lines of a word, a colon and a simple value, or one line of these in
    braces; return None for any other.

    Nearly all task blocks are so; YAML proper takes ten times as long for them. A test checks that both agree.
    """
    values: dict[str, ScalarValue] = {}
    if not text.isascii() and not text.replace("\n", " ").isprintable():
        return None  # Beyond ASCII, YAML takes some signs for line ends, and refuses others.
    if text.startswith("{"):
        entry, position, end = _SIMPLE_ENTRY, 1, len(text.rstrip("\n"))
    else:
        entry, position, end = _SIMPLE_LINE, 0, len(text)
    while position < end:
        line = entry.match(text, position, end)
        if line is None:
            return None
        key, written = line.groups()
        if key in values:
            return None
        first, last = line.span(2)
        style = written[0]
        if style in _QUOTES:
            values[key] = ScalarValue(written[1:-1], first, last, style)
        else:
            items = tuple(_ITEM.split(written[1:-1])) if len(written) > 2 else ()
            is_list = style == "["
            values[key] = ScalarValue(None if is_list else written, first, last, "", items if is_list else None)
        position = line.end()
    return Mapping(values, None) if values else None


def cut_hint(text: str, value: ScalarValue) -> str:
    """Write the end of a sentence about a plain *value* in *text* of which YAML takes a part for a comment, else ''.

    It is `#5` in `title: a #5`; a `#` with a blank behind it is a comment as people write them.
    """
    found = None if value.style or value.text is None else _CUT.match(text, value.end)
    return f": YAML takes '{truncate(found[1])}' for a comment — {_QUOTE}" if found else ""


def cut_messages(text: str, mapping: Mapping, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """For each of *names* with a value in *text* that is cut off: the name, and the sentence that says so."""
    for name in names if "#" in text else ():
        value = mapping.values.get(name)
        if value is not None and (hint := cut_hint(text, value)):
            yield name, f"{name} is '{truncate(value.text or '')}'{hint}"


def nested_error(text: str, value: ScalarValue) -> str:
    """Write the end of a sentence about a nested *value*; one in brackets may be meant as a text."""
    hint = f" — {_QUOTE} if it is text" if text[value.start : value.start + 1] in ("[", "{") else ""
    return f"must be a text, not a list or mapping{hint}"


def _read_entries(text: str, needed: Collection[str]) -> Mapping | None:
    """Read a faulty mapping entry by entry, as the lines at its left edge begin them; None if they are not clear.

    A fault in the value of a key that is not *needed* is ignored; the message of another one says what to do.
    """
    from consistency.core.workplan.yaml_events import is_closed, read_yaml

    starts = [found.start() for found in _ENTRY.finditer(text)]
    if not 0 < len(starts) <= _MAX_ENTRIES or text[: starts[0]].strip():
        return None
    values: dict[str, ScalarValue] = {}
    keys = set[str]()
    first: SyntaxProblem | None = None
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
            values[named[2]] = value._replace(start=value.start + start, end=value.end + start)
        elif named[2] in needed or _holds_key_of(needed, entry) or not is_closed(entry):
            fault = _advise(entry, named, mapping.fault)
            first = first or SyntaxProblem(fault.message, fault.index + start)
    return Mapping(values, first)


def _holds_key_of(needed: Collection[str], entry: str) -> bool:
    """Return whether a line of a faulty *entry* may be meant as an entry, and is only indented in a wrong way."""
    return any(found[2].strip() in needed for found in _INNER_KEY.finditer(entry))


def _advise(entry: str, named: re.Match[str], fault: SyntaxProblem) -> SyntaxProblem:
    """Return the *fault* of one *entry*, with advice if there is any."""
    value, key = entry[named.end() :].partition("\n")[0].rstrip(), truncate(named[2])
    tab = re.search(r"^ *\t", entry, re.MULTILINE)
    if tab is not None:
        return SyntaxProblem(f"not valid YAML: a tab indents a line of '{key}': use spaces", tab.end() - 1)
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
        return SyntaxProblem(f"{fault.message}: {_QUOTE} if it is text", fault.index)
    return SyntaxProblem(f"not valid YAML: the value of '{key}' {why} — {what}", named.end())
