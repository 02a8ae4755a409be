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


_VARIANT, _LAST_48 = 0x8000, (1 << 48) - 1


def _random_numbers() -> Iterator[int]:
    """Yield random numbers of 32 bits; the system is asked for many at once, because each call costs more than one."""
    while True:
        yield from struct.unpack("=256I", os.urandom(1024))


def new_uuids() -> Iterator[str]:
    """Yield new UUIDs of version 7, each higher than the one before (RFC 9562, 5.7 and 6.2, "Monotonic Random").

    A database inserts rows faster in the order of their keys.
    """
    moment, bits = f"{time.time_ns() // 1_000_000:012x}", int.from_bytes(os.urandom(10))
    head, number = f"{moment[:8]}-{moment[8:]}-7{bits & 0xFFF:03x}", bits >> 19
    # *number* counts up in 62 bits, from one of 61: there is room for a hundred million.
    for step in _random_numbers():
        number += 1 + step
        yield f"{head}-{number >> 48 | _VARIANT:04x}-{number & _LAST_48:012x}"
