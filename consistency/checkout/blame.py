"""Which commit a line of a file comes from, and whether other commits have it among their ancestors."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from consistency.checkout.worktree import WorkTree

_HEADER = re.compile(rb"^([0-9a-f]{40,64}) \d+ (\d+)(?: \d+)?$", re.MULTILINE)


def commits_of(tree: WorkTree, path: str, lines: Iterable[int]) -> dict[int, str]:
    """The commit that each of *lines* (from 1) of the file comes from, as it stands; uncommitted ones are left out.

    Raises GitError, also for a file that no commit has.
    """
    ranges = [part for line in sorted(set(lines)) for part in ("-L", f"{line},{line}")]
    # A person may have told git to look past some commits.
    config = {"blame.ignoreRevsFile": ""}
    told = tree.git.run("blame", "--porcelain", *ranges, "--", path, config=config)
    found = {int(line): commit.decode() for commit, line in _HEADER.findall(told)}
    return {line: commit for line, commit in found.items() if commit.strip("0")}


def is_within(tree: WorkTree, commit: str, heads: Collection[str]) -> bool:
    """Whether *commit* is one of *heads* or an ancestor of one; heads that this clone lacks are passed over.

    Raises GitError.
    """
    others = (f"^{head}" for head in heads)
    return not tree.git.run("rev-list", "--max-count=1", "--ignore-missing", commit, *others)
