"""A machine, and what the person at it does to files and repository: plain git, and no code of the product."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.simulation import gitfiles, workplan
from tests.simulation.clock import Clock
from tests.simulation.look import HEADS, TOOL, Clone

SIDE = "refs/heads/side"
LEFTOVER = ".statehub-writeback.tmp"
"""File that a killed run may leave beside another for a moment; people see that it is not their work."""

# Not the URL: it says whose repo it is. This is a server that does not answer.
_UNREACHABLE = '[remote "{}"]\n\tuploadpack = false\n\treceivepack = false\n'
_OFFLINE = "offline.inc"

REMOTES = ("origin", "github")
"""Names that a clone may give its origin."""

_HOOKED = '#!/bin/sh\necho >>"$(git rev-parse --absolute-git-dir)/hooked"\n'
HOOKS = {
    "refuse": {"pre-commit": "exit 1"},
    "change": {
        "pre-commit": 'git diff --cached --name-only -z | xargs -0 -I@ sh -c \'echo More >>"@"; git add "@"\'',
    },
    "say": {"commit-msg": 'echo "Refs: 1" >>"$1"'},
    "stash": {"pre-commit": "git stash -q -u; git stash pop -q"},
    "watch": {"post-checkout": "", "post-merge": "", "pre-push": "exit 1", "reference-transaction": ""},
}
"""Hooks by kind: name → the lines of its script."""

ATTRIBUTES = {"text": "*.md text\n", "lossy": "*.md filter=lossy\n", "none": ""}


@dataclass(frozen=True, slots=True)
class Person:
    """Who works on *host*, in the clone at *top*."""

    host: str
    top: Path
    origin: Path
    store: gitfiles.Store
    clock: Clock

    # ---- What is there -----------------------------------------------------------------------------------------------

    @property
    def git_dir(self) -> Path:
        """The clone's git folder."""
        return gitfiles.folders(self.top)[0]

    @property
    def common_dir(self) -> Path:
        """The git folder that all work trees of the clone share."""
        return gitfiles.folders(self.top)[1]

    @property
    def main(self) -> str:
        """Name of origin's branch, as people know it."""
        return gitfiles.head(self.origin)[0].removeprefix(HEADS)

    @property
    def remote(self) -> str:
        """The clone's name for its origin."""
        config = (self.common_dir / "config").read_text()
        return next(name for name in REMOTES if f'[remote "{name}"]' in config)

    @property
    def is_online(self) -> bool:
        """Whether origin can be reached."""
        return not (self.common_dir / _OFFLINE).exists()

    @property
    def remote_main(self) -> str:
        """The commit of origin's branch, as of the last fetch or push; '' for none."""
        return gitfiles.ref(self.common_dir, f"refs/remotes/{self.remote}/{self.main}")

    def look(self) -> Clone:
        """Return a snapshot of the clone."""
        own, common = gitfiles.folders(self.top)
        files = gitfiles.work_tree(self.top)
        files = {path: data for path, data in files.items() if not path.endswith(LEFTOVER)}
        index, heads = gitfiles.index(own), gitfiles.branches(common)
        branch, detached = gitfiles.head(own)
        config = (common / "config").read_text()
        return Clone(
            branch, heads, index, files, self._names(files, index), detached,
            under_way=gitfiles.under_way(own) or next((path for path in index if path.endswith(")")), ""),
            stash=gitfiles.ref(common, "refs/stash"),
            hooked=(own / "hooked").stat().st_size if (own / "hooked").exists() else 0,
            has_holes=(common / "shallow").exists() or "promisor" in config,
            may_push="no_push" not in config and "pushurl" not in config,
        )  # fmt: skip

    @staticmethod
    def _names(files: dict[str, bytes], index: dict[str, str]) -> dict[str, str]:
        """Return the blob that each file would be: its bytes if these are staged, else as its attributes convert it."""
        attributes = files.get(".gitattributes", b"")
        names = {}
        for path, data in files.items():
            names[path] = gitfiles.blob_name(data)
            if path.endswith(".md") and attributes and names[path] != index.get(path):
                names[path] = gitfiles.blob_name(workplan.converted(data, attributes))
        return names

    def git(self, *args: str) -> bool:
        """Run git as a person does; whether it worked."""
        return self.git_says(*args).returncode == 0

    def git_says(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run git as a person does."""
        with self.clock.of(self.host):
            date = f"@{int(self.clock.now().timestamp())} +0000"
        return subprocess.run(
            ["git", "-c", "core.hooksPath=/dev/null", *args], cwd=self.top, capture_output=True, text=True, check=False,
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

    def copy(self, key: str) -> bool:
        """Leave a copy of a workplan beside it, as programs do that synchronise folders."""
        paths = self._paths(key)
        for path in paths:
            file = self.top / path
            copy = file.with_name(f"{file.stem} (conflicted copy).md")
            if "conflicted" not in path and not copy.exists():
                copy.write_bytes(file.read_bytes())
        return bool(paths)

    def scratch(self, number: int) -> bool:
        """Leave notes about: an untracked file, an ignored one, and a change of a tracked one."""
        for name in ("notes.txt", "local.log", "README.md"):
            (self.top / name).write_text(f"{self.host} {number}\n")
        return True

    def attributes(self, kind: str) -> bool:
        """Let git convert the files on their way into a commit; it looks at all of them again from now on."""
        file = self.top / ".gitattributes"
        if file.exists() == bool(ATTRIBUTES[kind]) and (not file.exists() or file.read_text() == ATTRIBUTES[kind]):
            return False
        if ATTRIBUTES[kind]:
            file.write_text(ATTRIBUTES[kind])
        else:
            file.unlink()
        for path in self.look().all_plans:
            (self.top / path).touch()
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
        blob = self.store.commit(self.remote_main).files.get(path) if self.remote_main else ""
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
        """Push the branch; with the word `force` whatever origin has."""
        return self.git("push", "-q", *(f"--{word}" for word in words), self.remote, self.main)

    def pull(self) -> bool:
        """Pull, by fast-forward."""
        return self._is_at_rest and self.git("pull", "-q", "--ff-only", self.remote, self.main)

    @property
    def _is_at_rest(self) -> bool:
        clone = self.look()
        return clone.branch == HEADS + self.main and not clone.under_way

    def merge(self) -> bool:
        """Pull by a merge; if both have changed the same, ours is right."""
        if not self._is_at_rest or not self.git("fetch", "-q", self.remote) or not self.remote_main:
            return False
        before = self.look()
        if before.has_holes and (self.common_dir / "shallow").exists():
            self.git("fetch", "-q", "--unshallow", self.remote)
        self.git("merge", "-q", "--no-edit", "--allow-unrelated-histories", "-X", "ours", f"{self.remote}/{self.main}")
        if (self.git_dir / "MERGE_HEAD").exists():
            self.stage()
            self.tidy()
            return self.commit("Merge")
        now = self.look()
        if now.head != before.head and self._is_clean(before):
            self.tidy()
            if self.look() != now:
                self.commit("Fix workplans broken by the merge")
        return True

    def reset(self) -> bool:
        """Throw away the last commit of one's own, and all that is not committed."""
        clone = self.look()
        commit = self.store.commit(clone.head)
        return bool(commit.parents) and commit.committer != TOOL and self.git("reset", "-q", "--hard", "HEAD~1")

    def switch(self) -> bool:
        """Go to the other branch, or back."""
        clone = self.look()
        if clone.branch != HEADS + self.main:
            return self.git("switch", "-q", self.main)
        return self.git("switch", "-q", *(["side"] if SIDE in clone.heads else ["-c", "side", "--no-track"]))

    def detach(self, at: str = "HEAD") -> bool:
        """Leave all branches, for a commit of the past or the one that is there."""
        return self.git("switch", "-q", "--detach", at)

    def begin(self, what: str) -> bool:
        """Begin something that git leaves for people to finish; it may also end at once."""
        if self.look().under_way:
            return False
        base = f"{self.remote}/{self.main}" if self.remote_main else "HEAD"
        commands = {
            "merge": ("merge", "-q", "--no-commit", "--no-ff", "side"),
            "squash": ("merge", "-q", "--squash", "side"),
            "rebase": ("rebase", "-q", "-x", "false", base),
            "replay": ("rebase", "-q", "-x", "false", "HEAD~1"),
            "pick": ("cherry-pick", "side"),
            "pick-only": ("cherry-pick", "-n", "side"),
            "revert": ("revert", "-n", "HEAD"),
            "bisect": ("bisect", "start"),
        }
        if what in ("rebase", "replay") and not self._is_at_rest:
            return False
        return self.git(*commands[what]) or bool(self.look().under_way)

    def abort(self) -> bool:
        """Give up what is in progress."""
        if not self.look().under_way:
            return False
        for command in ("rebase --abort", "merge --abort", "cherry-pick --abort", "revert --abort", "bisect reset"):
            if self.git(*command.split(" ")) and not self.look().under_way:
                return True
        return self.git("reset", "-q", "--hard")

    def finish(self) -> bool:
        """End the operation in progress; a conflict is committed as it is, except in workplans that it has broken."""
        if not self.look().under_way:
            return False
        for _ in range(9):
            self.stage()
            if not (self.git_dir / "rebase-merge").exists():
                break
            self.tidy()
            self.stage()
            if not self.git("rebase", "--continue") and not self.git("rebase", "--skip"):
                self.git("rebase", "--continue")
        if (self.git_dir / "BISECT_LOG").exists():
            self.git("bisect", "reset")
        if self.look().under_way:
            self.tidy()
            self.commit()
        return not self.look().under_way or self.abort()

    def stash(self) -> bool:
        """Put all that is not committed aside."""
        return self.git("stash", "-q", "-u")

    def unstash(self) -> bool:
        """Bring it back."""
        return self.git("stash", "pop", "-q")

    def untrack(self) -> bool:
        """Forget which branch of origin's this one follows."""
        return self.git("branch", "-q", "--unset-upstream")

    def rename_remote(self) -> bool:
        """Call origin by another name."""
        old = self.remote
        new = next(name for name in REMOTES if name != old)
        return self.is_online and self.git("remote", "rename", old, new)

    def may_not_push(self, how: str) -> bool:
        """Forbid every push from origin, by settings."""
        key = {"remote": f"branch.{self.main}.pushRemote", "url": f"remote.{self.remote}.pushurl"}[how]
        return self.git("config", key, "no_push")

    def may_push(self) -> bool:
        """Take such settings back."""
        if self.look().may_push:
            return False
        for name in (f"remote.{self.remote}.pushurl", "branch.main.pushRemote", "branch.trunk.pushRemote"):
            self.git("config", "--unset-all", name)
        return True

    def call(self, name: str) -> bool:
        """Commit under another name from now on."""
        return self.git("config", "user.name", name.replace("-", " "))

    def hooks(self, kind: str) -> bool:
        """Install hooks; people go round them here."""
        folder = self.common_dir / "hooks"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for name, lines in HOOKS.get(kind, {}).items():
            (folder / name).write_text(f"{_HOOKED}{lines}\n")
            (folder / name).chmod(0o755)
        return True

    def follow(self) -> bool:
        """Let the branch have the name that origin has given it."""
        clone, main = self.look(), self.main
        old = next(name for name in ("main", "trunk") if name != main)
        if clone.under_way or HEADS + main in clone.heads or HEADS + old not in clone.heads:
            return False
        return self.git("branch", "-m", old, main)

    def unlock(self) -> bool:
        """Remove the locks that a killed git has left."""
        locks = [*self.git_dir.glob("*.lock"), *(self.common_dir / "refs").rglob("*.lock")]
        left = [lock for lock in locks if lock.name != "statehub.lock"]
        for lock in left:
            lock.unlink()
        return bool(left)

    @staticmethod
    def _is_clean(clone: Clone) -> bool:
        return clone.index == clone.names

    # ---- The world around --------------------------------------------------------------------------------------------

    def offline(self) -> bool:
        """Make origin unreachable from here."""
        (self.common_dir / _OFFLINE).write_text(_UNREACHABLE.format(self.remote))
        return True

    def online(self) -> bool:
        """Make origin reachable again."""
        (self.common_dir / _OFFLINE).unlink(missing_ok=True)
        return True

    # ---- Coming home -------------------------------------------------------------------------------------------------

    def come_home(self) -> None:
        """Go online and back to the branch; finish all operations, restore deleted files, commit everything."""
        self.online()
        self.unlock()
        self.may_push()
        self.finish()
        self.restore()
        self.follow()
        if self.look().branch != HEADS + self.main:
            self.commit("Side")
            self._must("fetch", "-q", self.remote)
            there = HEADS + self.main in self.look().heads or self.remote_main
            self._must("switch", "-q", *([] if there else ["-c"]), self.main)
            self.restore()
        self.tidy()
        self.commit("All the rest")

    def share(self) -> None:
        """Bring to origin what people have committed here; what the tool made alone is its own business."""
        self._must("fetch", "-q", "--prune", self.remote)
        tip, clone = self.remote_main, self.look()
        mine = self.store.reachable(clone.head) - (self.store.reachable(tip) if tip else set())
        if any(self.store.commit(name).committer != TOOL for name in mine):
            self.merge()
            self._must("push", "-q", self.remote, self.main)

    def _must(self, *args: str) -> None:
        ended = self.git_says(*args)
        if ended.returncode:
            raise RuntimeError(f"{self.host}: git {' '.join(args)}: {ended.stderr}")
