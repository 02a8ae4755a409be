"""Reads objects of a repository by name, any number with one git process."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from consistency.git.names import to_git
from consistency.git.process import GitError, GitMissingError, GitTimeoutError
from consistency.git.worktree import WorkTree

_HEADER = re.compile(rb"([0-9a-f]{40,64}) (blob|tree|commit|tag) (\d+)\n")


@dataclass(frozen=True, slots=True)
class Object:
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
