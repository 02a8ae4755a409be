"""A clone with workplans, looks at it, and writebacks into it."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consistency.core.actions import StatusWritten, WriteBack
from consistency.core.comparison.gates import NO_UPSTREAM, NOT_ASKED, check_behind
from consistency.git.committer import Committer, Written
from consistency.git.files import digest
from consistency.git.remote import Fetched, Upstream, fetch, find_upstream
from consistency.git.status import CheckoutStatus, read_status
from consistency.git.worktree import WorkTree, list_files, open_checkout
from consistency.git.writeback import RecordWritten, write_back
from testing.repos import Clone, Origin
from testing.workplans import workplan

PATTERN = "workplans/**/*.md"
LIMIT = 5 * 1024 * 1024
COMMITTER = Committer("State Hub", "state-hub@localhost", 20.0)
WITH_HOOKS = Committer("State Hub", "state-hub@localhost", 20.0, hooks=True)
HASTY = Committer("State Hub", "state-hub@localhost", 0.7, hooks=True)
STARTED = "2026-03-01T12:00:00Z"
CHANGED = datetime(2026, 3, 4, 5, 6, 7, 800_000, UTC)
"""Later than every commit made on this desk."""

TODO = workplan("A", [("T1", "todo"), ("T2", "todo")])
DONE = workplan("A", [("T1", "done"), ("T2", "todo")])

PATCH = """\
From x Mon Sep 17 00:00:00 2001
From: X <x@example.org>
Subject: x

---
diff --git a/README.md b/README.md
--- a/README.md
+++ b/README.md
@@ -1 +1 @@
-no
+yes
"""
"""A mail that git am cannot apply."""


def commit_workplans(clone: Clone, *names: str, text: str = TODO) -> Clone:
    """Commit these workplans in *clone*, dated long ago; return the clone."""
    for name in names or ("a",):
        clone.write(f"workplans/{name}.md", text)
    clone.commit("Plans", date=STARTED)
    return clone


def with_attributes(clone: Clone, text: str) -> None:
    """Commit a .gitattributes alone: whatever else is there stays as it is, and git will look at all of it again."""
    clone.write(".gitattributes", text)
    clone.git("add", ".gitattributes")
    dates = {"GIT_AUTHOR_DATE": STARTED, "GIT_COMMITTER_DATE": STARTED}
    clone.git("commit", "--quiet", "--message=Attributes", "--", ".gitattributes", env=dates)
    for file in clone.path.rglob("*.md"):
        if not file.is_symlink():
            os.utime(file, (1, 1))


def item(
    name: str = "a", task: str = "A-T1", old: str = "todo", new: str = "done", at: datetime = CHANGED
) -> WriteBack:
    return WriteBack(f"workplans/{name}.md", "A", task, old, new, at)


class Hub:
    """The hub's record of its own commits: each with its date and what it wrote."""

    def __init__(self) -> None:
        self.commits: dict[str, tuple[int, list[StatusWritten]]] = {}

    def record(self, commit: str, when: int, changes: Sequence[StatusWritten]) -> None:
        self.commits[commit] = (when, list(changes))

    def own(self, commits: Collection[str]) -> dict[str, list[StatusWritten]]:
        """Return those of *commits* that are on record, each with what it wrote."""
        return {commit: changes for commit, (_, changes) in self.commits.items() if commit in commits}


def not_recorded(commit: str, when: int, changes: Sequence[StatusWritten]) -> None:
    """Record nothing."""


def upstream_of(tree: WorkTree, branch: str = "main", origin: str = "") -> Upstream:
    """Return the way to the repo's *branch*; there must be one."""
    upstream = find_upstream(tree, [origin] if origin else [], branch)
    assert upstream is not None
    return upstream


def fetched(tree: WorkTree, timeout: float = 10, branch: str = "main") -> Fetched:
    """Ask origin for the repo's *branch*."""
    return fetch(tree, find_upstream(tree, [], branch), timeout)


def fetched_status(clone: Clone, branch: str = "main", tip: str = "") -> CheckoutStatus:
    """Return the status after a fetch, against the repo's *branch*; *tip* is its commit as other checkouts saw it."""
    tree = open_checkout(str(clone.path))
    return read_status(tree, PATTERN, find_upstream(tree, [], branch), fetched(tree, branch=branch), branch, tip)


def cached_status(clone: Clone, branch: str = "main", tip: str = "") -> CheckoutStatus:
    """Return the same without a fetch."""
    tree = open_checkout(str(clone.path))
    upstream = find_upstream(tree, [], branch)
    return read_status(tree, PATTERN, upstream, Fetched(NOT_ASKED if upstream else NO_UPSTREAM), branch, tip)


def tree_and_status(clone: Clone | Path) -> tuple[WorkTree, CheckoutStatus]:
    """Return the work tree and its status, without a remote."""
    tree = open_checkout(str(clone.path if isinstance(clone, Clone) else clone))
    return tree, read_status(tree, PATTERN, None, Fetched(NO_UPSTREAM), "main")


def held_back(state: CheckoutStatus) -> bool:
    """Return whether the pull gate is closed for a checkout in this *state*."""
    return check_behind("net", state.freshness, None) != []


def standing(state: CheckoutStatus) -> tuple[str, int | None, int | None, bool | None]:
    """Return its freshness, how many commits it is ahead and behind, and whether it is on the repo's branch."""
    return str(state.freshness), state.ahead, state.behind, state.on_branch


def make_unreachable(origin: Origin) -> None:
    """Make *origin* unreachable from now on."""
    origin.path.rename(origin.path.with_name("away"))


def url_of(origin: Origin) -> str:
    """Return the place of *origin*, `normalize_url`."""
    return str(origin.path).removesuffix(".git")


def tracking_commit(clone: Clone) -> str:
    """Return the commit of the clone's remote-tracking branch."""
    return clone.git("for-each-ref", "--format=%(objectname)", "refs/remotes/*/main")


def advance(clone: Clone, name: str = "news") -> None:
    """Add one commit at origin."""
    clone.write(name, name)
    clone.commit(name)
    clone.push()


def digests(clone: Clone, items: Sequence[WriteBack]) -> dict[str, str]:
    return {each.path: digest(clone.read(each.path)) for each in items}


def written(
    clone: Clone, *items: WriteBack, committer: Committer = COMMITTER, record: RecordWritten = not_recorded
) -> Written:
    """Look, read, and write back at once, as a run does."""
    tree, state = tree_and_status(clone)
    return wrote(clone, tree, state, *items, committer=committer, record=record)


def wrote(
    clone: Clone,
    tree: WorkTree,
    state: CheckoutStatus,
    *items: WriteBack,
    known: Mapping[str, str] | None = None,
    committer: Committer = COMMITTER,
    record: RecordWritten = not_recorded,
    limit: int = LIMIT,
) -> Written:
    """Write back after a look that was made before; *known* are the digests of the files then, if not of now."""
    todo = items or (item(),)
    overlooked = list_files(tree, PATTERN).overlooked
    known = digests(clone, todo) if known is None else known
    return write_back(tree, state, todo, known, committer, limit, record, overlooked=overlooked)


def refused(clone: Clone, *words: str, committer: Committer = COMMITTER, record: RecordWritten = not_recorded) -> str:
    """Return a writeback that must fail with these words, and leave all as it was; the words."""
    before = photograph(clone)
    result = written(clone, committer=committer, record=record)
    assert (result.commit, result.files, len(result.faults)) == (None, {}, 1)
    assert photograph(clone) == before
    assert leftovers(clone) == []
    for word in words:
        assert word in result.faults[0][1]
    return result.faults[0][1]


def photograph(clone: Clone) -> dict[str, object]:
    """Return all that a person has: index entries, git's status, each file's bytes, mode and owner."""
    found: dict[str, object] = {
        "head": clone.head,
        "branch": clone.git("rev-parse", "--abbrev-ref", "HEAD"),
        "status": clone.git("--no-optional-locks", "status", "--porcelain=v2", "--untracked-files=all"),
        "index": clone.git("ls-files", "--stage", "-v"),
        "branches": clone.git("for-each-ref", "--format=%(refname)", "refs/heads"),
        "refs": clone.git("for-each-ref", "refs/tags", "refs/stash", "refs/worktree"),
        "staged": clone.git("diff", "--cached"),
        "stash": clone.git("stash", "list"),
    }
    for file in sorted(clone.path.rglob("*")):
        if ".git" not in file.relative_to(clone.path).parts and (file.is_file() or file.is_symlink()):
            status = file.lstat()
            data = file.readlink() if file.is_symlink() else file.read_bytes()
            found[str(file)] = (data, status.st_mode, status.st_uid, status.st_gid)
    return found


def leftovers(clone: Clone) -> list[str]:
    """List the leftovers of a writeback, which must leave none."""
    git = Path(clone.git("rev-parse", "--absolute-git-dir"))
    found = [*clone.path.rglob("*.statehub*"), *clone.path.rglob(".statehub*"), *git.glob("fast_import_crash_*")]
    packs = [*git.glob("objects/pack/tmp_*"), *git.glob("objects/pack/.tmp*")]
    return [str(each) for each in (git / "statehub-writeback", git / "index.lock", *packs, *found) if each.exists()]


def conflict(clone: Clone, command: str) -> None:
    """Make two branches that change one line, and run a *command* that stops because of it."""
    clone.git("checkout", "--quiet", "-b", "other")
    for text in ("theirs", "more theirs"):
        clone.write("README.md", text)
        clone.commit(text)
    clone.git("checkout", "--quiet", "main")
    clone.write("README.md", "ours")
    clone.commit("ours")
    with pytest.raises(AssertionError, match=r"(?i)conflict|failed"):
        clone.git(*command.split())
