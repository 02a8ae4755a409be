"""Names of files, as the hub keeps them and as this process must write them: a locale changes neither names nor bytes.

git and the hub have UTF-8, with a lone surrogate for each byte that is none. Python takes the encoding of names from
the locale (sys.getfilesystemencoding): under C, or under one of the old encodings, its names are other texts.
"""

from __future__ import annotations

import os


def native(name: str) -> str:
    """*name*, which is as git and the hub have it, for this process: to open a file, or as an argument of a program."""
    return os.fsdecode(to_git(name))


def canonical(name: str) -> str:
    """*name*, which this process got from the system, as git and the hub have it."""
    return from_git(os.fsencode(name))


def from_git(name: bytes) -> str:
    """The bytes of a name as git and the hub have it."""
    return name.decode("utf-8", "surrogateescape")


def to_git(name: str) -> bytes:
    """The bytes that `from_git` has read."""
    return name.encode("utf-8", "surrogateescape")
