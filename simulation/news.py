"""What is news to the hub: a run takes from the files what is news there and no step back, and nothing else.

On equal rank a file brings news only if the hub has not moved since both agreed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from simulation.look import MAIN, Clone, Commit, History, Hub, Look, Run
from simulation.promise import promise
from simulation.workplan import RANKS, statuses

UNSURE = "?"
"""In the place of a status that a checkout has seen: a run there was cut off, and nobody knows what it kept."""


class News:
    """What the hub knows of each clone's files. `clocks_agree` says that times tell what was before what."""

    def __init__(self, history: History) -> None:
        self._history = history
        # What the last fix on each host saw of each task: the same status once more is no news there.
        self._seen: dict[str, dict[str, str]] = defaultdict(dict)
        # The tasks on which each host's files and the hub agreed at its last fix, if the hub has not moved them since.
        self._rests: dict[str, set[str]] = defaultdict(set)
        self._changes: set[int] = set()
        # Each host's commit at its last fix; and all at which there may have been one.
        self._taken: dict[str, str] = {}
        self._maybe_taken: set[str] = set()
        # Tasks that were moved back: what was taken by then.
        self._back: dict[str, set[str]] = {}
        self.clocks_agree = True

    def began(self, hosts: Iterable[str], look: Look) -> None:
        """On *hosts* a fix has run before."""
        for host in hosts:
            self._seen[host].update(look.clones[host].statuses)
            self._rests[host].update(_agreed(look.clones[host], look.hub))
            self._taken[host] = look.clones[host].head
        self.moved(look.hub)
        self._maybe_taken = set(self._taken.values())

    def moved(self, hub: Hub) -> None:
        """The hub may have moved tasks: no host has agreed with it on these since."""
        moved = {change.task for change in hub.changes if change.pk not in self._changes}
        self._changes = {change.pk for change in hub.changes}
        for tasks in self._rests.values():
            tasks.difference_update(moved)

    def moved_back(self, tasks: Iterable[str]) -> None:
        """*tasks* were moved in the hub, to a lower or equal rank, at this moment."""
        self._back.update({task: set(self._taken.values()) for task in tasks})

    def forget(self, task: str) -> None:
        """A person deleted *task* in the hub."""
        self._back.pop(task, None)
        for tasks in self._rests.values():
            tasks.discard(task)

    def check(self, run: Run, before: Look, after: Look) -> None:
        """The hub takes from the files what is news there and no step back, and nothing else."""
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
                    wanted = self._wanted(task, status, file, known, base)
            promise(
                now in wanted,
                f"{task} was {status} in the hub and is {now}; the file said {file},",
                f"and {seen.get(task) or 'nothing'} when it was last seen here",
            )
        for task in after.hub.tasks.keys() - before.hub.tasks.keys():
            as_said = run.fixing and said.get(task) == after.hub.tasks[task]
            promise(as_said, f"new task {task} is not as the file has it")

    def _wanted(self, task: str, status: str, file: str, seen: str, base: Commit) -> set[str]:
        """What may become of a task at *status*, with *file* in the files, which may be news, and *seen* there last."""
        if seen == UNSURE:
            return {status, file}
        if seen == file:
            return {status}
        if task not in self._back:
            return {file}
        # It was moved in the hub. What another host has taken by then is no news, by whatever way it comes here.
        source, sure = self._source(task, file, base)
        if source not in self._history.reachable(*self._maybe_taken):
            return {file}
        # Times are compared: with clocks that were wrong nobody knows what was before what.
        if sure and self.clocks_agree and source in self._history.reachable(*self._back[task]):
            return {status}
        return {status, file}

    def _source(self, task: str, status: str, base: Commit) -> tuple[str, bool]:
        """The commit that *status* comes from ('' for none), and whether that is beyond doubt."""
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
        """The file in which *task* has *status* in the commit; '' where it has another, or is not there."""
        found = (
            path for path, blob in commit.files.items()
            if path.startswith("workplans/") and statuses(self._history.blob(blob)).get(task) == status
        )  # fmt: skip
        return next(found, "")

    def _base(self, run: Run, before: Look, after: Look) -> Commit:
        """The commit that was compared: after a pull, and below what was written back then."""
        known = self._history.reachable(before.clones[run.host].head, before.origin[MAIN])
        base = self._history.commit(after.clones[run.host].head)
        while base.name not in known:
            base = self._history.commit(base.parents[0])
        return base

    def _compared(self, base: Commit, here: Clone) -> dict[str, str]:
        """What the files said when they were compared."""
        committed = self._history.commit(here.head).files
        dirty = {path for path in here.files if not here.names[path] == here.index.get(path) == committed.get(path)}
        files = {path: self._history.blob(blob) for path, blob in base.files.items() if path in here.files}
        files.update({path: here.files[path] for path in dirty})
        return replace(here, files=files).statuses

    def _rewound(self, run: Run, before: Look, after: Look) -> dict[str, str]:
        """What counts as seen of the tasks in the tool's commits that the run dropped."""
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
        """What the run has seen and taken is known from now on."""
        self.moved(after.hub)
        if not run.fixing:
            return
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


def _agreed(clone: Clone, hub: Hub) -> set[str]:
    """The tasks of which the files and the hub say the same."""
    return {task for task, status in clone.statuses.items() if hub.tasks.get(task) == status}
