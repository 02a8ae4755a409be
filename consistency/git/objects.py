"""Reads objects of a repository by name: any number with one git process, or small ones that are whole without any."""

from __future__ import annotations

import hashlib
import os
import re
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from consistency.git.names import to_git
from consistency.git.process import GitError, GitMissingError, GitTimeoutError
from consistency.git.worktree import WorkTree

MAX_BYTES = 128 * 1024
"""Most that is read at once without git: an object the size of a folder of about 3,000 files, or the names of a pack of
about 1,600,000 objects that begin with one byte. With larger ones git is faster."""

MAX_PACKS = 20
"""Packs in which an object is looked for without git."""

_HEADER = re.compile(rb"([0-9a-f]{40,64}) (blob|tree|commit|tag) (\d+)\n")
_FANOUT, _PLACE = struct.Struct(">Q256I"), struct.Struct(">I")
_VERSION_2 = 0xFF744F6300000002
_IN_ANOTHER_TABLE = 0x80000000
_KINDS = {1: b"commit", 2: b"tree", 3: b"blob", 4: b"tag"}


class Object(NamedTuple):
    """An object of the *kind* blob, tree, commit or tag."""

    kind: str
    id: str
    data: bytes

    @property
    def tree(self) -> str:
        """Return the id of a commit's tree."""
        return self.data.removeprefix(b"tree ").partition(b"\n")[0].decode(errors="replace")


def read_objects(
    tree: WorkTree, names: Sequence[str], env: Mapping[str, str] | None = None, *, up_to_failure: bool = False
) -> Iterator[Object | None]:
    """Yield the objects called *names*, in that order; None for a missing one. Raises GitError.

    With *up_to_failure* the objects before a failure are enough: in a partial clone git fails at the first missing one.
    """
    # Only a path with a line end needs the newer form of the list.
    form, end = (("-z",), b"\0") if any("\n" in name for name in names) else ((), b"\n")
    encoded = [to_git(name) for name in names]
    try:
        output = tree.git.run("cat-file", "--batch", *form, stdin=b"".join(name + end for name in encoded), env=env)
    except (GitTimeoutError, GitMissingError):
        raise
    except GitError as error:
        if not up_to_failure:
            raise
        output = error.output
    return _parse(output, encoded)


def read_whole_object(tree: WorkTree, name: str) -> Object | None:
    """Return the object with the id *name* if git keeps it whole, in a file of its own or in a pack; else None.

    Its bytes are those of the id. Starts no process.
    """
    try:
        found = _read_loose(tree, name) or _read_packed(tree, name)
    except (OSError, IndexError, struct.error, zlib.error):
        return None
    hasher = hashlib.sha1 if len(name) == 40 else hashlib.sha256
    if found is None or hasher(found, usedforsecurity=False).hexdigest() != name:
        return None
    header, _, content = found.partition(b"\0")
    return Object(header.partition(b" ")[0].decode(), name, content)


def _read_loose(tree: WorkTree, name: str) -> bytes | None:
    """Return the object with its header, None if it has no file of its own."""
    try:
        with open(os.path.join(tree.common_dir, "objects", name[:2], name[2:]), "rb") as file:
            return _unpack(file.read(MAX_BYTES))
    except FileNotFoundError:
        return None


def _read_packed(tree: WorkTree, name: str) -> bytes | None:
    """Return the object with its header from the packs; None if it is in none of the first, or a delta there."""
    folder = os.path.join(tree.common_dir, "objects", "pack")
    indexes = [entry for entry in os.listdir(folder) if entry.endswith(".idx")]
    for index in indexes[:MAX_PACKS]:
        with open(os.path.join(folder, index), "rb", buffering=0) as file:
            at = _find(file.fileno(), bytes.fromhex(name))
        if at is not None:
            with open(os.path.join(folder, index.removesuffix(".idx") + ".pack"), "rb", buffering=0) as file:
                return _read_entry(os.pread(file.fileno(), MAX_BYTES, at))
    return None


def _find(index: int, name: bytes) -> int | None:
    """Return where in its pack the object *name* is, from the file *index*; None if only git can say.

    The form is version 2 (gitformat-pack, "pack-*.idx files"): how many names begin with each byte or a lower one, all
    names in order, their checksums, and their places.
    """
    magic, *ends = _FANOUT.unpack(os.pread(index, _FANOUT.size, 0))
    if magic != _VERSION_2:
        return None
    first, end, count = ends[name[0] - 1] if name[0] else 0, ends[name[0]], ends[-1]
    names = os.pread(index, min((end - first) * len(name), MAX_BYTES), _FANOUT.size + first * len(name))
    at = names.find(name)
    while at % len(name):  # -1 is one of these, too.
        if at < 0:
            return None
        at = names.find(name, at + 1)
    places = _FANOUT.size + count * (len(name) + _PLACE.size)
    (place,) = _PLACE.unpack(os.pread(index, _PLACE.size, places + (first + at // len(name)) * _PLACE.size))
    return place if place < _IN_ANOTHER_TABLE else None


def _read_entry(data: bytes) -> bytes | None:
    """Return the object with its header from the bytes of a pack from its entry on; None if it is a delta or large.

    An entry begins with its kind and the size of the object, in groups of bits, the lowest first.
    """
    at, kind, size, shift = 0, data[0] >> 4 & 7, data[0] & 15, 4
    while data[at] & 128:
        at += 1
        size |= (data[at] & 127) << shift
        shift += 7
    if kind not in _KINDS or size > MAX_BYTES:
        return None
    content = _unpack(data[at + 1 :])
    return None if content is None else b"%s %d\0%s" % (_KINDS[kind], size, content)


def _unpack(data: bytes) -> bytes | None:
    """Return the unpacked bytes, None if they are more than MAX_BYTES or not whole. Raises zlib.error."""
    unpacking = zlib.decompressobj()
    unpacked = unpacking.decompress(data, MAX_BYTES)
    return unpacked if unpacking.eof else None


def _parse(output: bytes, names: Sequence[bytes]) -> Iterator[Object | None]:
    """Yield the objects that the output has in full (git-cat-file, "BATCH OUTPUT")."""
    at = 0
    for name in names:
        if header := _HEADER.match(output, at):
            start, end = header.end(), header.end() + int(header[3])
            if end > len(output):
                return
            yield Object(header[2].decode(), header[1].decode(), output[start:end])
        else:  # `NAME missing`: a name may hold a line end.
            end = output.find(b"\n", at + len(name) if output.startswith(name + b" ", at) else at)
            if end < 0:
                return
            yield None
        at = end + 1
