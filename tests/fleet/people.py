"""People with clones of their own: they edit, commit, push, amend, rebase, drop commits and force-push."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from threading import Event

from statehub.statuses import TASK_STATUSES, rank
from testing.repos import Clone
from tests.fleet.world import World, set_status, statuses_in

TRIES = 30
"""Pushes of one commit."""

FIRST_COMMITS = 2
"""Commits of a repo before people work in it: its beginning and its workplans."""

_FASTER = (
    "[rejected]",
    "cannot lock ref",
    "failed to update ref",
    "incorrect old value",
    "non-fast-forward",
    "stale info",
)


class Person:
    """One of them.

    Each of their commits has a file of its own in `notes/`: `kept` are those that were pushed, by repo, `dropped` those
    that they force-pushed away.
    """

    def __init__(self, name: str, world: World, seed: int, pause: float) -> None:
        self.name, self._world, self._pause = name, world, pause
        self._chance = Random(f"{seed}-{name}")
        self._clones: dict[str, Clone] = {}
        self._number = 0
        self.kept: dict[str, set[str]] = {slug: set() for slug in world.origins}
        self.dropped: dict[str, set[str]] = {slug: set() for slug in world.origins}
        self.did: Counter[str] = Counter()
        self.wrongs: list[str] = []

    def work(self, stop: Event) -> None:
        """Work in any repo, again and again, until *stop*."""
        ways: list[Callable[[str, Clone], None]] = [
            self._commit,
            self._commit_stale,
            self._amend,
            self._rebase,
            self._drop,
        ]
        while not stop.is_set():
            slug = self._chance.choice(sorted(self._world.origins))
            (way,) = self._chance.choices(ways, weights=(50, 20, 10, 10, 10))
            way(slug, self._clone(slug))
            stop.wait(self._chance.random() * self._pause)

    def decide(self, slug: str, statuses: dict[str, str]) -> None:
        """Set tasks in the files of one repo, for good."""
        clone = self._clone(slug)
        self._follow(clone)
        for task, status in statuses.items():
            set_status(clone, task, status)
        if clone.status():
            self._note(clone)
            self._push(slug, clone)

    def _clone(self, slug: str) -> Clone:
        if slug not in self._clones:
            path = self._world.folder / self.name / slug
            path.parent.mkdir(exist_ok=True)
            origin = self._world.origins[slug]
            origin.git("clone", "--quiet", str(origin.path), str(path))
            self._clones[slug] = Clone(path)
            self._clones[slug].git("config", "user.name", self.name)
        return self._clones[slug]

    def _follow(self, clone: Clone) -> None:
        """Be at the tip of the branch, without any work of one's own."""
        clone.git("fetch", "--quiet")
        clone.git("reset", "--quiet", "--hard", "origin/main")

    def _commit(self, slug: str, clone: Clone) -> None:
        self._follow(clone)
        self._commit_stale(slug, clone)

    def _commit_stale(self, slug: str, clone: Clone) -> None:
        """Move a task forward, or only add a note, on whatever the clone has; push it."""
        task, status = self._chance.choice(sorted(statuses_in(clone).items()))
        higher = [each for each in TASK_STATUSES if rank(each) > rank(status)]
        if higher:
            set_status(clone, task, self._chance.choice(higher))
        self._note(clone)
        self._push(slug, clone)

    def _note(self, clone: Clone) -> None:
        self._number += 1
        clone.write(f"notes/{self.name}-{self._number}", f"{self._number}\n")
        clone.commit(f"Note {self._number}")
        self.did["commits"] += 1

    def _push(self, slug: str, clone: Clone) -> None:
        """Push; if others were faster, rebase onto their work and try again."""
        mine = self._notes_ahead(clone)
        for _ in range(TRIES):
            try:
                clone.git("push", "--quiet", "origin", "HEAD:main")
            except AssertionError as refused:
                if not any(word in str(refused) for word in _FASTER):
                    raise
                self.did["faster"] += 1
                try:
                    clone.git("pull", "--quiet", "--rebase", "-X", self._chance.choice(["ours", "theirs"]))
                except AssertionError:  # A conflict that no side wins; the work is given up before it was pushed.
                    clone.git("rebase", "--abort")
                    self._follow(clone)
                    self.did["given up"] += 1
                    return
            else:
                self.kept[slug] |= mine
                self.did["pushes"] += 1
                return
        self.wrongs.append(f"{self.name} could not push in {TRIES} tries")

    def _notes_ahead(self, clone: Clone) -> set[str]:
        """Return the notes that are not pushed yet."""
        names = clone.git("diff", "--name-only", "--diff-filter=A", "origin/main...HEAD", "--", "notes/").splitlines()
        return {name for name in names if name.startswith(f"notes/{self.name}-")}

    def _force(self, clone: Clone, seen: str) -> bool:
        """Push over the commit that was *seen*; return whether no one was faster."""
        try:
            clone.git("push", "--quiet", f"--force-with-lease=main:{seen}", "origin", "HEAD:main")
        except AssertionError as refused:
            if not any(word in str(refused) for word in _FASTER):
                raise
            self.did["faster"] += 1
            return False
        self.did["forced"] += 1
        return True

    def _amend(self, slug: str, clone: Clone) -> None:
        """Amend the last commit, whoever made it, except the first ones: it would be another repository."""
        self._follow(clone)
        if len(clone.log()) <= FIRST_COMMITS:
            return
        seen = clone.head
        clone.git(
            "commit",
            "--quiet",
            "--amend",
            "--reset-author",
            "--allow-empty",
            f"--message=Better {self._chance.random()}",
        )
        self._force(clone, seen)

    def _rebase(self, slug: str, clone: Clone) -> None:
        """Make the last few commits once more."""
        self._follow(clone)
        seen, last = clone.head, self._chance.randint(1, 3)
        if len(clone.log()) > last + FIRST_COMMITS:
            try:
                clone.git("rebase", "--quiet", "--force-rebase", f"HEAD~{last}")
            except AssertionError:
                clone.git("rebase", "--abort")
            else:
                self._force(clone, seen)

    def _drop(self, slug: str, clone: Clone) -> None:
        """Drop the last commit if it is one's own, or the hub's."""
        self._follow(clone)
        seen = clone.head
        author, parents = clone.git("log", "-1", "--format=%an|%p").split("|")
        notes = set(clone.git("diff-tree", "--no-commit-id", "--name-only", "-r", "HEAD", "--", "notes/").splitlines())
        is_mine = author == self.name and all(name.startswith(f"notes/{self.name}-") for name in notes)
        is_droppable = len(parents.split()) == 1 and len(clone.log()) > FIRST_COMMITS
        if is_droppable and (is_mine or author == "State Hub"):
            clone.git("reset", "--quiet", "--hard", "HEAD~1")
            if self._force(clone, seen):
                self.dropped[slug] |= notes
                self.did["dropped"] += 1


class Maintainer:
    """One who merges the proposals on the forge, in one of the ways that forges offer."""

    def __init__(self, world: World, seed: int) -> None:
        self.name, self._world = "maintainer", world
        self._chance = Random(f"{seed}-maintainer")
        self._clones: dict[str, Clone] = {}
        self.did: Counter[str] = Counter()

    def work(self, stop: Event) -> None:
        """Merge now and then until *stop*."""
        while not stop.wait(self._chance.random() * 3):
            self.merge(self._chance.choice(sorted(self._world.proposing)))

    def merge(self, slug: str) -> None:
        """Merge the proposal of a repo if there is one."""
        clone = self._clone(slug)
        clone.git("fetch", "--quiet", "--prune", "origin")
        if not clone.git("for-each-ref", "refs/remotes/origin/statehub/main"):
            return
        clone.git("checkout", "--quiet", "-B", "main", "origin/main")
        way = self._chance.choice(["merge", "squash", "pick"])
        try:
            if way == "merge":
                clone.git("merge", "--quiet", "--no-ff", "--message=Merge", "origin/statehub/main")
            elif way == "squash":
                clone.git("merge", "--quiet", "--squash", "origin/statehub/main")
                clone.git("commit", "--quiet", "--allow-empty", "--message=Sync (#1)")
            else:
                clone.git("cherry-pick", "--keep-redundant-commits", "origin/statehub/main")
            clone.git("push", "--quiet", "origin", "main")
        except AssertionError:  # A conflict, or another push was faster: the page says so, and the next one may go.
            clone.git("reset", "--quiet", "--hard")
            self.did["not merged"] += 1
        else:
            self.did["merged"] += 1

    def _clone(self, slug: str) -> Clone:
        if slug not in self._clones:
            path = self._world.folder / self.name / slug
            path.parent.mkdir(exist_ok=True)
            origin = self._world.origins[slug]
            origin.git("clone", "--quiet", str(origin.path), str(path))
            self._clones[slug] = Clone(path)
            self._clones[slug].git("config", "user.name", self.name)
        return self._clones[slug]
