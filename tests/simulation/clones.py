"""Limits of a run in clones and origin: people's work stays, and new commits are the tool's, with statuses alone."""

from __future__ import annotations

from collections import defaultdict

from tests.simulation.look import TOOL, Clone, History, Look, Run
from tests.simulation.promise import promise
from tests.simulation.workplan import skeleton


class Clones:
    """The clones, and what killed runs have left in them."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._own = frozenset[str]()
        # Files that a killed run may have replaced: path → what was there, and what it left.
        self.limbo: dict[str, dict[str, tuple[bytes, bytes]]] = defaultdict(dict)

    def check(self, run: Run, before: Look, after: Look) -> None:
        """Check the step by *run* from *before* to *after*. Raises Broken."""
        there, here = before.clones[run.host], after.clones[run.host]
        self._own = after.hub.own
        self._files(run, there, here)
        self._branches(run, there, here)
        promise(here.stash == there.stash, "the run touched the stash")
        promise(run.hooks or here.hooked == there.hooked, "the run let hooks of the repository run")
        self._origin(run, before, after)
        for host, clone in before.clones.items():
            promise(host == run.host or clone == after.clones[host], f"a run on {run.host} touched {host}")
        if run.fixing and run.outcome == "ok":
            self.limbo[run.host].clear()

    def _files(self, run: Run, there: Clone, here: Clone) -> None:
        """Check that uncommitted work stays to the byte, and that clean files are clean again, as HEAD has them now."""
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
                left = run.fixing and run.outcome in ("ok", "skipped") and here.names.get(path) != new.get(path)
                promise(
                    not left or here.files.get(path) == self.limbo[run.host][path][0],
                    f"{path} was cut off, and is still",
                )
                if here.names.get(path) == here.index.get(path) == new.get(path):
                    continue
            promise(here.files.get(path) in kept, f"{path} held work that was not committed, and is another now")
            promise(here.index.get(path) == staged, f"what was staged of {path} is not as it was")
        if run.outcome == "killed":
            self._cut_off(run.host, there, here)

    def _cut_off(self, host: str, there: Clone, here: Clone) -> None:
        """Check a file that a killed run replaced and did not commit: the next run may restore it from HEAD."""
        before, committed = self._history.commit(there.head).files, self._history.commit(here.head).files
        for path in there.files.keys() | here.files.keys():
            clean = there.index.get(path) == there.names.get(path) == before.get(path)
            left = path in self.limbo[host] and there.files.get(path) == self.limbo[host][path][1]
            if (clean or left) and here.names.get(path) != committed.get(path):
                promise(path in committed and path in here.files, f"a killed run left {path} made or removed")
                was, now = self._history.blob(committed[path]), here.files[path]
                promise(skeleton(was) == skeleton(now), f"a killed run left {path} with other words in it")
                self.limbo[host][path] = (was, now)

    def _branches(self, run: Run, there: Clone, here: Clone) -> None:
        """Check that no person's commit is lost; new ones are the tool's, and change statuses alone."""
        promise(here.branch == there.branch, f"the run went from {there.branch} to {here.branch}")
        promise(here.detached == there.detached, f"the run went from {there.detached[:7]} to {here.detached[:7]}")
        promise(here.under_way == there.under_way, f"the run ended or began {there.under_way or here.under_way}")
        for ref in there.heads.keys() | here.heads.keys():
            was, now = there.heads.get(ref, ""), here.heads.get(ref, "")
            if was == now:
                continue
            promise(ref == there.branch and run.fixing, f"the run moved {ref} from {was[:7]} to {now[:7]}")
            lost = self._history.reachable(was) - self._history.reachable(now)
            promise(not lost or run.pull or run.push, "commits were dropped without a pull:", lost)
            promise(all(name in self._own for name in lost), "commits of people are lost:", lost)
            for name in self._history.reachable(now) - self._history.reachable(was):
                self._is_clean(name)

    def _is_clean(self, name: str) -> None:
        commit = self._history.commit(name)
        if name not in self._own:
            promise(commit.committer != TOOL, f"the tool's commit {name[:7]} is not on record")
            return
        (parent,) = commit.parents
        before = self._history.commit(parent).files
        promise(before.keys() == commit.files.keys(), f"the tool's commit {name[:7]} added or removed files")
        for path, blob in commit.files.items():
            if before[path] != blob:
                same = skeleton(self._history.blob(before[path])) == skeleton(self._history.blob(blob))
                promise(same, f"the tool's commit {name[:7]} changed more than statuses in {path}")

    def _origin(self, run: Run, before: Look, after: Look) -> None:
        """Check that a run pushes by fast-forward, and only the tool's commits."""
        there = before.clones[run.host]
        for ref in before.origin.keys() | after.origin.keys():
            was, now = before.origin.get(ref, ""), after.origin.get(ref, "")
            if was == now:
                continue
            promise(run.push and ref == before.hub.branch, f"the run moved origin's {ref}")
            promise(was and now, f"the run made or removed origin's {ref}")
            promise(there.may_push, "the run pushed although the clone's settings forbid it")
            new = self._history.reachable(now) - self._history.reachable(was)
            promise(was in self._history.reachable(now), "a run's push was no fast-forward")
            promise(new <= self._own, "a run pushed what a person had not pushed yet")
