"""Changes by machines and the server: clones are made in every possible way, and branches go and come."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.simulation import gitfiles
from tests.simulation.look import HEADS

KINDS = ("full", "shallow", "partial", "linked")
"""How a clone can be made: with all there is, a cut-off history, without files, a work tree beside a bare clone."""

_CONFIG = """\
[include]
    path = offline.inc
[filter "lossy"]
    clean = sed 's/^Note: [0-9][0-9]*/Note: 0/'
    smudge = cat
"""

ATTIC = "attic"
"""Holds the objects of clones that are gone."""


def clone_again(top: Path, origin: Path, kind: str) -> None:
    """Make a new clone of *origin* at *top*, in the place of the one that is there."""
    place, bare = top.parent, top.with_suffix(".git")
    objects = gitfiles.folders(top)[1] / "objects"
    shutil.copytree(objects, place / ATTIC / "objects", dirs_exist_ok=True)
    shutil.rmtree(top)
    shutil.rmtree(bare, ignore_errors=True)
    options, url = ("clone", "-q", "--template="), f"file://{origin}"
    if kind == "linked":
        git(place, *options, "--bare", str(origin), str(bare))
        git(bare, "config", "remote.origin.fetch", f"+{HEADS}*:refs/remotes/origin/*")
        git(bare, "fetch", "-q")
        git(bare, "worktree", "add", "-q", str(top), gitfiles.head(origin)[0].removeprefix(HEADS))
    elif kind == "shallow":
        git(place, *options, "--depth=1", "--no-single-branch", url, str(top))
    elif kind == "partial":
        git(place, *options, "--filter=blob:none", url, str(top))
    else:
        git(place, *options, str(origin), str(top))
    configure(top)


def configure(top: Path) -> None:
    """Let the clone at *top* know the lossy filter, and read what makes its origin unreachable, if that is there."""
    with (gitfiles.folders(top)[1] / "config").open("a") as config:
        config.write(_CONFIG)


def rename_branch(origin: Path) -> bool:
    """Rename the server's branch, or give it its old name back."""
    old = gitfiles.head(origin)[0]
    if old not in gitfiles.branches(origin):
        return False
    git(origin, "branch", "-m", old.removeprefix(HEADS), "trunk" if old == f"{HEADS}main" else "main")
    return True


def empty(origin: Path) -> bool:
    """Remove all branches of the server."""
    names = gitfiles.branches(origin)
    for name in names:
        git(origin, "update-ref", "-d", name)
    return bool(names)


def git(folder: Path, *args: str) -> None:
    """Run git in *folder*, at the beginning of time."""
    date = "@1767600000 +0000"
    environment = {**os.environ, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True, env=environment)
