"""A clone of the hub's own: made, checked, reset to the remote's branch, measured, and made again if it is not right.

Only one branch, no tags, the whole history. Its settings are written by the hub, whole, and again whenever they differ;
so no hook, filter or line-end conversion plays a part, and the bytes in the work tree are those of the commit. The
machine's own settings for git still count: proxies, certificates.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from consistency.core.comparison.gates import EMPTY
from consistency.git.atomicfile import write_file
from consistency.git.credentials import TokenSource
from consistency.git.head import read_head
from consistency.git.history import is_seen_after
from consistency.git.leftovers import remove_leftovers
from consistency.git.process import Git, GitError, GitMissingError
from consistency.git.remote import Fetched, Upstream, fetch, list_remote
from consistency.git.status import UNDER_WAY
from consistency.git.worktree import WorkTree
from statehub.text import escape_unstorable

CLONE_SECONDS = 3600.0
"""Time limit for the first fetch of a clone, and for a checkout of its files."""

MAINTENANCE_SECONDS = 600.0

LOW_SPEED_BYTES, LOW_SPEED_SECONDS = 1_000, 60
"""An http server that sends fewer bytes a second than that, for that long, has stalled."""

MAX_PACKS, MAX_LOOSE_OBJECTS = 50, 6_700
"""Packs, and about as many loose objects, from which a clone needs maintenance (git-config, "gc.auto")."""

DEFAULT_BRANCH = "main"
"""The branch of a clone of a remote without any commit."""

SHA256_LENGTH = 64
"""Hexadecimal digits of a commit's id in a repository with SHA-256."""

NEARLY_ALL = 0.9
"""Part of the limit from which a fetch that failed is one that was cut off at it."""

_MARK = "# The settings below are written by State Hub, again after each change.\n"
_ATTRIBUTES = "* -filter -text -eol -ident -working-tree-encoding\n"
_HEAD = re.compile(r"ref: refs/.+\n?|[0-9a-f]{40,64}\n?")
_WORK = ".work-"
_ASIDE = ".aside-"
_NEW_NAME = "statehub-new"
_BASE_LINE = re.compile(
    r"\[(?:core|extensions)\]|\t(?:repositoryformatversion = [01]|filemode = (?:true|false)|bare = false"
    r"|logallrefupdates = true|ignorecase = true|precomposeunicode = (?:true|false)|symlinks = false"
    r"|objectformat = \w+)|"
)


class CloneError(GitError):
    """The clone could not be made; the text says why."""


class BranchMissingError(CloneError):
    """The remote does not have the branch."""


class CloneTooLargeError(CloneError):
    """The clone is larger than the limit. *size* is in bytes, and what there was when it was cut off."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"the clone takes {size:,} bytes on the disk or more, and STATEHUB_CLONE_MAX_SIZE allows {limit:,} "
            "(register_repo --remote URL tries again)"
        )
        self.size = size


class ManagedClone(NamedTuple):
    """The place of a clone, and what it is to be.

    *url* is the remote as git takes it, *address* the same normalized, *site* its scheme and server. *branch* is '' if
    it is not known yet. *ssh* is the ssh command, '' for another kind of remote; *token* may be empty. *most_bytes*
    limits the size of its git folder.
    """

    path: str
    url: str
    address: str
    site: str
    branch: str
    ssh: str
    token: TokenSource
    most_bytes: int

    @property
    def git_dir(self) -> str:
        """The git folder."""
        return os.path.join(self.path, ".git")

    def is_whole(self) -> bool:
        """Return whether the clone is there and complete; write its settings if they differ. Starts no process.

        A repository that the hub has not made is none, and stays as it is.
        """
        git_dir = self.git_dir
        if not self.branch or os.path.lexists(os.path.join(git_dir, "shallow")) or os.path.islink(self.path):
            return False
        # As git knows a repository (gitrepository-layout): git itself finds the rest when it reads it.
        if not all(os.path.isdir(os.path.join(git_dir, name)) for name in ("objects", "refs")):
            return False
        with suppress(OSError, UnicodeDecodeError):
            head = Path(git_dir, "HEAD").read_text("utf-8")
            return _HEAD.fullmatch(head) is not None and is_made_by_hub(self.path) and self.write_settings()
        return False

    def tree(self) -> WorkTree:
        """Return the work tree: its git folder is its `.git`, and nothing of it is cut off."""
        return WorkTree(self.path, self.git_dir, self.git_dir)

    def upstream(self) -> Upstream:
        """Return the branch on the remote. No setting of the clone or the machine leads a push elsewhere."""
        return Upstream(
            "origin", f"refs/heads/{self.branch or DEFAULT_BRANCH}", self.address, self.ssh or None, "origin"
        )

    def is_new(self) -> bool:
        """Return whether it has been made, or made again, and `accept` was not called since."""
        return os.path.lexists(os.path.join(self.git_dir, _NEW_NAME))

    def accept(self) -> None:
        """Remember that the hub knows of the new clone."""
        Path(self.git_dir, _NEW_NAME).unlink(missing_ok=True)

    def make(self, answer_timeout: float, timeout: float = CLONE_SECONDS) -> tuple[str, Fetched]:
        """Make the clone, in place of whatever is there; return its branch and how the fetch ended.

        It is made beside its place and moved there when it is complete: a half clone never counts, and if it fails,
        what was there stays. Anything that the hub has not made is moved to a folder beside it: it may be a person's
        work. The remote has *answer_timeout* seconds to list its branches, and *timeout* to send one.
        Raises CloneError, OSError.
        """
        folder, name = os.path.split(self.path)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self._remove_leftovers()
        # Never the same folder twice: the git of a run that was killed may still be writing to the last one.
        work = tempfile.mkdtemp(prefix=f".{name}{_WORK}", dir=folder)
        try:
            made = self._replace(path=os.path.join(work, "new"))._fill(answer_timeout, timeout)
            if os.path.lexists(self.path):
                self._move_away(work)
            os.rename(os.path.join(work, "new"), self.path)
        except GitMissingError:
            raise
        except GitError as error:
            if isinstance(error, CloneError):
                raise
            raise CloneError(str(error), error.output) from error
        finally:
            self._remove_leftovers()
        return made

    def _move_away(self, work: str) -> None:
        """Move whatever is in its place to the folder *work*, or, if the hub has not made it, to one that stays."""
        folder, name = os.path.split(self.path)
        if is_made_by_hub(self.path):
            os.rename(self.path, os.path.join(work, "old"))
        else:
            os.rename(self.path, os.path.join(tempfile.mkdtemp(prefix=f"{name}{_ASIDE}", dir=folder), name))

    def _remove_leftovers(self) -> None:
        """Remove the folders in which this clone was made, as far as that is possible now."""
        folder, name = os.path.split(self.path)
        made = re.compile(rf"{re.escape(f'.{name}{_WORK}')}[a-z0-9_]{{8}}")  # As tempfile names them.
        for each in os.listdir(folder):
            if made.fullmatch(each):
                shutil.rmtree(os.path.join(folder, each), ignore_errors=True)

    def _fill(self, answer_timeout: float, timeout: float) -> tuple[str, Fetched]:
        """Make the clone in its place, which is not the one of the last clone."""
        self._initialize(self.branch or DEFAULT_BRANCH, "sha1")
        listed = list_remote(self.tree(), self.upstream(), answer_timeout)
        clone = self._replace(branch=self.branch or listed.default or DEFAULT_BRANCH)
        if any(len(commit) == SHA256_LENGTH for commit in listed.commits.values()):
            clone._initialize(clone.branch, "sha256")
        clone.write_settings()
        if not listed.commits:
            return clone.branch, Fetched(EMPTY)
        fetched = fetch(clone.tree(), clone.upstream(), timeout, self.most_bytes)
        size = measure(clone.git_dir)
        if size > self.most_bytes or (fetched.failed and size > self.most_bytes * NEARLY_ALL):
            raise CloneTooLargeError(max(size, self.most_bytes + 1), self.most_bytes)
        if fetched.failed:
            raise CloneError(fetched.outcome)
        if not fetched.ok:
            raise BranchMissingError(describe_missing_branch(clone.branch, listed.default))
        checkout_tip(clone.tree(), clone.branch, fetched.tip)
        return clone.branch, fetched

    def _initialize(self, branch: str, object_format: str) -> None:
        _remove(self.path)
        options = ("--quiet", "--template=", f"--initial-branch={branch}", f"--object-format={object_format}")
        Git(os.path.dirname(self.path)).run("init", *options, "--", self.path)
        self._replace(branch=branch).write_settings()
        Path(self.git_dir, _NEW_NAME).touch()

    def settings(self) -> str:
        """Return the part of the clone's settings that the hub writes."""
        branch, remote = _quoted(self.branch), f"refs/remotes/origin/{self.branch}"
        sections = [
            ("core", [("hooksPath", "/dev/null"), ("autocrlf", "false"), ("sparseCheckout", "false")]),
            ("gc", [("auto", "0")]),
            ("maintenance", [("auto", "false")]),
            ("http", [("lowSpeedLimit", str(LOW_SPEED_BYTES)), ("lowSpeedTime", str(LOW_SPEED_SECONDS))]),
            (
                'remote "origin"',
                [("url", self.url), ("fetch", f"+refs/heads/{self.branch}:{remote}"), ("tagOpt", "--no-tags")],
            ),
            (f"branch {branch}", [("remote", "origin"), ("merge", f"refs/heads/{self.branch}")]),
        ]
        if self.ssh:
            sections.append(("core", [("sshCommand", self.ssh)]))
        if self.token:
            # The empty helper drops those of the machine.
            sections += [
                ("credential", [("helper", "")]),
                (f"credential {_quoted(self.site)}", [("helper", self.token.helper())]),
            ]
        lines = [
            f"[{name}]\n" + "".join(f"\t{key} = {_quoted(value)}\n" for key, value in pairs) for name, pairs in sections
        ]
        return "".join(lines)

    def write_settings(self) -> bool:
        """Write the settings if they differ; return False if those of git itself are not as git makes them."""
        config, attributes = os.path.join(self.git_dir, "config"), os.path.join(self.git_dir, "info", "attributes")
        try:
            text = Path(config).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            return False
        base = text.partition(_MARK)[0]
        if "repositoryformatversion" not in base or not all(map(_BASE_LINE.fullmatch, base.splitlines())):
            return False
        if text != (wanted := base + _MARK + self.settings()):
            _write(config, wanted)
        with suppress(OSError, UnicodeDecodeError):
            if Path(attributes).read_text("utf-8") == _ATTRIBUTES:
                return True
        _write(attributes, _ATTRIBUTES)
        return True


def describe_missing_branch(branch: str, default: str) -> str:
    """Say that the remote does not have *branch*, and which one is its *default*, '' if that is not known."""
    return f"the remote has no branch '{branch}'" + (f"; its default branch is '{default}'" if default else "")


def is_made_by_hub(path: str) -> bool:
    """Return whether the hub has made the clone at *path*, as far as that can still be seen."""
    for names, mark in ((("config",), _MARK), (("info", "attributes"), _ATTRIBUTES)):
        with suppress(OSError, UnicodeDecodeError):
            if mark in Path(path, ".git", *names).read_text("utf-8"):
                return True
    return False


def checkout_tip(tree: WorkTree, branch: str, tip: str, timeout: float = CLONE_SECONDS) -> None:
    """Check out *branch* at the commit *tip*, whatever branch, index and tracked files are now. Raises GitError."""
    options = ("--quiet", "--force", "--no-track", "--no-recurse-submodules", "-B", branch)
    tree.git.run("checkout", *options, tip, "--", timeout=timeout)


def fast_forward(tree: WorkTree, branch: str, tip: str) -> tuple[str, str] | None:
    """Move *branch* a few commits forward to *tip* if it is checked out, and nothing is in the way.

    Return the commits at which it was and is; None if it has not moved, or if that is not known.
    """
    head = read_head(tree)
    if head is None or head.branch != branch or is_under_way(tree) or not is_seen_after(tree, tip, head.commit):
        return None
    with suppress(GitError):
        # As a merge does it, in half of the time: a file that was changed in the work tree keeps it from all.
        tree.git.run("reset", "--keep", "--quiet", "--no-recurse-submodules", tip, "--", timeout=CLONE_SECONDS)
        return head.commit, tip
    return None


def is_under_way(tree: WorkTree) -> bool:
    """Return whether git is in the middle of an operation."""
    return any(os.path.lexists(os.path.join(tree.git_dir, name)) for name in UNDER_WAY)


def reset_to(tree: WorkTree, branch: str, tip: str) -> None:
    """Check out *branch* at the commit *tip*, with nothing else in the work tree. Raises GitError, OSError."""
    remove_leftovers(tree.git_dir, tree.common_dir, 0.0)
    for name in (*UNDER_WAY, "index"):  # Without the index no flag in it can keep a file as it is.
        _remove(os.path.join(tree.git_dir, name))
    checkout_tip(tree, branch, tip)
    tree.git.run("clean", "--quiet", "-ffdx", timeout=CLONE_SECONDS)


def measure(git_dir: str) -> int:
    """Return the bytes that the folder *git_dir* takes on the disk."""
    total, pending = 0, [git_dir]
    while pending:
        with suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
    return total


def needs_maintenance(git_dir: str) -> bool:
    """Return whether the clone has many packs or loose objects; counts files in two folders."""
    objects = os.path.join(git_dir, "objects")
    with suppress(OSError):
        if sum(name.endswith(".pack") for name in os.listdir(os.path.join(objects, "pack"))) > MAX_PACKS:
            return True
    sample = os.path.join(objects, "17")  # Like git: one of the 256 folders stands for all.
    return (len(os.listdir(sample)) if os.path.isdir(sample) else 0) * 256 > MAX_LOOSE_OBJECTS


def maintain(tree: WorkTree) -> None:
    """Pack the clone's objects and drop those that have not been needed for two weeks. Raises GitError."""
    tree.git.run("maintenance", "run", "--quiet", "--task=gc", timeout=MAINTENANCE_SECONDS)


def _quoted(value: str) -> str:
    """Quote *value* for a configuration file (git-config, "Syntax")."""
    escaped = escape_unstorable(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _write(file: str, text: str) -> None:
    os.makedirs(os.path.dirname(file), exist_ok=True)
    write_file(file, text.encode(), 0o600)


def remove_clone(path: str) -> None:
    """Remove the clone at *path* if the hub has made it; anything else there stays. Raises OSError."""
    if is_made_by_hub(path) and not os.path.islink(path):
        shutil.rmtree(path)


def _remove(path: str) -> None:
    """Remove the folder, file or link at *path*, if there is one. Raises OSError."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        Path(path).unlink(missing_ok=True)
