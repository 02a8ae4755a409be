"""People who edit workplans, commit and push, each in clones of their own, with plain git."""

from __future__ import annotations

from collections import Counter
from random import Random
from threading import Event, Lock

from statehub.statuses import TASK_STATUSES, rank
from testing.repos import Clone
from tests.concurrency.world import Place, statuses_in, with_status

TRIES = 20
"""Pushes of one commit."""

_FASTER = ("[rejected]", "cannot lock ref", "failed to update ref", "incorrect old value", "non-fast-forward")


class Odd:
    """Steps that people take on a task only once, all of them together: set it back, or sideways, in its file."""

    def __init__(self) -> None:
        self._lock, self._done = Lock(), set[str]()

    def take(self, task: str) -> bool:
        """Return whether it was not done yet, and note it as done."""
        with self._lock:
            fresh = task not in self._done
            self._done.add(task)
            return fresh


class Person:
    """One of them. `did` counts commits, pushes, and how often another push was faster."""

    def __init__(self, desk: Place, odd: Odd, seed: int) -> None:
        self.name, self._desk, self._odd = desk.name, desk, odd
        self._chance = Random(f"{seed}-{desk.name}")
        self.did: Counter[str] = Counter()
        self.wrongs: list[str] = []

    def work(self, stop: Event) -> None:
        """Edit, commit and push, again and again, until *stop*; at least twice."""
        while self.did["commits"] < 2 or not stop.is_set():
            clone = self._chance.choice(list(self._desk.clones.values()))
            if self._chance.random() < 0.3:
                self._pull(clone)
            self._edit(clone)
            self._commit(clone, "Work")
            if self._chance.random() < 0.8:  # Else it waits for the next one.
                self._push(clone)
            stop.wait(self._chance.random())

    def catch_up(self) -> None:
        """Be level with every origin."""
        for clone in self._desk.clones.values():
            self._pull(clone)
            if clone.git("rev-list", "@{upstream}..HEAD"):
                self._push(clone)

    def decide(self, slug: str, statuses: dict[str, str]) -> None:
        """Set tasks in the files of one repo, for good."""
        clone = self._desk.clones[slug]
        self._pull(clone)
        for task, status in statuses.items():
            with_status(clone, task, status)
        if clone.status():
            self._commit(clone, "Decide")
            self._push(clone)

    def _pull(self, clone: Clone) -> None:
        """Rebase own commits onto the others'; if both changed the same line, one of the two is taken."""
        clone.git("pull", "--quiet", "--rebase", "-X", self._chance.choice(["ours", "theirs"]))

    def _edit(self, clone: Clone) -> None:
        """Change a task's status, mostly forward, or add a remark."""
        task, status = self._chance.choice(list(statuses_in(clone).items()))
        wanted = self._chance.choice([each for each in TASK_STATUSES if each != status])
        if rank(wanted) > rank(status) or self._odd.take(task):
            with_status(clone, task, wanted)
        else:
            path = clone.path / "workplans" / f"{task.rpartition('-')[0]}.md"
            path.write_text(f"{path.read_text()}\nA remark of {self.name}.\n")

    def _commit(self, clone: Clone, message: str) -> None:
        clone.commit(f"{message} of {self.name}")
        self.did["commits"] += 1

    def _push(self, clone: Clone) -> None:
        """Push; if others were faster, rebase onto their work and try again."""
        for _ in range(TRIES):
            try:
                clone.git("push", "--quiet")
            except AssertionError as refused:
                if not any(word in str(refused) for word in _FASTER):
                    raise
                self.did["faster"] += 1
                self._pull(clone)
            else:
                self.did["pushes"] += 1
                return
        self.wrongs.append(f"{self.name} could not push in {TRIES} tries")
