"""The commits of a clone with what each changed in the workplans: one git process, whatever is asked of it later."""

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
"""So many of the newest are read; what lies behind them is not known."""

AS_COMMITTED = {
    # A question about the past never goes to the network: what a partial clone lacks is not known.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",  # git before 2.45 knows only this: it may use no protocol at all.
    # The commits as they were made, not as somebody would rather see them.
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
}
"""Environment of every question about the past."""

_CHANGE = re.compile(rb"\n?:\d{6} (\d{6}) ([0-9a-f]+) ([0-9a-f]+) [A-Z]\d*")
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Change:
    """The blobs of one path before and after a commit; '' if there was none, or no regular file."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit as it was made. `authored` is in seconds; `changes` (by path) are those from its first parent."""

    id: str
    parents: tuple[str, ...]
    authored: int | None
    author: str
    email: str
    changes: dict[str, Change] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class History:
    """Commits by id, newest first. `shallow` are those whose parents this clone lacks; `cut`: there are more behind."""

    commits: Mapping[str, Commit]
    shallow: frozenset[str] = frozenset()
    cut: bool = False
    _touched: dict[str, dict[str, Change]] = field(default_factory=dict, repr=False)
    _blobs: dict[str, dict[str, str | None]] = field(default_factory=lambda: defaultdict(dict), repr=False)

    def versions(self, path: str) -> dict[str, Change]:
        """The changes of *path* by commit, newest first."""
        if not self._touched:
            touched: dict[str, dict[str, Change]] = defaultdict(dict)
            for commit in self.commits.values():
                for changed, change in commit.changes.items():
                    touched[changed][commit.id] = change
            self._touched.update(touched)
        return self._touched.get(path, {})

    def blob_at(self, commit: str, path: str) -> str | None:
        """The blob of *path* in *commit*, '' for none; None if that lies outside of this history."""
        touched, known = self.versions(path), self._blobs[path]
        walked, at = list[str](), commit
        # Whatever a commit does not change it has from its first parent.
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
        """*tips* and all their ancestors, as far as they are in this history."""
        found, pending = set[str](), [tip for tip in tips if tip in self.commits]
        while pending:
            commit = pending.pop()
            if commit not in found:
                found.add(commit)
                pending += [parent for parent in self.commits[commit].parents if parent in self.commits]
        return found


def read_history(tree: WorkTree, pattern: str, tips: Iterable[str], since: str = "") -> History:
    """The history of *tips* in all files that match *pattern*; tips that this clone lacks are passed over.

    The commit *since* and its ancestors are left out. Raises GitError, also if a partial clone lacks what it takes.
    """
    # Ids only: git would take much else for a revision, or for an option.
    wanted = [tip for tip in dict.fromkeys(tips) if _ID.fullmatch(tip)]
    wanted += [f"^{since}"] if _ID.fullmatch(since) else []
    logged = tree.git.run(
        "log", "--ignore-missing", "--stdin",  # In this order: what is read at once must know.
        f"--max-count={MAX_COMMITS + 1}",
        # Every commit, not only those that matter for the files: with all parents, and the changes from the first one.
        "--full-history", "--sparse", "--diff-merges=first-parent",
        "--raw", "-r", "-z", "--no-abbrev", "--no-renames", "--no-relative", "--no-color", "--no-notes",
        "--no-show-signature", "--encoding=UTF-8", "--format=%H %P%n%at%n%ae%n%an", "--", *pathspecs(pattern),
        stdin="".join(f"{rev}\n" for rev in wanted).encode(),
        env=AS_COMMITTED,
        config={"log.showRoot": "true", "log.follow": "false", "diff.orderFile": os.devnull},
        magic_pathspecs=True,
    )  # fmt: skip
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
            commit = _commit(part)
            yield commit


def _commit(part: bytes) -> Commit:
    ids, authored, email, author = part.decode(errors="replace").split("\n", 3)
    commit, *parents = ids.split()
    return Commit(commit, tuple(parents), _seconds(authored), author.strip(), email.strip())


def _seconds(text: str) -> int | None:
    """A date that no clock would have set is none."""
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) <= _LARGEST else None


def _blob(name: bytes) -> str:
    return name.decode() if name.strip(b"0") else ""


def _shallow(tree: WorkTree) -> frozenset[str]:
    """The commits at which a shallow clone ends (gitrepository-layout, "shallow")."""
    try:
        return frozenset(Path(tree.common_dir, "shallow").read_text(encoding="ascii").split())
    except FileNotFoundError:
        return frozenset()
