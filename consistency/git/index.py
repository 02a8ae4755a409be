"""Reads from a small index whether it has merge conflicts (gitformat-index): that costs a hundredth of asking git."""

from __future__ import annotations

import os
import struct

MAX_BYTES = 512 * 1024
"""Size of the largest index that is read here: about 5,000 files. For a larger one git is as fast."""

_HEADER, _FLAGS = struct.Struct(">4sII"), struct.Struct(">H")
_VERSIONS = (2, 3)
_STAT_BYTES, _EXTENDED, _STAGE, _NAME_LENGTH = 40, 0x4000, 0x3000, 0xFFF


def is_unmerged(git_dir: str, id_bytes: int) -> bool | None:
    """Return whether an entry of the index is unmerged; None if only git can say. *id_bytes* is the size of an id."""
    try:
        with open(os.path.join(git_dir, "index"), "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    return None if len(data) > MAX_BYTES else _parse(data, id_bytes)


def _parse(data: bytes, id_bytes: int) -> bool | None:
    """Parse all of an index; None if it is not exactly of a form that is known here."""
    end, fixed = len(data) - id_bytes, _STAT_BYTES + id_bytes + _FLAGS.size
    if end < _HEADER.size:
        return None
    signature, version, count = _HEADER.unpack_from(data)
    if signature != b"DIRC" or version not in _VERSIONS:
        return None
    at, unmerged = _HEADER.size, False
    for _ in range(count):
        if at + fixed > end:
            return None
        (flags,) = _FLAGS.unpack_from(data, at + fixed - _FLAGS.size)
        name = at + fixed + (_FLAGS.size if flags & _EXTENDED else 0)
        length = flags & _NAME_LENGTH
        if length == _NAME_LENGTH:  # Or longer: its end is the first NUL.
            length = data.find(b"\0", name, end) - name
        unmerged = unmerged or bool(flags & _STAGE)
        at += (name - at + length + 8) // 8 * 8
    while at + 8 <= end:
        extension = data[at : at + 4]
        if extension[:1].islower() and extension != b"sdir":  # A part that must be understood, such as a split index.
            return None
        at += 8 + int.from_bytes(data[at + 4 : at + 8], "big")
    return unmerged if at == end else None
