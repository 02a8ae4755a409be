"""Reads the commits of a clone and what each changed in the workplans, with one git process."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from consistency.git.names import from_git
from consistency.git.worktree import WorkTree, pathspecs

MAX_COMMITS = 20_000
"""Limit of commits that are read, the newest first; older ones are unknown."""

AS_COMMITTED = {
    # Reading history never uses the network: objects that a partial clone lacks are unknown.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",  # For git before 2.45: no protocol is allowed.
    # The commits as they were made, without replacements.
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
}
"""Environment of every command that reads history."""

_CHANGE = re.compile(rb"\n?:\d{6} (\d{6}) ([0-9a-f]+) ([0-9a-f]+) [A-Z]\d*")
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MAX_SECONDS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Change:
    """The blobs of a path before and after a commit; '' for none, or if it is not a regular file."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit. `authored` is in seconds since 1970, or None; `changes` (by path) are against its first parent."""

    id: str
    parents: tuple[str, ...]
    authored: int | None
    author: str
    email: str
    changes: dict[str, Change] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class History:
    """Commits by id, newest first. `shallow` are those with parents that this clone lacks; `cut`: older ones exist."""

    commits: Mapping[str, Commit]
    shallow: frozenset[str] = frozenset()
    cut: bool = False
    _touched: dict[str, dict[str, Change]] = field(default_factory=dict, repr=False)
    _blobs: dict[str, dict[str, str | None]] = field(default_factory=lambda: defaultdict(dict), repr=False)

    def versions(self, path: str) -> dict[str, Change]:
        """Return the changes of *path* by commit, newest first."""
        if not self._touched:
            touched: dict[str, dict[str, Change]] = defaultdict(dict)
            for commit in self.commits.values():
                for changed, change in commit.changes.items():
                    touched[changed][commit.id] = change
            self._touched.update(touched)
        return self._touched.get(path, {})

    def blob_at(self, commit: str, path: str) -> str | None:
        """Return the blob of *path* in *commit*, '' for none; None if that is outside of this history."""
        touched, known = self.versions(path), self._blobs[path]
        walked, at = list[str](), commit
        # A file that a commit does not change comes from its first parent.
        while at not in known:
            walked.append(at)
            if at in touched:
                known[at] = touched[at].new
            elif at not in self.commits:
                known[at] = None
            elif not self.commits[at].parents:
                known[at] = ""
            else:
                at = self.commits[at].parents[0]
        for each in walked:
            known[each] = known[at]
        return known[at]

    def below(self, tips: Iterable[str]) -> set[str]:
        """Return *tips* and all their ancestors in this history."""
        found, pending = set[str](), [tip for tip in tips if tip in self.commits]
        while pending:
            commit = pending.pop()
            if commit not in found:
                found.add(commit)
                pending += [parent for parent in self.commits[commit].parents if parent in self.commits]
        return found


def read_history(tree: WorkTree, pattern: str, tips: Iterable[str], since: str = "") -> History:
    """Read the history of *tips* in all files that match *pattern*; tips that this clone lacks are ignored.

    The commit *since* and its ancestors are left out. Raises GitError, also if a partial clone lacks an object.
    """
    # Only ids: git accepts much else as a revision or an option.
    wanted = [tip for tip in dict.fromkeys(tips) if _ID.fullmatch(tip)]
    wanted += [f"^{since}"] if _ID.fullmatch(since) else []
    # --ignore-missing comes before --stdin, which is read at once. All commits are listed, not only those that change
    # the files, with all parents and the changes against the first one.
    selection = ("--ignore-missing", "--stdin", f"--max-count={MAX_COMMITS + 1}", "--full-history", "--sparse")
    diff = ("--diff-merges=first-parent", "--raw", "-r", "-z", "--no-abbrev", "--no-renames", "--no-relative")
    form = ("--no-color", "--no-notes", "--no-show-signature", "--encoding=UTF-8", "--format=%H %P%n%at%n%ae%n%an")
    stdin = "".join(f"{revision}\n" for revision in wanted).encode()
    config = {"log.showRoot": "true", "log.follow": "false", "diff.orderFile": os.devnull}
    command = ("log", *selection, *diff, *form, "--", *pathspecs(pattern))
    logged = tree.git.run(*command, stdin=stdin, env=AS_COMMITTED, config=config, magic_pathspecs=True)
    commits = {commit.id: commit for commit in _commits(logged)}
    shallow = _shallow(tree)
    return History(commits, shallow, bool(shallow) or len(commits) > MAX_COMMITS)


def _commits(logged: bytes) -> Iterator[Commit]:
    commit: Commit | None = None
    parts = iter(logged.split(b"\0"))
    for part in parts:
        if found := _CHANGE.fullmatch(part):
            path, (mode, old, new) = from_git(next(parts)), found.groups()
            if commit is not None:
                commit.changes[path] = Change(_blob(old), _blob(new) if mode.startswith(b"100") else "")
        elif part.strip():
            ids, date, email, author = part.decode(errors="replace").split("\n", 3)
            name, *parents = ids.split()
            is_valid = date.isascii() and date.isdigit() and 0 < int(date) <= _MAX_SECONDS
            commit = Commit(name, tuple(parents), int(date) if is_valid else None, author.strip(), email.strip())
            yield commit


def _blob(name: bytes) -> str:
    return name.decode() if name.strip(b"0") else ""


def _shallow(tree: WorkTree) -> frozenset[str]:
    """Return the commits at which a shallow clone ends (gitrepository-layout, "shallow")."""
    try:
        return frozenset(Path(tree.common_dir, "shallow").read_text(encoding="ascii").split())
    except FileNotFoundError:
        return frozenset()
