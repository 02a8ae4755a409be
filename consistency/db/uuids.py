"""UUIDs as the text that files have: a run compares tens of thousands, and needs an object for none of them."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator

from django.db.models import TextField
from django.db.models.functions import Cast


def uuid_text(column: str) -> Cast:
    """Select the UUID in *column* as the database has it: with dashes (PostgreSQL) or without them (SQLite)."""
    return Cast(column, TextField())


def with_dashes(text: str) -> str:
    """Return *text*, which `uuid_text` selected, as files have it: `8-4-4-4-12` digits."""
    if len(text) != 32:
        return text
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


_RANDOM_BITS = 74
_LOW_BITS = 62
"""Of the random bits, those behind the variant."""


def _random_numbers() -> Iterator[int]:
    """Yield random numbers of 32 bits; the system is asked for many at once, because each call costs more than one."""
    while True:
        yield from struct.unpack("=256I", os.urandom(1024))


def new_uuids() -> Iterator[str]:
    """Yield new UUIDs of version 7, each higher than the one before (RFC 9562, 5.7 and 6.2, "Monotonic Random").

    A database inserts rows faster in the order of their keys.
    """
    # Two bits less than there are: room to count up within the same millisecond.
    value = ((time.time_ns() // 1_000_000) << _RANDOM_BITS) + int.from_bytes(os.urandom(9))
    for step in _random_numbers():
        value += 1 + step
        high, low = f"{value >> _LOW_BITS:015x}", f"{value & ((1 << _LOW_BITS) - 1) | 1 << 63:016x}"
        yield f"{high[:8]}-{high[8:12]}-7{high[12:]}-{low[:4]}-{low[4:]}"
