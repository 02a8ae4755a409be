"""The remote that the current branch follows: where it is, what it has, and how a commit gets there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from consistency.checkout.git import Git, GitError
from consistency.checkout.worktree import WorkTree, fields
from consistency.core.gate import FETCHED, NO_UPSTREAM, NOT_ASKED

_HOST = r"(\[[^]/]*\]|[^:/]+)"
_SCP_LIKE = re.compile(rf"(?:[^@/]+@)?{_HOST}:(?!//)(.+)")
_URL = re.compile(rf"[a-z][a-z0-9+.-]*://(?:[^/]*@)?{_HOST}(?::\d+)?/(.+)", re.IGNORECASE)
_KEYS = r"^(branch\..*\.(remote|merge)|remote\..*\.url|url\..*\.insteadof|core\.sshcommand)$"

# What a push says of its branch when another push was faster: before it began, or while it was under way.
_FASTER = ("[rejected]", "cannot lock ref", "failed to update ref", "incorrect old value", "non-fast-forward")

_USER = re.compile(r"(?<=://)[^/]*@")

PROTOCOLS = "file:git:http:https:ssh"
"""What a remote may speak, as git names it (git, "GIT_ALLOW_PROTOCOL"), unless STATEHUB_GIT_PROTOCOLS says otherwise.

Any other would be a program that the clone's own settings choose: `ext::`, or whatever git-remote-NAME is on the PATH.
"""

MOST_TO_ONE_HOST = 4
"""Fetches at a time: no server shall take us for an attack."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """What the current branch follows: the branch *ref* (`refs/heads/main`) of the *remote*, which is at *url*.

    The url is `normalised`, '' for a branch of this very repository. `ssh` is the user's own ssh command.
    """

    remote: str
    ref: str
    url: str
    ssh: str | None = None

    @property
    def place(self) -> str:
        """The same text for every checkout on every machine that follows this branch."""
        return f"{self.url} {self.ref}" if self.url else ""

    @property
    def host(self) -> str:
        """The machine that the remote is on; '' for this one."""
        return "" if self.url.startswith("/") else self.url.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Fetched:
    """How a fetch ended: 'ok', 'not asked', 'no upstream', or git's words why it failed; and the upstream's tip."""

    outcome: str
    tip: str = ""

    @property
    def ok(self) -> bool:
        """Whether the upstream's commit is known for certain."""
        return self.outcome == FETCHED

    @property
    def failed(self) -> bool:
        """Whether it was tried in vain."""
        return self.outcome not in (FETCHED, NO_UPSTREAM, NOT_ASKED)


@dataclass(frozen=True, slots=True)
class Pushed:
    """How a push ended: *trouble* is '' where the remote has the commit now, else git's words.

    `faster` says that the branch has moved there meanwhile: after a pull it may work.
    """

    trouble: str = ""
    faster: bool = False


def upstream_of(tree: WorkTree) -> Upstream | None:
    """What the current branch follows; None on a detached HEAD, or where nothing is configured."""
    head = tree.git.run("symbolic-ref", "--quiet", "HEAD", ok=(0, 1)).decode(errors="surrogateescape").strip()
    branch = head.removeprefix("refs/heads/")
    listed = fields(tree.git.run("config", "-z", "--get-regexp", _KEYS, ok=(0, 1)))
    settings = [(key, value) for key, _, value in (field.partition("\n") for field in listed)]
    last = dict(settings)
    remote, ref = last.get(f"branch.{branch}.remote"), last.get(f"branch.{branch}.merge")
    if not branch or not remote or not ref:
        return None
    url = "" if remote == "." else _url(remote, settings, tree.top)
    return Upstream(remote, ref, url, last.get("core.sshcommand"))


def fetch(tree: WorkTree, upstream: Upstream | None, timeout: float) -> Fetched:
    """Fetch from the upstream's remote, best effort, within *timeout* seconds."""
    if upstream is None:
        return Fetched(NO_UPSTREAM)
    if upstream.remote == ".":  # The upstream is a branch of this very repository.
        return Fetched(FETCHED)
    try:
        _run(tree, upstream, timeout, "fetch", "--quiet", "--no-recurse-submodules")
    except GitError as error:
        return Fetched(str(error))
    tips = _fetched_tips(tree)
    return Fetched(FETCHED, tips[0] if len(tips) == 1 else "") if tips else Fetched(NO_UPSTREAM)


def push(tree: WorkTree, upstream: Upstream, commit: str, timeout: float) -> Pushed:
    """Bring *commit* to the upstream's branch, by fast-forward only, within *timeout* seconds. Raises no GitError."""
    if upstream.remote == ".":
        return Pushed("the branch follows another one of this repository, which is no place to push to")
    options = ("--porcelain", "--no-force", "--no-follow-tags", "--recurse-submodules=no")
    try:
        _run(tree, upstream, timeout, "push", *options, target=f"{commit}:{upstream.ref}")
    except GitError as error:
        reason = _refusal(error.output)
        return Pushed(f"{reason}: {error}" if reason else str(error), any(word in reason for word in _FASTER))
    return Pushed()


def _run(tree: WorkTree, upstream: Upstream, timeout: float, command: str, *options: str, target: str = "") -> bytes:
    if upstream.remote.startswith("-"):
        raise GitError(f"the remote's name '{upstream.remote}' begins with a dash")
    # BatchMode: ssh asks nobody for a password or for a host key.
    ssh = f"{upstream.ssh or 'ssh'} -oBatchMode=yes"
    protocols = os.environ.get("STATEHUB_GIT_PROTOCOLS") or PROTOCOLS
    env = {"GIT_SSH_COMMAND": ssh, "GIT_ALLOW_PROTOCOL": protocols}
    targets = [target] if target else []
    return tree.git.run(command, *options, "--", upstream.remote, *targets, timeout=timeout, env=env)


def _fetched_tips(tree: WorkTree) -> list[str]:
    """The upstream's commit in the last fetch; none where its branch is gone, which a tracking branch can outlive.

    More than one where the branch follows several (git-fetch, FETCH_HEAD).
    """
    lines = Path(tree.git_dir, "FETCH_HEAD").read_bytes().splitlines()
    return [commit.decode() for commit, mark, *_ in (line.split(b"\t") for line in lines) if mark == b""]


def _refusal(output: bytes) -> str:
    """What the push said of its branch: `[remote rejected] (pre-receive hook declined)` (git-push, "OUTPUT")."""
    lines = output.decode("utf-8", "replace").splitlines()
    return next((line.split("\t")[-1] for line in lines if line.startswith("!")), "")


def _url(remote: str, settings: Iterable[tuple[str, str]], base: str) -> str:
    """Where *remote* is, `normalised`; shortened addresses as git lengthens them (git-config, "insteadOf")."""
    url = next((value for key, value in settings if key == f"remote.{remote}.url"), remote)
    bases = [(value, key[4:-10]) for key, value in settings if key.startswith("url.") and url.startswith(value)]
    if bases:
        short, long = max(bases, key=lambda pair: len(pair[0]))
        url = long + url[len(short) :]
    return normalised(url, base)


def origin_of(git: Git) -> str:
    """The normalised URL of the remote `origin`, '' where there is none. Raises GitError."""
    url = git.run("remote", "get-url", "origin", ok=(0, 2)).decode("utf-8", "backslashreplace").strip()
    return normalised(url, git.path) if url else ""


def default_branch(tree: WorkTree, timeout: float) -> str:
    """The branch that origin calls its own (`main`), as this clone has noted or else as origin says; '' if neither."""
    noted = tree.git.run("for-each-ref", "--format=%(symref)", "refs/remotes/origin/HEAD").decode().strip()
    if noted:
        return noted.removeprefix("refs/remotes/origin/")
    ssh = tree.git.run("config", "--get", "core.sshcommand", ok=(0, 1)).decode(errors="surrogateescape").strip()
    try:
        listed = _run(tree, Upstream("origin", "HEAD", "", ssh), timeout, "ls-remote", "--symref", target="HEAD")
    except GitError:
        return ""
    found = re.search(r"^ref: refs/heads/(\S+)\tHEAD$", listed.decode("utf-8", "replace"), re.MULTILINE)
    return found[1] if found else ""


def normalised(url: str, base: str) -> str:
    """*url* as `host/path`, the same for ssh and https and with or without `.git`; a local one as a full path.

    User and password are left out, of what is no proper address, too.
    """
    url = _USER.sub("", url)
    found = _URL.fullmatch(url) or (None if os.path.exists(os.path.join(base, url)) else _SCP_LIKE.fullmatch(url))
    if found:
        return f"{found[1].lower()}/{found[2].strip('/').removesuffix('.git').strip('/')}"
    local = os.path.realpath(os.path.join(base, url.removeprefix("file://")))
    return local.rstrip("/").removesuffix("/.git").removesuffix(".git")
