"""Reads objects of a repository by name: any number with one git process, or small new ones without any."""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from consistency.git.names import to_git
from consistency.git.process import GitError, GitMissingError, GitTimeoutError
from consistency.git.worktree import WorkTree

MAX_LOOSE_BYTES = 128 * 1024
"""Size of the largest object that is read without git, a folder of about 3,000 files: with others git is faster."""

_HEADER = re.compile(rb"([0-9a-f]{40,64}) (blob|tree|commit|tag) (\d+)\n")


class Object(NamedTuple):
    """An object of the *kind* blob, tree, commit or tag."""

    kind: str
    id: str
    data: bytes


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


def read_loose_object(tree: WorkTree, name: str) -> Object | None:
    """Return the object with the id *name* if git keeps it in a file of its own, as after a fetch of a few; else None.

    Its bytes are those of the id. Starts no process.
    """
    try:
        with open(os.path.join(tree.common_dir, "objects", name[:2], name[2:]), "rb") as file:
            unpacking = zlib.decompressobj()
            data = unpacking.decompress(file.read(MAX_LOOSE_BYTES), MAX_LOOSE_BYTES)
    except (OSError, zlib.error):
        return None
    hasher = hashlib.sha1 if len(name) == 40 else hashlib.sha256
    if not unpacking.eof or hasher(data, usedforsecurity=False).hexdigest() != name:
        return None
    header, _, content = data.partition(b"\0")
    return Object(header.partition(b" ")[0].decode(), name, content)


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
