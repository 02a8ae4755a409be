"""News for the hub: a run takes from the files all that is news there and not a step back, and nothing else.

On equal rank a file brings news only if the hub has not moved since both agreed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tests.simulation.look import Clone, Commit, History, Hub, Look, Run
from tests.simulation.promise import promise
from tests.simulation.workplan import RANKS, statuses

UNSURE = "?"
"""Placeholder for a status that a checkout has seen: a run there was cut off, and may have kept it or not."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A status that the hub took from a file, or wrote into it: the commit that has it ('' for none), the file then."""

    status: str
    commit: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Reopen:
    """A move of a task, in the hub, to a lower or equal rank: when, what was taken from all by then, and stated."""

    at: float
    taken: frozenset[str]
    stated: tuple[Statement, ...]


class News:
    """The hub's knowledge of each clone's files. `clocks_agree`: times show the order of events."""

    def __init__(self, history: History) -> None:
        self._history = history
        # What the last fix on each host saw of each task: the same status once more is not news there.
        self._seen: dict[str, dict[str, str]] = defaultdict(dict)
        # The tasks on which each host's files and the hub agreed at its last fix, if the hub has not moved them since.
        self._rests: dict[str, set[str]] = defaultdict(set)
        self._changes: set[int] = set()
        # Each host's commit at its last fix; and all at which there may have been one.
        self._taken: dict[str, str] = {}
        self._maybe_taken: set[str] = set()
        self._stated: dict[str, list[Statement]] = defaultdict(list)
        self._back: dict[str, Reopen] = {}
        # Tasks of which a run has taken something that was not seen: it was cut off, or something else went on.
        self._unseen: set[str] = set()
        self.clocks_agree = True

    def began(self, hosts: Iterable[str], look: Look) -> None:
        """Note that a fix has run on *hosts* before."""
        for host in hosts:
            self._seen[host].update(look.clones[host].statuses)
            self._rests[host].update(_agreed(look.clones[host], look.hub))
            self._taken[host] = look.clones[host].head
        self.moved(look.hub)
        self._maybe_taken = set(self._taken.values())

    def moved(self, hub: Hub) -> None:
        """Note that the hub may have moved tasks: no host has agreed with it on these since."""
        moved = {change.task for change in hub.changes if change.pk not in self._changes}
        self._changes = {change.pk for change in hub.changes}
        for tasks in self._rests.values():
            tasks.difference_update(moved)

    def moved_back(self, tasks: Iterable[str], hub: Hub) -> None:
        """Note that *tasks* were moved in the hub, to a lower or equal rank, at this moment."""
        times = {change.task: change.at.timestamp() for change in hub.changes}
        taken = frozenset(self._taken.values())
        self._back.update({task: Reopen(times[task], taken, tuple(self._stated[task])) for task in tasks})

    def forget(self, task: str) -> None:
        """Forget *task*: a person deleted it in the hub."""
        self._back.pop(task, None)
        self._stated.pop(task, None)
        for tasks in self._rests.values():
            tasks.discard(task)

    def check(self, run: Run, before: Look, after: Look) -> None:
        """Check that the hub takes from the files all that is news there and not a step back, and nothing else."""
        base = self._base(run, before, after)
        said = self._compared(base, after.clones[run.host])
        rewound = self._rewound(run, before, after)
        seen, rests = {**self._seen[run.host], **rewound}, self._rests[run.host] - rewound.keys()
        held = {noted.task for noted in after.hub.noted if noted.code == "C-20" and noted.host == run.host}
        for task, status in before.hub.tasks.items():
            now, file = after.hub.tasks[task], said.get(task)
            wanted = {status}
            if run.fixing and file not in (None, status) and task not in held and RANKS[file] >= RANKS[status]:
                known = seen.get(task, "")
                if RANKS[file] > RANKS[status] or known == UNSURE or (task in rests and known == status):
                    wanted = self._wanted(task, status, file, known, base, after.clones[run.host])
            promise(
                now in wanted,
                f"{task} was {status} in the hub and is {now}; the file said {file},",
                f"and {seen.get(task) or 'nothing'} when it was last seen here",
            )
        for task in after.hub.tasks.keys() - before.hub.tasks.keys():
            as_said = run.fixing and said.get(task) == after.hub.tasks[task]
            promise(as_said, f"new task {task} is not as the file has it")

    def _wanted(self, task: str, status: str, file: str, seen: str, base: Commit, clone: Clone) -> set[str]:
        """Return the allowed results for a task at *status*, with *file* in the files, and *seen* there last."""
        if seen == UNSURE:
            return {status, file}
        if seen == file:
            return {status}
        if task not in self._back:
            return {file}
        # It was moved in the hub. Statuses stated before that are not news, by whatever way they come.
        reopen, history = self._back[task], self._history
        source, sure = self._source(task, file, base)
        # Times are compared: with wrong clocks the order of events is unknown.
        sure = sure and self.clocks_agree and task not in self._unseen
        if self._is_old(task, file, source, reopen):
            return {status} if sure else {status, file}
        # A clone with holes may not know which commit brought it, nor one without all that was taken, by dates alone.
        in_doubt = source and history.commit(source).authored <= reopen.at
        if clone.has_holes or (in_doubt and not reopen.taken <= history.reachable(base.name)):
            return {status, file}  # This clone cannot show it: then the reopen is kept.
        return {file} if sure and source not in history.reachable(*self._maybe_taken) else {status, file}

    def _is_old(self, task: str, status: str, source: str, reopen: Reopen) -> bool:
        """Return whether *status*, brought by the commit *source* ('' for none), had been stated at the reopen."""
        if not source:
            return False
        history = self._history
        if source in history.reachable(*reopen.taken):
            return True
        below, authored = history.reachable(source), history.commit(source).authored
        stated = [each for each in reopen.stated if each.status == status and each.commit not in below]
        if any(each.commit and history.commit(each.commit).authored == authored for each in stated):
            return True  # Made again: a rebase, an amend and a cherry-pick keep the author's date.
        # Committed since, or squashed: the very file, and the first time that history has this status.
        text = _text(history.blob(history.commit(source).files[self._path(task, status, history.commit(source))]))
        earlier = (history.commit(name) for name in below - {source})
        return any(each.text == text for each in stated) and not any(
            self._path(task, status, commit) for commit in earlier
        )

    def _source(self, task: str, status: str, base: Commit) -> tuple[str, bool]:
        """Return the commit that *status* comes from ('' for none), and whether that is beyond doubt."""
        path = self._path(task, status, base)
        if not path:
            return "", True
        commit, sure = base, True
        while True:
            older = [parent for parent in map(self._history.commit, commit.parents) if self._path(task, status, parent)]
            if not older:
                return commit.name, sure
            # Where a file has moved, or histories have met, git may see it in another way.
            sure = sure and len(commit.parents) == 1 and self._path(task, status, older[0]) == path
            commit = older[0]

    def _path(self, task: str, status: str, commit: Commit) -> str:
        """Return the file in which *task* has *status* in the commit; '' if it has another, or is not there."""
        found = (
            path for path, blob in commit.files.items()
            if path.startswith("workplans/") and statuses(self._history.blob(blob)).get(task) == status
        )  # fmt: skip
        return next(found, "")

    def _base(self, run: Run, before: Look, after: Look) -> Commit:
        """Return the commit that was compared: after a pull, and below what was written back then."""
        known = self._history.reachable(*filter(None, (before.clones[run.host].head, before.tip)))
        base = self._history.commit(after.clones[run.host].head)
        while base.name not in known:
            base = self._history.commit(base.parents[0])
        return base

    def _compared(self, base: Commit, here: Clone) -> dict[str, str]:
        """Return the statuses in the files at the comparison."""
        committed = self._history.commit(here.head).files
        dirty = {path for path in here.files if not here.names[path] == here.index.get(path) == committed.get(path)}
        files = {path: self._history.blob(blob) for path, blob in base.files.items() if path in here.files}
        files.update({path: here.files[path] for path in dirty})
        return replace(here, files=files).statuses

    def _rewound(self, run: Run, before: Look, after: Look) -> dict[str, str]:
        """Return the statuses that count as seen in the tool's commits that the run dropped."""
        seen: dict[str, str] = {}
        dropped = self._history.reachable(before.clones[run.host].head)
        dropped -= self._history.reachable(after.clones[run.host].head)
        for name in self._newest_first(dropped):
            commit = self._history.commit(name)
            (parent,) = commit.parents
            old = self._history.commit(parent).files
            for path, blob in commit.files.items():
                if old[path] != blob:
                    was, now = statuses(self._history.blob(old[path])), statuses(self._history.blob(blob))
                    seen.update({task: status for task, status in was.items() if now[task] != status})
        return seen

    def _newest_first(self, names: set[str]) -> Iterable[str]:
        left = set(names)
        while left:
            (tip,) = left - {parent for name in left for parent in self._history.commit(name).parents}
            yield tip
            left.remove(tip)

    def remember(self, run: Run, before: Look, after: Look) -> None:
        """Note all that the run has seen and taken."""
        self.moved(after.hub)
        if not run.fixing:
            return
        self._remember_statements(run, before, after)
        seen, clone = self._seen[run.host], after.clones[run.host]
        if run.outcome == "ok" and run.quiet:
            held = {noted.task for noted in after.hub.noted if noted.code == "C-20" and noted.host == run.host}
            told = {task: status for task, status in clone.statuses.items() if task not in held}
            seen.update(told)
            self._rests[run.host] -= told.keys()
            self._rests[run.host] |= told.keys() & _agreed(clone, after.hub)
            self._taken[run.host] = clone.head
            self._maybe_taken.add(clone.head)
        elif run.outcome != "skipped" or run.pull:
            self._taken.pop(run.host, None)
            self._maybe_taken |= {clone.head, before.clones[run.host].head}
            everything = {*after.hub.tasks, *before.clones[run.host].statuses, *clone.statuses}
            seen.update(dict.fromkeys(everything, UNSURE))

    def _remember_statements(self, run: Run, before: Look, after: Look) -> None:
        """Note the statuses that the hub took from the files, and those it wrote into them."""
        moved = {task for task, status in after.hub.tasks.items() if before.hub.tasks.get(task) != status}
        clone = after.clones[run.host]
        written = after.hub.own - before.hub.own
        if run.outcome != "ok" or not run.quiet:
            self._unseen |= moved | set(clone.statuses) if moved or written else set()
            return
        base = self._base(run, before, after)
        for task in moved:
            status = after.hub.tasks[task]
            source, _ = self._source(task, status, base)
            path = next((path for path, data in clone.plans.items() if task in statuses(data)), "")
            self._stated[task].append(Statement(status, source, _text(clone.files.get(path, b""))))
        for name in written:
            commit = self._history.commit(name)
            old = self._history.commit(commit.parents[0]).files
            for path, blob in commit.files.items():
                if blob != old.get(path):
                    data, was = self._history.blob(blob), statuses(self._history.blob(old[path]))
                    for task, status in statuses(data).items():
                        if was.get(task) != status:
                            self._stated[task].append(Statement(status, name, _text(data)))


def _text(data: bytes) -> bytes:
    """Return a file without its line ends."""
    return data.replace(b"\r\n", b"\n")


def _agreed(clone: Clone, hub: Hub) -> set[str]:
    """Return the tasks on which the files and the hub agree."""
    return {task for task, status in clone.statuses.items() if hub.tasks.get(task) == status}
