"""The repo's branch on the repo's origin: which remote leads there, what it has, how a commit gets there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from consistency.core.comparison.gates import EMPTY, FETCHED, GONE, NO_UPSTREAM, is_failure
from consistency.git.addresses import Resolve, is_local, normalised, ssh_host
from consistency.git.names import from_git
from consistency.git.process import GitError, GitTimeoutError
from consistency.git.worktree import WorkTree, fields
from statehub.errors import StateHubError

_KEYS = (
    r"^(branch\..*\.(remote|merge|pushremote)|remote\.pushdefault|remote\..*\.(url|pushurl)"
    r"|url\..*\.(insteadof|pushinsteadof)|core\.sshcommand)$"
)
_HEADS = "refs/heads/"
_NO_SUCH_BRANCH = "couldn't find remote ref"

# What a push says of its branch when another push was faster: before it began, or while it was under way.
_FASTER = ("[rejected]", "cannot lock ref", "failed to update ref", "incorrect old value", "non-fast-forward")

MOST_TO_ONE_HOST = 4
"""Fetches at a time: no server shall take us for an attack."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """The repo's branch *ref* (`refs/heads/main`) on the repo's origin, which the clone reaches by its remote *remote*.

    *url* is where that is, `normalised`. *ssh* is the user's own ssh command. *push_remote* is the remote to push to,
    and *push_refusal* why the clone's own settings forbid a push there, '' if they do not.
    """

    remote: str
    ref: str
    url: str
    ssh: str | None = None
    push_remote: str = ""
    push_refusal: str = ""

    @property
    def name(self) -> str:
        """How the clone calls it: `origin/main`."""
        return f"{self.remote}/{self.branch}"

    @property
    def branch(self) -> str:
        """The branch's short name: `main`."""
        return self.ref.removeprefix(_HEADS)

    @property
    def tracking(self) -> str:
        """Where the clone notes it, if it does."""
        return f"refs/remotes/{self.name}"

    @property
    def key(self) -> str:
        """The same text for every checkout of the repo on every machine."""
        return f"{self.url} {self.ref}"

    @property
    def host(self) -> str:
        """The machine that the remote is on; '' for this one."""
        return "" if is_local(self.url) else self.url.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Fetched:
    """How a fetch ended: one of the words in `core.gate`, or git's own why it failed.

    *tip* is the commit of the repo's branch then; *default* the branch that the remote calls its own, if that one is
    gone; *received* the number of bytes that still came in when its time was up.
    """

    outcome: str
    tip: str = ""
    default: str = ""
    received: int = 0

    @property
    def ok(self) -> bool:
        """Whether the upstream's commit is known for certain."""
        return self.outcome == FETCHED

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing that a clone could be behind: no remote, or one without any commit."""
        return self.outcome in (NO_UPSTREAM, EMPTY)

    @property
    def failed(self) -> bool:
        """Whether the remote was asked and has not answered."""
        return is_failure(self.outcome)


@dataclass(frozen=True, slots=True)
class Pushed:
    """How a push ended: *trouble* is '' where the remote has the commit now, else git's words.

    `faster` says that the branch has moved there meanwhile: after a pull it may work.
    """

    trouble: str = ""
    faster: bool = False


class ForeignCloneError(StateHubError):
    """The clone does not come from the repo's origin, as far as its settings tell (C-22); the text says why."""


Settings = Sequence[tuple[str, str]]
"""A clone's own settings, names in lower case, in git's order: the last one of a name counts."""


def find_upstream(tree: WorkTree, addresses: Collection[str], branch: str) -> Upstream | None:
    """Find the way to *branch* of the repo at one of *addresses* (`normalised`); None if there is no remote at all.

    No address, or '' as *branch*: the hub knows none, and the clone's own settings say which. Raises ForeignCloneError,
    GitError.
    """
    clone = _read_remotes(tree)
    if not clone.names:
        if addresses:
            raise ForeignCloneError(f"it has no remote, and the repo's origin is {next(iter(addresses))}")
        return None
    followed = branch or _current_branch(tree)
    urls = _urls(clone, addresses) if addresses else clone.urls()
    remote = _remote_of(urls, addresses, clone.last.get(f"branch.{followed}.remote", ""))
    ref = f"{_HEADS}{branch}" if branch else clone.last.get(f"branch.{followed}.merge", f"{_HEADS}{followed}")
    if ref == _HEADS:
        raise ForeignCloneError("HEAD is detached, and the hub does not know which branch is the repo's")
    push_remote, refusal = _push_target(clone, ref.removeprefix(_HEADS), remote, (urls[remote], *addresses))
    return Upstream(remote, ref, urls[remote], clone.ssh, push_remote, refusal)


def find_origin(tree: WorkTree, addresses: Collection[str] = ()) -> Upstream | None:
    """Find the remote that the clone comes from; None if it has none. Its `ref` is HEAD.

    If one of the remotes leads to one of *addresses*, it is that one. Raises ForeignCloneError, GitError.
    """
    clone = _read_remotes(tree)
    if not clone.names:
        return None
    urls = _urls(clone, addresses)
    known = set(addresses).intersection(urls.values())
    remote = _remote_of(urls, known, clone.last.get(f"branch.{_current_branch(tree)}.remote", ""))
    return Upstream(remote, "HEAD", urls[remote], clone.ssh)


@dataclass(frozen=True, slots=True)
class _Remotes:
    """A clone's own settings about its remotes; *base* is what a relative address is relative to."""

    settings: Settings
    base: str

    @property
    def last(self) -> Mapping[str, str]:
        """The value that counts of each setting."""
        return dict(self.settings)

    @property
    def ssh(self) -> str | None:
        """The user's own ssh command."""
        return self.last.get("core.sshcommand")

    @property
    def names(self) -> list[str]:
        """The remotes."""
        keys = (key for key, _ in self.settings if key.startswith("remote.") and key.endswith(".url"))
        return list(dict.fromkeys(key[len("remote.") : -len(".url")] for key in keys))

    @property
    def resolve(self) -> Resolve:
        """Names the machine behind an ssh alias."""
        return partial(ssh_host, command=self.ssh or "ssh")

    def urls(self, resolve: Resolve | None = None) -> dict[str, str]:
        """Where each remote is, `normalised`."""
        return {name: self._url(name, resolve) for name in self.names}

    def _url(self, remote: str, resolve: Resolve | None) -> str:
        """Shortened addresses as git lengthens them (git-config, "insteadOf")."""
        url = next((value for key, value in self.settings if key == f"remote.{remote}.url"), remote)
        return normalised(_lengthened(url, self.settings, "insteadof"), self.base, resolve)

    def push_urls(self, remote: str, resolve: Resolve | None) -> set[str]:
        """Where a push to *remote* goes, `normalised` (git-config, "pushurl", "pushInsteadOf")."""
        own = [value for key, value in self.settings if key == f"remote.{remote}.pushurl"]
        urls = [_lengthened(url, self.settings, "insteadof") for url in own]
        if not own:
            plain = [value for key, value in self.settings if key == f"remote.{remote}.url"]
            pushed = [_lengthened(url, self.settings, "pushinsteadof") for url in plain]
            urls = [
                new if new != url else _lengthened(url, self.settings, "insteadof")
                for url, new in zip(plain, pushed, strict=True)
            ]
        return {normalised(url, self.base, resolve) for url in urls}


def _urls(clone: _Remotes, addresses: Collection[str]) -> dict[str, str]:
    """Where each remote is. ssh is only asked if none of them leads to one of *addresses* as it is written."""
    urls = clone.urls()
    return urls if set(addresses).intersection(urls.values()) else clone.urls(clone.resolve)


def _read_remotes(tree: WorkTree) -> _Remotes:
    listed = fields(tree.git.run("config", "-z", "--get-regexp", _KEYS, ok=(0, 1)))
    return _Remotes([(key, value) for key, _, value in (field.partition("\n") for field in listed)], tree.top)


def _current_branch(tree: WorkTree) -> str:
    head = tree.git.run("symbolic-ref", "--quiet", "HEAD", ok=(0, 1))
    return from_git(head).strip().removeprefix(_HEADS)


def _remote_of(urls: Mapping[str, str], addresses: Collection[str], tracked: str) -> str:
    """The remote that leads to one of *addresses*; of several the tracked one first. Raises ForeignCloneError."""
    preferred = [*(name for name in (tracked, "origin") if name in urls), *sorted(urls)]
    found = [name for name in preferred if urls[name] in addresses] if addresses else preferred
    if not found or (not addresses and len(urls) > 1 and found[0] not in (tracked, "origin")):
        listed = ", ".join(f"{name} ({urls[name]})" for name in sorted(urls))
        origin = next(iter(addresses), "")
        known = f"the repo's origin is {origin}" if origin else "the hub knows of no origin of the repo"
        raise ForeignCloneError(f"{known}, and the clone's remotes are {listed}")
    return found[0]


def _push_target(clone: _Remotes, branch: str, remote: str, allowed: Sequence[str]) -> tuple[str, str]:
    """The remote to push to, and why that is not the repo's origin (git-config, "pushRemote", "pushDefault")."""
    own = f"branch.{branch}.pushremote"
    setting = own if own in clone.last else "remote.pushdefault"
    target = clone.last.get(setting, remote)
    if target not in clone.names:
        return target, f"{setting} is '{target}', which is not a remote of the clone"
    pushed = clone.push_urls(target, None)
    if not pushed <= set(allowed):
        pushed = clone.push_urls(target, clone.resolve)
    if not pushed <= set(allowed):
        shown = ", ".join(sorted(pushed))
        return target, f"the clone pushes to {shown}, which is not the repo's origin {allowed[0]}"
    return target, ""


def fetch(tree: WorkTree, upstream: Upstream | None, timeout: float) -> Fetched:
    """Ask the repo's origin for its branch, best effort, within *timeout* seconds."""
    if upstream is None:
        return Fetched(NO_UPSTREAM)
    try:
        # The branch by its name: whatever refspec the clone has, its commit comes. Tags are nothing that we need.
        _run(tree, upstream, timeout, "fetch", "--quiet", "--no-recurse-submodules", "--no-tags", target=upstream.ref)
    except GitTimeoutError as error:
        return Fetched(str(error), received=error.received)
    except GitError as error:
        return _without_branch(tree, upstream, timeout) if _NO_SUCH_BRANCH in str(error) else Fetched(str(error))
    return Fetched(FETCHED, _fetched_tip(tree))


def _without_branch(tree: WorkTree, upstream: Upstream, timeout: float) -> Fetched:
    """What a remote that lacks the branch has instead: nothing at all, or a default branch of another name."""
    try:
        refs = list_remote(tree, upstream, timeout)
    except GitError as error:
        return Fetched(str(error))
    if not any(ref.startswith(_HEADS) for ref in refs.commits):
        return Fetched(EMPTY)
    return Fetched(GONE, default=refs.default)


@dataclass(frozen=True, slots=True)
class RemoteRefs:
    """The branches of a remote, by their full names, and the one that it calls its own; '' if it names none."""

    commits: Mapping[str, str]
    default: str


def list_remote(tree: WorkTree, upstream: Upstream, timeout: float) -> RemoteRefs:
    """Ask the remote which branches it has. Raises GitError."""
    listed = from_git(_run(tree, upstream, timeout, "ls-remote", "--quiet", "--symref"))
    commits, default = dict[str, str](), ""
    for line in listed.splitlines():
        value, _, ref = line.partition("\t")
        if value.startswith("ref: ") and ref == "HEAD":
            default = value.removeprefix("ref: ").removeprefix(_HEADS)
        elif ref.startswith(_HEADS):
            commits[ref] = value
    return RemoteRefs(commits, default if f"{_HEADS}{default}" in commits else "")


def push(tree: WorkTree, upstream: Upstream, tip: str, commit: str, timeout: float) -> Pushed:
    """Bring the upstream's branch from *tip* to *commit*, a descendant of it, within *timeout* seconds.

    A branch that is anywhere else by then, or gone, stays so. Raises no GitError.
    """
    if upstream.push_refusal:
        return Pushed(upstream.push_refusal)
    # A lease on what was fetched, not a force: without it a branch that is gone would be made again.
    lease = f"--force-with-lease={upstream.ref}:{tip}"
    options = ("--porcelain", lease, "--no-follow-tags", "--recurse-submodules=no")
    target = f"{commit}:{upstream.ref}"
    try:
        _run(tree, upstream, timeout, "push", *options, remote=upstream.push_remote, target=target)
    except GitError as error:
        reason = _refusal(error.output)
        return Pushed(f"{reason}: {error}" if reason else str(error), any(word in reason for word in _FASTER))
    return Pushed()


def _run(
    tree: WorkTree, upstream: Upstream, timeout: float, command: str, *options: str, remote: str = "", target: str = ""
) -> bytes:
    remote = remote or upstream.remote
    if remote.startswith("-"):
        raise GitError(f"the remote's name '{remote}' begins with a dash")
    # BatchMode: ssh asks nobody for a password or for a host key.
    ssh = f"{upstream.ssh or 'ssh'} -oBatchMode=yes"
    env = {"GIT_SSH_COMMAND": ssh}
    targets = [target] if target else []
    return tree.git.run(command, *options, "--", remote, *targets, timeout=timeout, env=env)


def _fetched_tip(tree: WorkTree) -> str:
    """The commit of the branch that was fetched (git-fetch, FETCH_HEAD)."""
    return Path(tree.git_dir, "FETCH_HEAD").read_bytes().partition(b"\t")[0].decode()


def _refusal(output: bytes) -> str:
    """What the push said of its branch: `[remote rejected] (pre-receive hook declined)` (git-push, "OUTPUT")."""
    lines = output.decode("utf-8", "replace").splitlines()
    return next((line.split("\t")[-1] for line in lines if line.startswith("!")), "")


def _lengthened(url: str, settings: Settings, kind: str) -> str:
    end = f".{kind}"
    bases = [
        (value, key[len("url.") : -len(end)])
        for key, value in settings
        if key.startswith("url.") and key.endswith(end) and url.startswith(value)
    ]
    if not bases:
        return url
    short, long = max(bases, key=lambda pair: len(pair[0]))
    return long + url[len(short) :]


def default_branch(tree: WorkTree, origin: Upstream, timeout: float) -> str:
    """Name the branch that *origin* calls its own (`main`), as this clone has noted or as it says; '' if neither."""
    noted = from_git(tree.git.run("for-each-ref", "--format=%(symref)", f"refs/remotes/{origin.remote}/HEAD")).strip()
    if noted:
        return noted.removeprefix(f"refs/remotes/{origin.remote}/")
    try:
        return list_remote(tree, origin, timeout).default
    except GitError:
        return ""


def renamed_branch(tree: WorkTree, origin: Upstream, branch: str, timeout: float) -> str:
    """Name the branch that *origin* calls its own if *branch* is no longer there; '' if it is, or nobody can tell."""
    try:
        refs = list_remote(tree, origin, timeout)
    except GitError:
        return ""
    return "" if f"{_HEADS}{branch}" in refs.commits else refs.default
