"""Converts file names between the hub, git and this process: the locale changes neither names nor bytes.

git and the hub use UTF-8, with a lone surrogate for each invalid byte. Python takes the encoding of names from the
locale (sys.getfilesystemencoding): with C or an old encoding the same name is another text.
"""

from __future__ import annotations

import os


def native(name: str) -> str:
    """Convert *name* from the form of git and the hub to this process's, to open a file or to run a program."""
    return name if name.isascii() else os.fsdecode(to_git(name))


def canonical(name: str) -> str:
    """Convert *name*, which this process got from the system, to the form of git and the hub."""
    return from_git(os.fsencode(name))


def from_git(name: bytes) -> str:
    """Decode the bytes of a name."""
    return name.decode("utf-8", "surrogateescape")


def to_git(name: str) -> bytes:
    """Encode a name as bytes; the inverse of `from_git`."""
    return name.encode("utf-8", "surrogateescape")
