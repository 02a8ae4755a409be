"""Makes text from outside safe to show: what would steer a terminal or hide is shown as an escape."""

from __future__ import annotations

import re

# C0 with ESC and newlines, DEL, C1; line and paragraph separators; bidi overrides and isolates (Unicode TR 36,
# section 3.1, "Trojan Source"); lone surrogates, which no encoding takes.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def escape_control(text: str) -> str:
    r"""*text* on one line, unsafe characters as `\n`, `\x1b`, `\u202e`; everything else as it is."""
    return _UNSAFE.sub(_escape, text)


def escape_unstorable(text: str) -> str:
    r"""*text* as every database takes it: NUL and lone surrogates as `\x00` and `\udcff`, all else as it is."""
    return _UNSTORABLE.sub(_escape, text)


def is_storable(text: str) -> bool:
    """Return whether every database takes *text*: it has no NUL and no lone surrogate."""
    return _UNSTORABLE.search(text) is None


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    return _SHORT.get(char) or (f"\\x{ord(char):02x}" if char < "\u0100" else f"\\u{ord(char):04x}")


def escape_unencodable(text: str, encoding: str | None) -> str:
    """*text* with what *encoding* cannot say as backslash escapes; as it is where *encoding* is None (StringIO)."""
    return text if encoding is None else text.encode(encoding, "backslashreplace").decode(encoding)
