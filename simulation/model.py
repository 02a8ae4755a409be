"""What must hold, whatever happens: a pure model of the promises. No Django, git or disk; it is shown photographs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from simulation.workplan import RANKS, front, skeleton, statuses

TOOL = "State Hub"
MAIN = "refs/heads/main"
UNSURE = "?"
"""In the place of a status that a checkout has seen: a run there was cut off, and nobody knows what it kept."""

_OF_STATUS = {"C-11", "C-13", "C-15"}


class Broken(AssertionError):
    """A promise that did not hold."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: its parents, who committed it, and the blob of every path."""

    name: str
    parents: tuple[str, ...]
    committer: str
    files: dict[str, str]


class History(Protocol):
    """All commits and blobs of all clones."""

    def commit(self, name: str) -> Commit:
        """The commit *name*."""

    def blob(self, name: str) -> bytes:
        """The bytes of the blob *name*."""

    def reachable(self, *names: str) -> set[str]:
        """The commits *names* and all their ancestors."""


@dataclass(frozen=True, slots=True)
class Clone:
    """A clone: the ref that HEAD names, the branches' commits, what is staged (path → blob), all files."""

    branch: str
    heads: dict[str, str]
    index: dict[str, str]
    files: dict[str, bytes]
    names: dict[str, str] = field(repr=False)
    """The blob that each file would be."""

    @property
    def head(self) -> str:
        """The commit that is checked out."""
        return self.heads[self.branch]

    @property
    def all_plans(self) -> dict[str, bytes]:
        """The workplans, by path."""
        return {path: data for path, data in self.files.items() if path.startswith("workplans/") and front(data)[0]}

    @property
    def doubles(self) -> set[str]:
        """The ids that two workplans have: nothing is done about either of them."""
        counted = Counter(front(data)[0] for data in self.all_plans.values())
        return {key for key, number in counted.items() if number > 1}

    @property
    def plans(self) -> dict[str, bytes]:
        """The workplans with an id of their own, by path."""
        doubles = self.doubles
        return {path: data for path, data in self.all_plans.items() if front(data)[0] not in doubles}

    @property
    def statuses(self) -> dict[str, str]:
        """What the files say of each task."""
        return {task: status for data in self.plans.values() for task, status in statuses(data).items()}


@dataclass(frozen=True, slots=True)
class Change:
    """One move of a task, as the hub has recorded it."""

    pk: int
    task: str
    old: str
    new: str
    source: str
    host: str
    reopen: bool


@dataclass(frozen=True, slots=True)
class Noted:
    """One finding that is open."""

    host: str
    code: str
    file: str
    workplan: str
    task: str


@dataclass(frozen=True, slots=True)
class Hub:
    """What the hub holds. `owners` is task → workplan; `mirrored` and `ledger` are rows, whole."""

    tasks: dict[str, str]
    owners: dict[str, str]
    workstreams: dict[str, str]
    changes: tuple[Change, ...]
    ledger: tuple[str, ...]
    mirrored: tuple[str, ...]
    noted: tuple[Noted, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """A photograph of everything."""

    clones: dict[str, Clone]
    origin: dict[str, str]
    hub: Hub


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was made. `outcome` is ok, skipped, error, or killed; `quiet` says that nothing else went on."""

    host: str
    outcome: str
    fixing: bool = True
    pull: bool = False
    push: bool = False
    writeback: bool = True
    online: bool = True
    fetched: bool = True
    quiet: bool = True
    converged: bool = False
    gates: frozenset[str] = frozenset()


def promise(kept: object, *words: object) -> None:
    """Raise Broken, with *words*, where it was not *kept*."""
    if not kept:
        raise Broken(" ".join(map(str, words)))


class Model:
    """What is remembered from step to step, and what is promised of each."""

    def __init__(self, history: History, start: Look) -> None:
        self._history = history
        self._first = dict(start.hub.tasks)
        self._changes: dict[int, Change] = {change.pk: change for change in start.hub.changes}
        # What the last fix on each host saw of each task: the same status once more is no news there.
        self.seen: dict[str, dict[str, str]] = defaultdict(dict)
        # Each host's commit at its last fix; and all at which there may have been one.
        self._taken: dict[str, str] = {}
        self._maybe_taken: set[str] = set()
        # Tasks that were moved back: what was taken by then.
        self._back: dict[str, set[str]] = {}
        self.clocks_agree = True
        # Files that a killed run may have replaced: path → what was there, and what it left.
        self.limbo: dict[str, dict[str, tuple[bytes, bytes]]] = defaultdict(dict)

    def began(self, hosts: Iterable[str], look: Look) -> None:
        """On *hosts* a fix has run before."""
        for host in hosts:
            self.seen[host].update(look.clones[host].statuses)
            self._taken[host] = look.clones[host].head
        self._maybe_taken = set(self._taken.values())

    def forget(self, task: str) -> None:
        """A person deleted *task* in the hub, with its history."""
        self._first.pop(task, None)
        self._back.pop(task, None)
        self._changes = {pk: change for pk, change in self._changes.items() if change.task != task}

    # ---- Always ------------------------------------------------------------------------------------------------------

    def records(self, hub: Hub) -> None:
        """Every status has its records, from the first to the one it has now; no record ever changes."""
        now = {change.pk: change for change in hub.changes}
        promise(
            self._changes.items() <= now.items(), "records were changed or lost:", self._changes.keys() - now.keys()
        )
        for pk in sorted(now.keys() - self._changes.keys()):
            if RANKS[now[pk].new] < RANKS[now[pk].old]:
                self._back[now[pk].task] = set(self._taken.values())
        self._changes = now
        moves: dict[str, list[Change]] = defaultdict(list)
        for change in hub.changes:
            moves[change.task].append(change)
            promise(change.reopen or RANKS[change.new] >= RANKS[change.old], "a step back that is no reopen:", change)
            promise(
                change.source != "file" or (RANKS[change.new] > RANKS[change.old] and not change.reopen),
                "a run made a move that is no advance:", change,
            )  # fmt: skip
        promise(
            self._first.keys() <= hub.tasks.keys(),
            "tasks are gone from the hub:",
            self._first.keys() - hub.tasks.keys(),
        )
        for task, status in hub.tasks.items():
            at = self._first.setdefault(task, moves[task][0].old if moves[task] else status)
            for change in moves[task]:
                promise(change.old == at, f"{task} was {at}, and its next record begins elsewhere:", change)
                at = change.new
            promise(at == status, f"{task} is {status} in the hub, its records end with {at}")

    # ---- Runs --------------------------------------------------------------------------------------------------------

    def ran(self, run: Run, before: Look, after: Look) -> None:
        """A run took the world from *before* to *after*. Raises Broken."""
        there, here = before.clones[run.host], after.clones[run.host]
        self._files(run, there, here)
        self._branches(run, there, here)
        self._origin(run, before, after)
        self._no_regress(run, before.hub, after.hub)
        if run.quiet:
            self._others_untouched(run, before, after)
            if run.outcome in ("ok", "skipped"):
                self._gates(run, before, after)
            if run.outcome == "ok":
                self._news(run, before, after)
                self._findings(run, after)
        if not run.fixing or run.outcome == "skipped":
            self._nothing_written(run, before, after)
        self._remember(run, before, after)

    def _files(self, run: Run, there: Clone, here: Clone) -> None:
        """What a person has not committed stays to the byte; what was clean is clean again, as HEAD has it now."""
        old, new = self._history.commit(there.head).files, self._history.commit(here.head).files
        for path in there.files.keys() | here.files.keys() | old.keys():
            staged, name = there.index.get(path), there.names.get(path)
            if staged == name == old.get(path):  # Nothing of a person's is in it; it may also be a new file of HEAD.
                if run.outcome == "killed" or path in self.limbo[run.host]:
                    continue
                promise(
                    here.names.get(path) == here.index.get(path) == new.get(path), f"{path} was clean and is not now"
                )
                continue
            # git takes a file that was deleted, and not staged so, for none of a person's work: a pull brings it back.
            if path not in there.files and staged == old.get(path) and (run.pull or run.push):
                promise(here.names.get(path) in (None, new.get(path)), f"{path} was deleted, and is another now")
                promise(here.index.get(path) == new.get(path), f"what was staged of {path} is not as it was")
                continue
            kept = {there.files.get(path)}
            if path in self.limbo[run.host] and there.files.get(path) == self.limbo[run.host][path][1]:
                kept |= set(self.limbo[run.host][path])
                if run.outcome == "killed":
                    continue
                if here.names.get(path) == here.index.get(path) == new.get(path):
                    continue
            promise(here.files.get(path) in kept, f"{path} held work that was not committed, and is another now")
            promise(here.index.get(path) == staged, f"what was staged of {path} is not as it was")
        if run.outcome == "killed":
            self._cut_off(run.host, there, here)

    def _cut_off(self, host: str, there: Clone, here: Clone) -> None:
        """A file that a killed run has replaced and not committed: the next run may put back what HEAD has of it."""
        committed = self._history.commit(here.head).files
        for path in there.files.keys() | here.files.keys():
            if there.files.get(path) != here.files.get(path) and here.names.get(path) != committed.get(path):
                promise(path in committed and path in here.files, f"a killed run left {path} made or removed")
                was, now = self._history.blob(committed[path]), here.files[path]
                promise(skeleton(was) == skeleton(now), f"a killed run left {path} with other words in it")
                self.limbo[host][path] = (was, now)

    def _branches(self, run: Run, there: Clone, here: Clone) -> None:
        """No commit of a person's is lost; what is new is the tool's, and changes statuses alone."""
        promise(here.branch == there.branch, f"the run went from {there.branch} to {here.branch}")
        for ref in there.heads.keys() | here.heads.keys():
            was, now = there.heads.get(ref, ""), here.heads.get(ref, "")
            if was == now:
                continue
            promise(ref == there.branch and run.fixing, f"the run moved {ref} from {was[:7]} to {now[:7]}")
            lost = self._history.reachable(was) - self._history.reachable(now)
            promise(not lost or run.pull or run.push, "commits were dropped without a pull:", lost)
            promise(all(self._is_tools(name) for name in lost), "commits of people are lost:", lost)
            for name in self._history.reachable(now) - self._history.reachable(was):
                self._is_clean(name)

    def _is_tools(self, name: str) -> bool:
        return self._history.commit(name).committer == TOOL

    def _is_clean(self, name: str) -> None:
        commit = self._history.commit(name)
        if commit.committer != TOOL:
            return
        (parent,) = commit.parents
        before = self._history.commit(parent).files
        promise(before.keys() == commit.files.keys(), f"the tool's commit {name[:7]} added or removed files")
        for path, blob in commit.files.items():
            if before[path] != blob:
                same = skeleton(self._history.blob(before[path])) == skeleton(self._history.blob(blob))
                promise(same, f"the tool's commit {name[:7]} changed more than statuses in {path}")

    def _origin(self, run: Run, before: Look, after: Look) -> None:
        """A run pushes by fast-forward, and nothing but what the tool made."""
        for ref in before.origin.keys() | after.origin.keys():
            was, now = before.origin.get(ref, ""), after.origin.get(ref, "")
            if was == now or not run.quiet:
                continue
            promise(run.push and ref == MAIN, f"the run moved origin's {ref}")
            new = self._history.reachable(now) - self._history.reachable(was)
            promise(was in self._history.reachable(now), "a run's push was no fast-forward")
            promise(all(self._is_tools(name) for name in new), "a run pushed what a person had not pushed yet")

    def _no_regress(self, run: Run, before: Hub, after: Hub) -> None:
        if not run.quiet:
            return  # A person may have reopened it meanwhile; the records tell.
        for kind, was, now in (
            ("task", before.tasks, after.tasks),
            ("workstream", before.workstreams, after.workstreams),
        ):
            for key, status in was.items():
                promise(RANKS[now[key]] >= RANKS[status], f"the run took {kind} {key} from {status} to {now[key]}")

    def _others_untouched(self, run: Run, before: Look, after: Look) -> None:
        for host, clone in before.clones.items():
            promise(host == run.host or clone == after.clones[host], f"a run on {run.host} touched {host}")

    def _nothing_written(self, run: Run, before: Look, after: Look) -> None:
        """A check, or a fix that is held back: neither hub nor files nor history change."""
        if not run.quiet:
            return
        promise(before.hub.mirrored == after.hub.mirrored, "a check, or a fix held back, wrote to the hub")
        if not run.fixing or not run.pull:  # A pull may have come before, and a limbo ended.
            promise(before.hub.ledger == after.hub.ledger, "a check, or a fix held back, wrote to the ledger")
            promise(before.clones[run.host].heads == after.clones[run.host].heads, "it committed")

    def _gates(self, run: Run, before: Look, after: Look) -> None:
        clone = before.clones[run.host]
        if not run.fixing:
            return
        if clone.branch != MAIN:
            promise(run.outcome == "skipped" and "C-18" in run.gates, "a fix went on, on another branch")
            return
        promise("C-18" not in run.gates, "a fix took main for another branch")
        if run.online and run.fetched:
            now = after.clones[run.host].head
            behind = after.origin[MAIN] not in self._history.reachable(now)
            promise(("C-14" in run.gates) == behind, f"behind is {behind}, the gates are {set(run.gates)}")

    # ---- News --------------------------------------------------------------------------------------------------------

    def _news(self, run: Run, before: Look, after: Look) -> None:
        """The hub takes from the files what is ahead of it and news there, and nothing else."""
        base = self._base(run, before, after)
        said = self._compared(base, after.clones[run.host])
        seen = self._rewound(run, before, after)
        held = {noted.task for noted in after.hub.noted if noted.code == "C-20" and noted.host == run.host}
        for task, status in before.hub.tasks.items():
            now, file = after.hub.tasks[task], said.get(task)
            wanted = {status}
            if run.fixing and file is not None and task not in held and RANKS[file] > RANKS[status]:
                wanted = self._wanted(task, status, file, seen.get(task, ""), base)
            promise(
                now in wanted,
                f"{task} was {status} in the hub and is {now}; the file said {file},",
                f"and {seen.get(task) or 'nothing'} when it was last seen here",
            )
        for task in after.hub.tasks.keys() - before.hub.tasks.keys():
            as_said = run.fixing and said.get(task) == after.hub.tasks[task]
            promise(as_said, f"new task {task} is not as the file has it")

    def _wanted(self, task: str, status: str, file: str, seen: str, base: Commit) -> set[str]:
        """What may become of a task at *status*, with *file* ahead of it in the files, and *seen* there last."""
        if seen == UNSURE:
            return {status, file}
        if seen == file:
            return {status}
        if task not in self._back:
            return {file}
        # It was moved back. What another host has taken by then is no news, by whatever way it comes here.
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
        """What was seen, once the tool's commits that the run dropped are taken back."""
        seen = dict(self.seen[run.host])
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

    def _remember(self, run: Run, before: Look, after: Look) -> None:
        if not run.fixing:
            return
        seen, clone = self.seen[run.host], after.clones[run.host]
        if run.outcome == "ok":
            self.limbo[run.host].clear()
        if run.outcome == "ok" and run.quiet:
            held = {noted.task for noted in after.hub.noted if noted.code == "C-20" and noted.host == run.host}
            seen.update({task: status for task, status in clone.statuses.items() if task not in held})
            self._taken[run.host] = clone.head
            self._maybe_taken.add(clone.head)
        elif run.outcome != "skipped" or run.pull:
            self._taken.pop(run.host, None)
            self._maybe_taken |= {clone.head, before.clones[run.host].head}
            everything = {*after.hub.tasks, *before.clones[run.host].statuses, *clone.statuses}
            seen.update(dict.fromkeys(everything, UNSURE))

    # ---- Findings ----------------------------------------------------------------------------------------------------

    def _findings(self, run: Run, after: Look) -> None:
        """A finding is open where there is drift, and only there, for the checkout that was looked at."""
        clone, hub = after.clones[run.host], after.hub
        mine = [noted for noted in hub.noted if noted.host == run.host]
        said, plans = clone.statuses, dict(front(data) for data in clone.plans.values())
        expected = {
            "status": {task for task in said.keys() & hub.tasks.keys() if said[task] != hub.tasks[task]}
            | {plan for plan in plans.keys() & hub.workstreams.keys() if plans[plan] != hub.workstreams[plan]},
            "C-07": plans.keys() - hub.workstreams.keys(),
            "C-08": hub.workstreams.keys() - plans.keys() - clone.doubles,
            "C-09": {task for task in said.keys() - hub.tasks.keys() if _owner(clone, task) in hub.workstreams},
            "C-10": {task for task in hub.tasks.keys() - said.keys() if hub.owners[task] in plans},
        }
        for code, wanted in expected.items():
            codes = _OF_STATUS if code == "status" else {code}
            found = {noted.task or noted.workplan for noted in mine if noted.code in codes}
            # Of workplans that share an id nothing is known: what was open stays so.
            found -= {noted.task or noted.workplan for noted in mine if noted.workplan in clone.doubles}
            promise(found == wanted, f"open {code} findings of {run.host} are of {found}, drift is of {wanted}")
        held = {noted.task for noted in mine if noted.code == "C-20" and noted.workplan not in clone.doubles}
        promise(held <= expected["status"], f"C-20 is open for {held}, which agree")
        if run.converged:
            promise(not any(expected.values()), f"the run says converged, and there is {expected}")

    # ---- Quiescence --------------------------------------------------------------------------------------------------

    def agreed(self, look: Look) -> None:
        """After all have come home: one history, one set of files, and the hub says the same."""
        tip = look.origin[MAIN]
        for host, clone in look.clones.items():
            promise(clone.head == tip, f"{host} stands at {clone.head[:7]}, origin at {tip[:7]}")
            promise(clone.index == self._history.commit(tip).files, f"something is staged on {host}")
            dirty = {path for path, blob in clone.index.items() if clone.names.get(path) != blob}
            promise(not dirty, f"{dirty} are not committed on {host}")
            differing = {
                task: (status, look.hub.tasks.get(task))
                for task, status in clone.statuses.items() if look.hub.tasks.get(task) != status
            }  # fmt: skip
            promise(not differing, f"files of {host} and hub differ: {differing}")
        # Blocks and workplans that are gone, and the status of a workplan, are for people to put right.
        standing = {
            noted for noted in look.hub.noted
            if noted.code not in ("C-08", "C-10") and (noted.task or noted.code not in _OF_STATUS)
        }  # fmt: skip
        promise(not standing, "findings stay open:", standing)


def same(before: Look, after: Look) -> bool:
    """Whether nothing changed but what runs leave of themselves."""
    return before == after


def _owner(clone: Clone, task: str) -> str:
    return next((front(data)[0] for data in clone.plans.values() if task in statuses(data)), "")
