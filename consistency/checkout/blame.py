"""Which commit a line of a file comes from, and whether other commits have it among their ancestors."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from consistency.checkout.worktree import WorkTree

_HEADER = re.compile(rb"^([0-9a-f]{40,64}) \d+ (\d+)(?: \d+)?$")


@dataclass(frozen=True, slots=True)
class Blamed:
    """The commit that a line comes from, its author as `Name <address>`, and the first line of what it says."""

    commit: str
    author: str
    subject: str


def commits_of(tree: WorkTree, path: str, lines: Iterable[int]) -> dict[int, Blamed]:
    """The commit that each of *lines* (from 1) of the file comes from, as it stands; uncommitted ones are left out.

    Raises GitError, also for a file that no commit has.
    """
    ranges = [part for line in sorted(set(lines)) for part in ("-L", f"{line},{line}")]
    # A person may have told git to look past some commits.
    config = {"blame.ignoreRevsFile": ""}
    found: dict[int, bytes] = {}
    facts: dict[bytes, dict[bytes, bytes]] = defaultdict(dict)
    commit = b""
    for told in tree.git.run("blame", "--porcelain", "--no-textconv", *ranges, "--", path, config=config).split(b"\n"):
        if header := _HEADER.match(told):
            commit = header[1]
            found[int(header[2])] = commit
        elif not told.startswith(b"\t"):  # What a commit is like, once for each (git-blame, "The porcelain format").
            name, _, value = told.partition(b" ")
            facts[commit].setdefault(name, value)
    return {line: _blamed(commit, facts[commit]) for line, commit in found.items() if commit.strip(b"0")}


def _blamed(commit: bytes, facts: dict[bytes, bytes]) -> Blamed:
    author, subject = b"%s %s" % (facts[b"author"], facts[b"author-mail"]), facts.get(b"summary", b"")
    return Blamed(commit.decode(), author.decode(errors="replace"), subject.decode(errors="replace"))


def is_within(tree: WorkTree, commit: str, heads: Collection[str]) -> bool:
    """Whether *commit* is one of *heads* or an ancestor of one; heads that this clone lacks are passed over.

    Raises GitError.
    """
    others = (f"^{head}" for head in heads)
    return not tree.git.run("rev-list", "--max-count=1", "--ignore-missing", commit, *others)
