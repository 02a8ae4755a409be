"""JSON text as the reports write it: UTF-8 safe, and times in UTC with a `Z`."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

# A path that is not UTF-8 reaches us with lone surrogates in it, which no UTF-8 file can hold. The others would
# steer a terminal, or turn the text around; those below 0x20 are always escapes in JSON (RFC 8259, section 7).
_ESCAPED = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def to_json(value: object) -> str:
    r"""Return *value* (dicts, lists, str, int, bool, None) as indented JSON with a newline at its end.

    Characters are written as they are, except lone surrogates and those that would steer a terminal, which become
    `\uXXXX`: the text can always be encoded as UTF-8, and shown.
    """
    return _escape(json.dumps(value, ensure_ascii=False, indent=2)) + "\n"


def to_compact_json(value: object) -> str:
    """Return *value* as JSON on one line, with the same characters escaped."""
    return _escape(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _escape(text: str) -> str:
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def to_timestamp(moment: datetime) -> str:
    """Return an aware *moment* as ISO 8601 in UTC, to the millisecond: `2026-11-22T16:35:01.250Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
