"""Makes text from outside safe to show: escapes for characters that control a terminal or hide; names in messages."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_NAMES = 3

# C0 with ESC and newlines, DEL, C1; line and paragraph separators; bidi overrides and isolates (Unicode TR 36,
# section 3.1, "Trojan Source"); lone surrogates, which no encoding takes.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def escape_control(text: str) -> str:
    r"""Return *text* on one line, with unsafe characters as `\n`, `\x1b`, `\u202e`."""
    return _UNSAFE.sub(_escape, text)


def escape_unstorable(text: str) -> str:
    r"""Return *text* as every database takes it: NUL and lone surrogates as `\x00` and `\udcff`."""
    return _UNSTORABLE.sub(_escape, text)


def is_storable(text: str) -> bool:
    """Return whether every database takes *text*: it has no NUL and no lone surrogate."""
    return _UNSTORABLE.search(text) is None


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    return _SHORT.get(char) or (f"\\x{ord(char):02x}" if char < "\u0100" else f"\\u{ord(char):04x}")


def escape_unencodable(text: str, encoding: str | None) -> str:
    """Return *text* with backslash escapes for characters outside *encoding*; unchanged if that is None (StringIO)."""
    return text if encoding is None else text.encode(encoding, "backslashreplace").decode(encoding)


def plural(number: int, noun: str) -> str:
    """Return *noun* as it is after *number*: `task` for 1, else `tasks`."""
    if number == 1:
        return noun
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def describe_os_error(error: OSError) -> str:
    """Return the system's message of *error*, without its number and file."""
    return error.strerror or str(error)


def name_some(names: Iterable[str]) -> str:
    """Return the first few of *names* and the number of the others: `a, b, c and 4 more`."""
    listed = list(names)
    more = len(listed) - MAX_NAMES
    return ", ".join(listed[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
