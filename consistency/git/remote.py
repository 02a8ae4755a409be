"""The repo's branch on the repo's origin: finds the remote, fetches it, lists its branches, pushes a commit."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypedDict, Unpack

from consistency.core.comparison.gates import EMPTY, FETCHED, GONE, NO_UPSTREAM, is_failure
from consistency.git.addresses import is_local, normalize_url, ssh_host
from consistency.git.config import Config, read_config
from consistency.git.names import from_git
from consistency.git.process import Git, GitError, GitProcess, GitTimeoutError
from consistency.git.worktree import WorkTree
from statehub.errors import StateHubError

_HEADS = "refs/heads/"
_NO_SUCH_BRANCH = "couldn't find remote ref"
_NO_OPTIONS = "does not support push options"

# How a push reports that another push was faster: before it began, or while it was running.
_REJECTED = ("[rejected]", "cannot lock ref", "failed to update ref", "incorrect old value", "non-fast-forward")

MAX_FETCHES_PER_HOST = 4
"""Parallel fetches from one server, so that it does not take them for an attack."""


class Upstream(NamedTuple):
    """The repo's branch *ref* (`refs/heads/main`) on the repo's origin, which the clone reaches by its remote *remote*.

    *url* is its normalized url, *ssh* the user's ssh command. *push_remote* is the remote to push to, and
    *push_refusal* the reason if the clone's settings forbid a push there, else ''.
    """

    remote: str
    ref: str
    url: str
    ssh: str | None = None
    push_remote: str = ""
    push_refusal: str = ""

    @property
    def name(self) -> str:
        """The clone's name for it: `origin/main`."""
        return f"{self.remote}/{self.branch}"

    @property
    def branch(self) -> str:
        """The branch's short name: `main`."""
        return self.ref.removeprefix(_HEADS)

    @property
    def tracking(self) -> str:
        """The clone's remote-tracking branch for it."""
        return f"refs/remotes/{self.name}"

    @property
    def key(self) -> str:
        """The same text for every checkout of the repo on every machine."""
        return f"{self.url} {self.ref}"

    @property
    def host(self) -> str:
        """The machine of the remote; '' for this one."""
        return "" if is_local(self.url) else self.url.partition("/")[0]


class Fetched(NamedTuple):
    """How a fetch ended: *outcome* is a constant of `core.comparison.gates`, or git's message if it failed.

    *tip* is the commit that the repo's branch then had; *default* the remote's default branch, if the repo's branch is
    gone; *received* the number of bytes read in the last part of the time limit.
    """

    outcome: str
    tip: str = ""
    default: str = ""
    received: int = 0

    @property
    def ok(self) -> bool:
        """Return whether the upstream's commit is certain."""
        return self.outcome == FETCHED

    @property
    def is_empty(self) -> bool:
        """Return whether a clone cannot be behind: no remote, or a remote without commits."""
        return self.outcome in (NO_UPSTREAM, EMPTY)

    @property
    def failed(self) -> bool:
        """Return whether the remote was asked and did not answer."""
        return is_failure(self.outcome)


class Pushed(NamedTuple):
    """How a push ended: *error* is '' if the remote has the commit now, else git's message.

    `rejected` says that the branch has new commits there: a push may work after a pull.
    """

    error: str = ""
    rejected: bool = False


class ForeignCloneError(StateHubError):
    """By its settings the clone is not one of the repo's origin (C-22); the text says why."""


def find_upstream(
    tree: WorkTree, addresses: Collection[str], branch: str, config: Config | None = None
) -> Upstream | None:
    """Find *branch* of the repo at one of *addresses* (normalized); None if the clone has no remote.

    Without addresses, or with '' as *branch*, the clone's settings decide; *config* has them if the caller has read
    them. Raises ForeignCloneError, GitError.
    """
    clone = _Remotes(config or read_config(tree.top), tree.top)
    if not clone.names:
        if addresses:
            raise ForeignCloneError(f"it has no remote, and the repo's origin is {next(iter(addresses))}")
        return None
    followed = branch or tree.current_branch()
    urls = _urls(clone, addresses) if addresses else clone.urls()
    remote = _remote_of(urls, addresses, clone.last(f"branch.{followed}.remote"))
    ref = f"{_HEADS}{branch}" if branch else clone.last(f"branch.{followed}.merge", f"{_HEADS}{followed}")
    if ref == _HEADS:
        raise ForeignCloneError("HEAD is detached, and the hub does not know which branch is the repo's")
    push_remote, refusal = _push_target(clone, ref.removeprefix(_HEADS), remote, (urls[remote], *addresses))
    return Upstream(remote, ref, urls[remote], clone.ssh, push_remote, refusal)


def find_origin(tree: WorkTree, addresses: Collection[str] = ()) -> Upstream | None:
    """Find the remote that the clone was made from; None if it has none. Its `ref` is HEAD.

    A remote at one of *addresses* is preferred. Raises ForeignCloneError, GitError.
    """
    clone = _Remotes(read_config(tree.top), tree.top)
    if not clone.names:
        return None
    urls = _urls(clone, addresses)
    known = set(addresses).intersection(urls.values())
    remote = _remote_of(urls, known, clone.last(f"branch.{tree.current_branch()}.remote"))
    return Upstream(remote, "HEAD", urls[remote], clone.ssh)


class _Remotes(NamedTuple):
    """A clone's settings about its remotes; *base* is where relative urls begin."""

    config: Config
    base: str

    @property
    def values(self) -> Mapping[str, Sequence[str]]:
        return self.config.values

    def last(self, key: str, default: str = "") -> str:
        """Return the value of *key* that counts."""
        return self.config.last(key, default)

    @property
    def ssh(self) -> str | None:
        return self.last("core.sshcommand") or None

    @property
    def names(self) -> list[str]:
        keys = (key for key in self.values if key.startswith("remote.") and key.endswith(".url"))
        return [key[len("remote.") : -len(".url")] for key in keys]

    def urls(self, ask_ssh: bool = False) -> dict[str, str]:
        """Return the normalized url of each remote; *ask_ssh* resolves ssh aliases."""
        firsts = {name: self.values[f"remote.{name}.url"][0] for name in self.names}
        return {name: self._normalize(url, ask_ssh, "insteadof") for name, url in firsts.items()}

    def push_urls(self, remote: str, ask_ssh: bool = False) -> set[str]:
        """Return the normalized urls that a push to *remote* goes to (git-config, "pushurl", "pushInsteadOf")."""
        own = self.values.get(f"remote.{remote}.pushurl", ())
        kinds = ("insteadof",) if own else ("pushinsteadof", "insteadof")
        urls = own or self.values[f"remote.{remote}.url"]
        return {self._normalize(url, ask_ssh, *kinds) for url in urls}

    def _normalize(self, url: str, ask_ssh: bool, *kinds: str) -> str:
        """Apply the first of the rewrites *kinds* that matches (git-config, "insteadOf"), then normalize."""
        url = next((long for kind in kinds if (long := self._lengthened(url, kind)) != url), url)
        return normalize_url(url, self.base, partial(ssh_host, command=self.ssh or "ssh") if ask_ssh else None)

    def _lengthened(self, url: str, kind: str) -> str:
        end = f".{kind}"
        keys = [key for key in self.values if key.startswith("url.") and key.endswith(end)]
        pairs = [(short, key) for key in keys for short in self.values[key] if url.startswith(short)]
        if not pairs:
            return url
        short, key = max(pairs, key=lambda pair: len(pair[0]))
        return key[len("url.") : -len(end)] + url[len(short) :]


def _urls(clone: _Remotes, addresses: Collection[str]) -> dict[str, str]:
    """Return the url of each remote. ssh is asked only if none of them is one of *addresses* as it is written."""
    urls = clone.urls()
    return urls if set(addresses).intersection(urls.values()) else clone.urls(ask_ssh=True)


def _remote_of(urls: Mapping[str, str], addresses: Collection[str], tracked: str) -> str:
    """Return the remote at one of *addresses*, the *tracked* one first. Raises ForeignCloneError."""
    preferred = [*(name for name in (tracked, "origin") if name in urls), *sorted(urls)]
    found = [name for name in preferred if urls[name] in addresses] if addresses else preferred
    if not found or (not addresses and len(urls) > 1 and found[0] not in (tracked, "origin")):
        listed = ", ".join(f"{name} ({urls[name]})" for name in sorted(urls))
        origin = next(iter(addresses), "")
        known = f"the repo's origin is {origin}" if origin else "the hub knows of no origin of the repo"
        raise ForeignCloneError(f"{known}, and the clone's remotes are {listed}")
    return found[0]


def _push_target(clone: _Remotes, branch: str, remote: str, allowed: Sequence[str]) -> tuple[str, str]:
    """Return the remote to push to, and why it is not the repo's origin (git-config, "pushRemote", "pushDefault")."""
    own = f"branch.{branch}.pushremote"
    setting = own if own in clone.values else "remote.pushdefault"
    target = clone.last(setting, remote)
    if target not in clone.names:
        return target, f"{setting} is '{target}', which is not a remote of the clone"
    pushed = clone.push_urls(target)
    if not pushed <= set(allowed):
        pushed = clone.push_urls(target, ask_ssh=True)
    if not pushed <= set(allowed):
        shown = ", ".join(sorted(pushed))
        return target, f"the clone pushes to {shown}, which is not the repo's origin {allowed[0]}"
    return target, ""


def fetch(tree: WorkTree, upstream: Upstream | None, timeout: float, most_bytes: int = 0) -> Fetched:
    """Fetch the branch from the repo's origin within *timeout* seconds; raises no GitError.

    *most_bytes* limits each file that is received; 0 for any size.
    """
    if upstream is None:
        return Fetched(NO_UPSTREAM)
    try:
        # The branch by its name: its commit comes, whatever refspec the clone has. Tags are not needed.
        options = ("--quiet", "--no-recurse-submodules", "--no-tags")
        _run(tree, upstream, timeout, "fetch", *options, target=upstream.ref, most_bytes=most_bytes)
    except GitTimeoutError as error:
        return Fetched(str(error), received=error.received)
    except GitError as error:
        return _without_branch(tree, upstream, timeout) if _NO_SUCH_BRANCH in str(error) else Fetched(str(error))
    tip = Path(tree.git_dir, "FETCH_HEAD").read_bytes().partition(b"\t")[0]  # git-fetch, "FETCH_HEAD"
    return Fetched(FETCHED, tip.decode())


def _without_branch(tree: WorkTree, upstream: Upstream, timeout: float) -> Fetched:
    """Look what a remote without the branch has: nothing at all, or a default branch of another name."""
    try:
        refs = list_remote(tree, upstream, timeout)
    except GitError as error:
        return Fetched(str(error))
    if not any(ref.startswith(_HEADS) for ref in refs.commits):
        return Fetched(EMPTY)
    return Fetched(GONE, default=refs.default)


class RemoteRefs(NamedTuple):
    """The branches of a remote by their full names, and its default branch, '' if it names none."""

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


def is_reachable(url: str, ssh: str, timeout: float) -> bool:
    """Return whether the remote at *url* answers within *timeout* seconds if it is asked by the ssh command *ssh*."""
    try:
        Git("/").run("ls-remote", "--quiet", "--", url, "HEAD", timeout=timeout, env={"GIT_SSH_COMMAND": ssh})
    except GitError:
        return False
    return True


def read_tip(path: str, branch: str, timeout: float) -> str:
    """Ask `origin` of the hub's own clone at *path* for the commit of *branch*; '' if there is no such branch.

    '' as *branch* is the default branch. The clone's settings have all that the connection needs. Raises GitError.
    """
    ref = f"{_HEADS}{branch}" if branch else "HEAD"
    # The git folder by its name: without it, git would look for a repository around the folder.
    env = {"GIT_DIR": os.path.join(path, ".git")}
    listed = Git(path).run("ls-remote", "--quiet", "--", "origin", ref, timeout=timeout, env=env).decode()
    return next(
        (commit for commit, _, name in (line.partition("\t") for line in listed.splitlines()) if name == ref), ""
    )


def push(tree: WorkTree, upstream: Upstream, tip: str, commit: str, timeout: float) -> Pushed:
    """Move the upstream's branch from *tip* to its descendant *commit*, within *timeout* seconds.

    A branch that is elsewhere by then, or gone, is left alone. Raises no GitError.
    """
    if upstream.push_refusal:
        return Pushed(upstream.push_refusal)
    # A lease on the fetched commit, not a force: without it a branch that is gone would be created again.
    lease = f"--force-with-lease={upstream.ref}:{tip}"
    options = ("--porcelain", lease, "--no-follow-tags", "--recurse-submodules=no")
    target = f"{commit}:{upstream.ref}"
    try:
        _run(tree, upstream, timeout, "push", *options, remote=upstream.push_remote, target=target)
    except GitError as error:
        reason = _refusal(error.output)
        return Pushed(f"{reason}: {error}" if reason else str(error), any(each in reason for each in _REJECTED))
    return Pushed()


def read_refs(tree: WorkTree, upstream: Upstream, pattern: str, timeout: float) -> dict[str, str]:
    """Ask the remote for the refs whose names end with *pattern*: full name → commit. Raises GitError."""
    listed = from_git(_run(tree, upstream, timeout, "ls-remote", "--quiet", target=pattern))
    return {ref: commit for commit, _, ref in (line.partition("\t") for line in listed.splitlines())}


class PushedRef(NamedTuple):
    """How the push of one ref ended: *error* is '' if it worked. The remote named it *ref*, and said *message*."""

    error: str = ""
    ref: str = ""
    message: str = ""


def push_ref(
    tree: WorkTree,
    upstream: Upstream,
    commit: str,
    ref: str,
    timeout: float,
    *,
    lease: str | None,
    options: Sequence[str] = (),
) -> PushedRef:
    """Set *ref* on the remote to *commit*, or remove it if that is ''; raises no GitError.

    It must be at the commit *lease* until then, or not there if that is ''; None leaves the decision to the remote.
    *options* are push options, which not every remote takes (git-push, "--push-option").
    """
    if upstream.push_refusal:
        return PushedRef(upstream.push_refusal)
    leases = () if lease is None else (f"--force-with-lease={ref}:{lease}",)
    told = [f"--push-option={option}" for option in options]
    command = ("push", "--porcelain", *leases, "--no-follow-tags", "--recurse-submodules=no", *told)
    try:
        with _start(
            tree, upstream, timeout, *command, remote=upstream.push_remote, target=f"{commit}:{ref}"
        ) as process:
            output = process.output()
    except GitError as error:
        if options and lease is not None and _NO_OPTIONS in str(error):
            return push_ref(tree, upstream, commit, ref, timeout, lease=lease)
        reason = _refusal(error.output)
        return PushedRef(f"{reason}: {error}" if reason else str(error))
    named = [line.split("\t")[1].rpartition(":")[2] for line in from_git(output).splitlines() if line.count("\t") == 2]
    return PushedRef("", next(iter(named), ref), process.messages.decode("utf-8", "replace"))


class _RemoteOptions(TypedDict, total=False):
    """The *remote* (default: the upstream's) and its *target*; *most_bytes* limits each file that git writes."""

    remote: str
    target: str
    most_bytes: int


def _run(
    tree: WorkTree, upstream: Upstream, timeout: float, command: str, *flags: str, **options: Unpack[_RemoteOptions]
) -> bytes:
    with _start(tree, upstream, timeout, command, *flags, **options) as process:
        return process.output()


def _start(
    tree: WorkTree, upstream: Upstream, timeout: float, command: str, *flags: str, **options: Unpack[_RemoteOptions]
) -> GitProcess:
    remote, target = options.get("remote") or upstream.remote, options.get("target")
    if remote.startswith("-"):
        raise GitError(f"the remote's name '{remote}' begins with a dash")
    # BatchMode: ssh asks for no password and no host key.
    env = {"GIT_SSH_COMMAND": f"{upstream.ssh or 'ssh'} -oBatchMode=yes"}
    targets, limit = [target] if target else [], options.get("most_bytes", 0)
    return tree.git.start(command, *flags, "--", remote, *targets, timeout=timeout, env=env, file_size=limit)


def _refusal(output: bytes) -> str:
    """Return the status of the pushed branch: `[remote rejected] (pre-receive hook declined)` (git-push, "OUTPUT")."""
    lines = output.decode("utf-8", "replace").splitlines()
    return next((line.split("\t")[-1] for line in lines if line.startswith("!")), "")


def default_branch(tree: WorkTree, origin: Upstream, timeout: float) -> str:
    """Return the default branch of *origin* (`main`), as this clone noted it, else as it says; '' if neither."""
    noted = from_git(tree.git.run("for-each-ref", "--format=%(symref)", f"refs/remotes/{origin.remote}/HEAD")).strip()
    if noted:
        return noted.removeprefix(f"refs/remotes/{origin.remote}/")
    try:
        return list_remote(tree, origin, timeout).default
    except GitError:
        return ""


def renamed_branch(tree: WorkTree, origin: Upstream, branch: str, timeout: float) -> str:
    """Return the default branch of *origin* if *branch* is no longer there; '' if it is, or if that is unknown."""
    try:
        refs = list_remote(tree, origin, timeout)
    except GitError:
        return ""
    return "" if f"{_HEADS}{branch}" in refs.commits else refs.default
