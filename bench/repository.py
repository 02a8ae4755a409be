"""Real git repositories of generated workplans: a checkout with a bare origin beside it as its upstream."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from bench.generate import Workplan, render, with_statuses
from bench.spread import spread

SETTLED_AGE = 60  # seconds
IDENTITY = {
    "GIT_AUTHOR_NAME": "Bench",
    "GIT_AUTHOR_EMAIL": "bench@localhost",
    "GIT_COMMITTER_NAME": "Bench",
    "GIT_COMMITTER_EMAIL": "bench@localhost",
    "GIT_AUTHOR_DATE": "2026-01-05T08:00:00Z",
    "GIT_COMMITTER_DATE": "2026-01-05T08:00:00Z",
}


class GitFailedError(RuntimeError):
    """A git command of the preparation failed; the text is git's own."""


def git(folder: Path, *arguments: str) -> str:
    """Run git in `folder`, away from the user's configuration, and return what it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment = kept | IDENTITY | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-c", "gc.auto=0", "-c", "init.defaultBranch=main", "-C", str(folder), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise GitFailedError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def create(checkout: Path, origin: Path, plans: Iterable[Workplan]) -> None:
    """Write the workplans and a few other files, commit them, and give the checkout its upstream."""
    for plan in plans:
        _write(checkout / plan.path, render(plan))
    for folder in sorted((checkout / "workplans").iterdir()):
        _write(folder / "notes.md", b"# Notes\n\nNo front matter: not a workplan.\n")
    _write(checkout / "README.md", b"# A generated repository\n")
    git(checkout, "init", "--quiet")
    _commit(checkout, "generated")
    git(checkout, "repack", "-a", "-d", "--quiet")
    git(checkout.parent, "clone", "--quiet", "--bare", str(checkout), str(origin))
    git(checkout, "remote", "add", "origin", str(origin))
    git(checkout, "fetch", "--quiet", "origin")
    git(checkout, "branch", "--quiet", "--set-upstream-to=origin/main")
    settle(checkout)


def move_files_ahead(checkout: Path, plans: Sequence[Workplan]) -> int:
    """Advance one percent of the tasks in their files, commit and push; returns how many tasks that were."""
    statuses = [task.status for plan in plans for task in plan.tasks]
    moves = spread(statuses)
    per_workplan = len(statuses) // len(plans)
    for number, group in groupby(moves, key=lambda move: move[0] // per_workplan):
        plan = with_statuses(plans[number], {place % per_workplan: to for place, to in group})
        _write(checkout / plan.path, render(plan))
    _commit(checkout, "ahead")
    git(checkout, "push", "--quiet", "origin", "HEAD")
    settle(checkout)
    return len(moves)


def settle(checkout: Path) -> None:
    """Age the files and refresh git's index, as in a checkout that has been untouched for a minute.

    Copied files have other inodes and times than the index knows, and files as young as the index count as racy: either
    way the first `git status` would hash every file, and the timed run would pay for the copying.
    """
    then = time.time_ns() - SETTLED_AGE * 10**9
    for folder, names, files in os.walk(checkout):
        names[:] = [name for name in names if name != ".git"]
        for path in (os.path.join(folder, name) for name in files):
            if os.stat(path).st_mtime_ns > then:
                os.utime(path, ns=(then, then))
    git(checkout, "update-index", "-q", "--refresh")


def copy(source: Path, target: Path) -> None:
    """Replace `target` by a copy of the folder `source`, times and modes kept."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _commit(checkout: Path, message: str) -> None:
    git(checkout, "-c", "core.autocrlf=false", "add", "--all")
    git(checkout, "commit", "--quiet", "--message", message)
