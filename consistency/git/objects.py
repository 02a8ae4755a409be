"""Reads objects of a repository by their names, any number of them with one git process."""

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
    """One object: `kind` is blob, tree, commit or tag."""

    kind: str
    id: str
    data: bytes


def read_objects(
    tree: WorkTree, names: Sequence[str], env: Mapping[str, str] | None = None, *, up_to_failure: bool = False
) -> Iterator[Object | None]:
    """The objects of these *names*, in their order; None for one that is missing. Raises GitError.

    With *up_to_failure* what git gives before it fails is enough: a partial clone ends at the first that it lacks.
    """
    # A path may hold a line end; only then is git's newer form of the list needed.
    form, end = (("-z",), b"\0") if any("\n" in name for name in names) else ((), b"\n")
    asked = [to_git(name) for name in names]
    try:
        output = tree.git.run("cat-file", "--batch", *form, stdin=b"".join(name + end for name in asked), env=env)
    except (GitTimeoutError, GitMissingError):
        raise
    except GitError as error:
        if not up_to_failure:
            raise
        output = error.output
    return _objects(output, asked)


def _objects(output: bytes, names: Sequence[bytes]) -> Iterator[Object | None]:
    """What `git cat-file` says of *names*, as far as it is whole (git-cat-file, "BATCH OUTPUT")."""
    at = 0
    for name in names:
        if found := _HEADER.match(output, at):
            start, end = found.end(), found.end() + int(found[3])
            if end > len(output):
                return
            yield Object(found[2].decode(), found[1].decode(), output[start:end])
        else:  # `NAME missing`: a name may hold a line end.
            end = output.find(b"\n", at + len(name) if output.startswith(name + b" ", at) else at)
            if end < 0:
                return
            yield None
        at = end + 1
