"""A machine, and what the person at it does to files and repository: plain git, and no code of the product."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from simulation import gitfiles, workplan
from simulation.clock import Clock
from simulation.look import MAIN, TOOL, Clone

SIDE = "refs/heads/side"
LEFTOVER = ".statehub-writeback.tmp"
"""What a killed run may leave beside a file for a moment; people see that it is none of their work."""

# Not the URL: it says whose repo it is. This is a server that does not answer.
_UNREACHABLE = '[remote "origin"]\n\tuploadpack = false\n\treceivepack = false\n'
_OFFLINE = "offline.inc"

_KILL = '#!/bin/sh\nkill -9 $PPID "$SIMULATION_VICTIM"\n'


@dataclass(frozen=True, slots=True)
class Person:
    """Who works on *host*, in the clone at *top*."""

    host: str
    top: Path
    store: gitfiles.Store
    clock: Clock

    # ---- What is there -----------------------------------------------------------------------------------------------

    @property
    def git_dir(self) -> Path:
        """The clone's git folder."""
        return self.top / ".git"

    @property
    def is_online(self) -> bool:
        """Whether origin can be reached."""
        return not (self.git_dir / _OFFLINE).exists()

    def look(self) -> Clone:
        """A photograph of the clone."""
        files = gitfiles.work_tree(self.top)
        files = {path: data for path, data in files.items() if not path.endswith(LEFTOVER)}
        names = {path: gitfiles.blob_name(data) for path, data in files.items()}
        heads = gitfiles.branches(self.git_dir)
        return Clone(gitfiles.head(self.git_dir), heads, gitfiles.index(self.git_dir), files, names)

    def git(self, *args: str) -> bool:
        """Run git as a person does; whether it worked."""
        return self.git_says(*args).returncode == 0

    def git_says(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run git as a person does."""
        with self.clock.of(self.host):
            date = f"@{int(self.clock.now().timestamp())} +0000"
        return subprocess.run(
            ["git", *args], cwd=self.top, capture_output=True, text=True, check=False,
            env={**os.environ, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, "GIT_EDITOR": ":"},
        )  # fmt: skip

    # ---- Files -------------------------------------------------------------------------------------------------------

    def edit(self, task: str, status: str) -> bool:
        """Give a task another status."""
        return self._rewrite(lambda data: workplan.with_status(data, task, status))

    def plan(self, key: str, status: str) -> bool:
        """Give a workplan another status."""
        return self._rewrite(lambda data: workplan.with_front_status(data, status), key)

    def reword(self, key: str, number: int) -> bool:
        """Change the words of a workplan."""
        return self._rewrite(lambda data: workplan.reworded(data, number), key)

    def add(self, key: str, task: str, status: str) -> bool:
        """Write a new task into a workplan."""
        return self._rewrite(lambda data: workplan.with_task(data, task, status), key)

    def cut(self, task: str) -> bool:
        """Take a task's block out of its workplan."""
        return self._rewrite(lambda data: workplan.without_task(data, task))

    def delete(self, key: str) -> bool:
        """Delete a workplan's file."""
        paths = self._paths(key)
        for path in paths:
            (self.top / path).unlink()
        return bool(paths)

    def restore(self) -> bool:
        """Bring deleted files back."""
        clone = self.look()
        gone = sorted(path for path in clone.index if path not in clone.files)
        return bool(gone) and self.git("checkout", "-q", "--", *gone)

    def move(self, key: str) -> bool:
        """Give a workplan's file another place."""
        paths = self._paths(key)
        for path in paths:
            file = self.top / path
            folder = self.top / "workplans" / ("" if file.parent.name == "old" else "old")
            folder.mkdir(exist_ok=True)
            if not (folder / file.name).exists():
                file.rename(folder / file.name)
        return bool(paths)

    def scratch(self, number: int) -> bool:
        """Leave notes about: an untracked file, an ignored one, and a change of a tracked one."""
        for name in ("notes.txt", "local.log", "README.md"):
            (self.top / name).write_text(f"{self.host} {number}\n")
        return True

    def stage(self) -> bool:
        """Stage what is there, all of it."""
        return self.git("add", "--all", "--", ".", f":(exclude,glob)**/{LEFTOVER}")

    def tidy(self) -> None:
        """Put right what no person would leave: workplans that a merge has torn, twice the same workplan or task."""
        keys, tasks = set[str](), set[str]()
        for path, data in self.look().all_plans.items():
            key, file = workplan.front(data)[0], self.top / path
            mended = data if workplan.is_sound(data) else self._from_origin(path)
            for task in set(workplan.statuses(mended)) & tasks:
                mended = workplan.without_task(mended, task)
            if key in keys or not mended:
                file.unlink()
            elif mended != data:
                file.write_bytes(mended)
            keys.add(key)
            tasks |= workplan.statuses(mended).keys()

    def _from_origin(self, path: str) -> bytes:
        blob = self.store.commit(gitfiles.remote_main(self.git_dir)).files.get(path)
        return self.store.blob(blob) if blob else b""

    def _paths(self, key: str) -> list[str]:
        return [path for path, data in self.look().all_plans.items() if workplan.front(data)[0] == key]

    def _rewrite(self, change: Callable[[bytes], bytes], key: str = "") -> bool:
        for path, data in self.look().all_plans.items():
            if key in ("", workplan.front(data)[0]) and change(data) != data:
                (self.top / path).write_bytes(change(data))
                return True
        return False

    # ---- Repository --------------------------------------------------------------------------------------------------

    def commit(self, message: str = "Work") -> bool:
        """Commit all there is."""
        return self.stage() and self.git("commit", "-q", "-m", message)

    def amend(self) -> bool:
        """Put all there is into the last commit, as if it had been so before."""
        return self.stage() and self.git("commit", "-q", "--amend", "--no-edit", "--allow-empty")

    def push(self, *words: str) -> bool:
        """Push main; with the word `force` whatever origin has."""
        return self.git("push", "-q", *(f"--{word}" for word in words), "origin", "main")

    def pull(self) -> bool:
        """Pull, by fast-forward."""
        return self.look().branch == MAIN and self.git("pull", "-q", "--ff-only")

    def merge(self) -> bool:
        """Pull by a merge; where both have changed the same, ours is right."""
        if self.look().branch != MAIN or not self.git("fetch", "-q"):
            return False
        before = self.look()
        self.git("merge", "-q", "--no-edit", "--allow-unrelated-histories", "-X", "ours", "origin/main")
        if (self.git_dir / "MERGE_HEAD").exists():
            self.stage()
            self.tidy()
            return self.commit("Merge")
        now = self.look()
        if now.head != before.head and self._is_clean(before):
            self.tidy()
            if self.look() != now:
                self.commit("Mend what the merge has torn")
        return True

    def reset(self) -> bool:
        """Throw away the last commit of one's own, and all that is not committed."""
        clone = self.look()
        commit = self.store.commit(clone.head)
        return bool(commit.parents) and commit.committer != TOOL and self.git("reset", "-q", "--hard", "HEAD~1")

    def switch(self) -> bool:
        """Go to the other branch, or back."""
        clone = self.look()
        if clone.branch == SIDE:
            return self.git("switch", "-q", "main")
        return self.git("switch", "-q", *(["side"] if SIDE in clone.heads else ["-c", "side", "--no-track"]))

    def unlock(self) -> bool:
        """Remove the locks that a killed git has left."""
        locks = [*self.git_dir.glob("*.lock"), *(self.git_dir / "refs").rglob("*.lock")]
        left = [lock for lock in locks if lock.name != "statehub.lock"]
        for lock in left:
            lock.unlink()
        return bool(left)

    @staticmethod
    def _is_clean(clone: Clone) -> bool:
        return clone.index == clone.names

    # ---- The world around --------------------------------------------------------------------------------------------

    def offline(self) -> bool:
        """Origin cannot be reached from here any more."""
        (self.git_dir / _OFFLINE).write_text(_UNREACHABLE)
        return True

    def online(self) -> bool:
        """Origin can be reached again."""
        (self.git_dir / _OFFLINE).unlink(missing_ok=True)
        return True

    def deadly_hook(self) -> None:
        """The next commit kills git, and the process in SIMULATION_VICTIM with it."""
        hooks = self.git_dir / "hooks"
        hooks.mkdir(exist_ok=True)
        (hooks / "pre-commit").write_text(_KILL)
        (hooks / "pre-commit").chmod(0o755)

    def no_hook(self) -> None:
        """Commits are harmless again."""
        (self.git_dir / "hooks/pre-commit").unlink(missing_ok=True)

    # ---- Coming home -------------------------------------------------------------------------------------------------

    def come_home(self) -> None:
        """Online, on main, nothing deleted by mistake, nothing left to commit."""
        self.online()
        self.unlock()
        self.restore()
        if self.look().branch != MAIN:
            self.commit("Side")
            self._must("switch", "-q", "main")
            self.restore()
        self.tidy()
        self.commit("All the rest")

    def share(self) -> None:
        """Bring to origin what people have committed here; what the tool made alone is its own business."""
        self._must("fetch", "-q")
        tip, clone = gitfiles.remote_main(self.git_dir), self.look()
        mine = self.store.reachable(clone.head) - self.store.reachable(tip)
        if any(self.store.commit(name).committer != TOOL for name in mine):
            self.merge()
            self._must("push", "-q", "origin", "main")

    def _must(self, *args: str) -> None:
        ended = self.git_says(*args)
        if ended.returncode:
            raise RuntimeError(f"{self.host}: git {' '.join(args)}: {ended.stderr}")
