"""A clone with workplans, looks at it, and writebacks into it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from consistency.checkout.commit import Committer, Written
from consistency.checkout.files import digest
from consistency.checkout.remote import Fetched, fetch, upstream_of
from consistency.checkout.state import State, look
from consistency.checkout.worktree import WorkTree, open_checkout
from consistency.checkout.writeback import write_back
from consistency.core.actions import WriteBack
from consistency.core.gate import NOT_ASKED
from tests.support.repos import Clone
from tests.support.workplans import workplan

PATTERN = "workplans/**/*.md"
LIMIT = 5 * 1024 * 1024
COMMITTER = Committer("State Hub", "state-hub@localhost", 20.0)
HASTY = Committer("State Hub", "state-hub@localhost", 0.7)
STARTED = "2026-03-01T12:00:00Z"
CHANGED = datetime(2026, 3, 4, 5, 6, 7, 800_000, UTC)
"""Later than every commit made on this desk."""

TODO = workplan("A", [("T1", "todo"), ("T2", "todo")])
DONE = workplan("A", [("T1", "done"), ("T2", "todo")])


def laid_out(clone: Clone, *names: str, text: str = TODO) -> Clone:
    """The clone, with these workplans committed long ago."""
    for name in names or ("a",):
        clone.write(f"workplans/{name}.md", text)
    clone.commit("Plans", date=STARTED)
    return clone


def item(
    name: str = "a", task: str = "A-T1", old: str = "todo", new: str = "done", at: datetime = CHANGED
) -> WriteBack:
    return WriteBack(f"workplans/{name}.md", "A", task, old, new, at)


def looked(clone: Clone | Path) -> tuple[WorkTree, State]:
    tree = open_checkout(str(clone.path if isinstance(clone, Clone) else clone))
    return tree, look(tree, PATTERN, Fetched(NOT_ASKED))


def fetched(tree: WorkTree, timeout: float = 10) -> Fetched:
    """Fetch from what the branch follows."""
    return fetch(tree, upstream_of(tree), timeout)


def seen(clone: Clone) -> State:
    """The clone as it stands after a fetch."""
    tree = open_checkout(str(clone.path))
    return look(tree, PATTERN, fetched(tree))


def unseen(clone: Clone) -> State:
    """The clone as it stands, without a fetch."""
    return looked(clone)[1]


def advance(clone: Clone, name: str = "news") -> None:
    """One commit more at origin."""
    clone.write(name, name)
    clone.commit(name)
    clone.push()


def digests(clone: Clone, items: Sequence[WriteBack]) -> dict[str, str]:
    return {each.path: digest(clone.read(each.path)) for each in items}


def written(clone: Clone, *items: WriteBack, committer: Committer = COMMITTER) -> Written:
    """Look, read, and write back at once, as a run does."""
    tree, state = looked(clone)
    todo = items or (item(),)
    return write_back(tree, state, todo, digests(clone, todo), committer, LIMIT)


def refused(clone: Clone, *words: str, committer: Committer = COMMITTER) -> str:
    """A writeback that must fail with these words, and leave all as it was; the words."""
    before = photograph(clone)
    result = written(clone, committer=committer)
    assert (result.commit, result.files, len(result.faults)) == (None, {}, 1)
    assert photograph(clone) == before
    assert leftovers(clone) == []
    for word in words:
        assert word in result.faults[0][1]
    return result.faults[0][1]


def photograph(clone: Clone) -> dict[str, object]:
    """All that a person has: index entries, what git says of the work tree, each file's bytes, mode and owner."""
    found: dict[str, object] = {
        "head": clone.head,
        "branch": clone.git("rev-parse", "--abbrev-ref", "HEAD"),
        "status": clone.git("--no-optional-locks", "status", "--porcelain=v2", "--untracked-files=all"),
        "index": clone.git("ls-files", "--stage", "-v"),
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
    """What a writeback must not leave behind."""
    git = Path(clone.git("rev-parse", "--absolute-git-dir"))
    found = [*clone.path.rglob("*.statehub*"), *clone.path.rglob(".statehub*")]
    return [str(each) for each in (git / "statehub-writeback", git / "index.lock", *found) if each.exists()]
