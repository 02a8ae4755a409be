"""The hub's own clones in a run: where they are, what reaches their remotes, and how they get to the remote's tip."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import count
from typing import NamedTuple

from django.conf import settings
from django.db.models import Q

from consistency.core.comparison.gates import EMPTY, GONE
from consistency.db.own_commits import read_own_commits
from consistency.git.addresses import is_local
from consistency.git.credentials import TokenError, TokenSource
from consistency.git.deploy_keys import DeployKeyError, DeployKeys
from consistency.git.host_keys import render_known_hosts
from consistency.git.leftovers import remove_leftovers, remove_old_leftovers
from consistency.git.managed_clone import (
    BranchMissingError,
    CloneError,
    CloneTooLargeError,
    ManagedClone,
    checkout_tip,
    fast_forward,
    is_made_by_hub,
    maintain,
    measure,
    needs_maintenance,
    reset_to,
)
from consistency.git.names import canonical, native
from consistency.git.own_commits import unpushed_commits
from consistency.git.process import GitError, GitMissingError, GitTimeoutError
from consistency.git.remote import Fetched, ForeignCloneError, fetch, is_reachable
from consistency.git.remote_url import RemoteUrl, RemoteUrlError, parse_remote_url
from consistency.git.rollback import was_cut_off
from consistency.git.roots import held_commits, root_commits
from consistency.git.status import CheckoutStatus
from consistency.git.worktree import WorkTree
from consistency.models import OwnCommit, Run
from consistency.runs.fetching import OpenCheckout
from consistency.runs.ledger_update import forget_dropped
from consistency.runs.options import RunOptions
from statehub.models import Checkout, Repo, TrustedHost

KEYS_FOLDER = ".keys"
"""The folder in STATEHUB_CLONES with the deploy keys and the trusted host keys."""

NOT_REACHED = (
    "Authentication failed", "Permission denied", "could not read Username", "Host key verification failed",
    "Could not resolve host", "Connection refused", "Connection timed out", "No route to host", "unable to access",
)  # fmt: skip
"""Parts of git's message about a fetch that failed, if the clone is not at fault."""

CUT_OFF_PART = 0.9
"""Part of its time limit from which a fetch that failed was too slow: the clone is not at fault."""


def clones_folder() -> str:
    """Return the folder of the hub's own clones on this host, as the hub keeps paths."""
    return canonical(os.path.realpath(settings.STATEHUB_CLONES))


def deploy_keys() -> DeployKeys:
    """Return the deploy keys on this host."""
    return DeployKeys(os.path.join(os.path.realpath(settings.STATEHUB_CLONES), KEYS_FOLDER))


def find_new_place(repo: Repo) -> str:
    """Return the path of a new clone of *repo*, which never changes with its slug; nothing of others is there."""
    folder, name = clones_folder(), f"{repo.slug}-{repo.pk}"
    return next(
        path
        for path in _places(folder, name)
        if not (_is_of_others(native(path)) or _is_taken(settings.STATEHUB_HOST, path, repo.pk))
    )


def find_free_place(checkout: Checkout, host: str, folder: str) -> str:
    """Return the path in *folder* on *host* for the clone of *checkout*: its name, unless another row has that."""
    places = _places(folder, os.path.basename(checkout.path))
    return next(path for path in places if not _is_taken(host, path, checkout.repo_id))


def _places(folder: str, name: str) -> Iterator[str]:
    return (os.path.join(folder, name if number == 1 else f"{name}-{number}") for number in count(1))


def _is_of_others(path: str) -> bool:
    """Return whether something is at *path* that the hub has not made."""
    return os.path.lexists(path) and not is_made_by_hub(path)


def _is_taken(host: str, path: str, repo: int) -> bool:
    """Return whether a row has the *path* on *host*: an active one, or any of *repo*."""
    return Checkout.objects.filter(Q(retired_at=None) | Q(repo=repo), host=host, path=path).exists()


def key_comment(repo: Repo) -> str:
    """Return the comment of the deploy key of *repo*, by which people know it at the server."""
    return f"statehub {repo.slug} {settings.STATEHUB_HOST}"


def drop_previous_key(repo: Repo, timeout: float) -> bool:
    """Remove the previous deploy key of *repo* if its server takes the new one; return whether it was removed.

    The server is asked only if there is a previous key, and has *timeout* seconds to answer. Raises DeployKeyError.
    """
    return deploy_keys().drop_previous(repo.pk, lambda ssh: is_reachable(repo.remote, ssh, timeout))


def write_known_hosts() -> None:
    """Write the keys of the servers that people trust to the file that ssh reads. Raises DeployKeyError."""
    deploy_keys().write_known_hosts(render_known_hosts(TrustedHost.objects.values_list("keys", flat=True)))


def prepare_host(checkouts: Sequence[Checkout]) -> None:
    """Prepare this host for runs over *checkouts*: their clones may be in another folder since then.

    The database is asked here, and not by the threads that open the checkouts.
    """
    own, folder = [checkout for checkout in checkouts if checkout.managed], clones_folder()
    for checkout in own:
        if os.path.dirname(checkout.path) != folder:
            path = find_free_place(checkout, checkout.host, folder)
            Checkout.objects.filter(pk=checkout.pk).update(path=path)
            checkout.path = path
    if any(_is_ssh(checkout.repo.remote) for checkout in own):
        with suppress(DeployKeyError):  # The fetch then says what is wrong.
            write_known_hosts()


def _is_ssh(remote: str) -> bool:
    with suppress(RemoteUrlError):
        return parse_remote_url(remote).is_ssh
    return False


def advise(message: str, url: RemoteUrl, repo: Repo) -> str:
    """Add to git's *message* about a failed fetch what a person can do, if that is known."""
    if "Host key verification failed" in message or "host key" in message.lower():
        return f"{message} (trust_host {url.server} shows the server's key and pins it)"
    if "Permission denied (publickey" in message or (url.is_ssh and "Permission denied" in message):
        return f"{message} (deploy_key {repo.slug} shows the key to paste at the server)"
    if "could not read Username" in message or "Authentication failed" in message or " 403" in message:
        return f"{message} (register_repo --remote URL --token-file FILE gives another token)"
    return message


class OwnClone:
    """One of the hub's own clones while it is open.

    *size* is that of its git folder in bytes, None if it was not measured. *branch* is the remote's default branch if
    the hub did not know one. *note* says that something else was in its place, '' if nothing was.
    """

    def __init__(self, checkout: Checkout) -> None:
        self._repo, self._known_size = checkout.repo, checkout.clone_size or 0
        self.size: int | None = None
        self.branch = self.note = ""
        self._is_made, self._has_news = False, False
        self._forwarded: tuple[str, str] | None = None
        url = self._url
        self.clone = ManagedClone(
            path=native(checkout.path),
            url=url.url,
            address=url.address,
            site=url.site,
            branch=checkout.repo.branch,
            ssh=deploy_keys().ssh_command(checkout.repo_id) if url.is_ssh else "",
            token=TokenSource(checkout.token_file, checkout.token_variable) if url.scheme == "https" else TokenSource(),
            most_bytes=settings.STATEHUB_CLONE_MAX_SIZE,
        )

    @cached_property
    def _url(self) -> RemoteUrl:
        return parse_remote_url(self._repo.remote)

    @property
    def host(self) -> str:
        """The machine of its remote; '' for this one."""
        return "" if is_local(self._url.address) else self._url.address.partition("/")[0]

    def find(self, opened: OpenCheckout) -> None:
        """Open the clone if it is there and complete; write its settings if they differ. Starts no process.

        Raises ForeignCloneError, OSError.
        """
        if not self.clone.is_whole():
            return
        opened.tree, opened.upstream = self.clone.tree(), self.clone.upstream()
        if self.clone.address not in self._repo.addresses:
            raise ForeignCloneError(f"it comes from {self.clone.address}, and the repo's origin is {self._repo.origin}")

    def fetch(self, opened: OpenCheckout, timeout: float, *, writes: bool) -> None:
        """Make the clone if it is not there, else fetch; with *writes* follow the remote if that is a fast-forward.

        A clone in which a fetch fails although the remote answers is made again. Raises CloneError, OSError.
        """
        if self._known_size > self.clone.most_bytes:
            # As at an earlier run: nothing is fetched or cloned again and again.
            raise CloneTooLargeError(self._known_size, self.clone.most_bytes)
        if opened.tree is None or opened.upstream is None:
            self._make(opened, timeout)
            return
        tree, started, since = opened.tree, time.monotonic(), time.time()
        remove_old_leftovers(tree.common_dir)
        try:
            self._prepare()
            fetched = fetch(tree, opened.upstream, timeout, self.clone.most_bytes)
        except CloneError as error:
            fetched = Fetched(str(error))
        else:
            if fetched.failed:
                remove_leftovers(tree.git_dir, tree.common_dir, since)
            was_slow = time.monotonic() - started > CUT_OFF_PART * timeout
            is_far = any(words in fetched.outcome for words in NOT_REACHED)
            if fetched.failed and not (was_slow or is_far) and self.make_again(opened, timeout):
                return
        if fetched.failed:
            fetched = fetched._replace(outcome=advise(fetched.outcome, self._url, self._repo))
        opened.fetched = fetched
        if fetched.ok and self._url.is_ssh:
            self._drop_previous_key(opened, timeout)
        if fetched.ok and fetched.tip != opened.checkout.tip:
            self._has_news = True
            self._check_growth(tree)
            if writes and not was_cut_off(tree):
                self._forwarded = fast_forward(tree, self.clone.branch, fetched.tip)

    def _drop_previous_key(self, opened: OpenCheckout, timeout: float) -> None:
        """Use the repo's new deploy key alone once its server takes it."""
        with suppress(DeployKeyError):
            if drop_previous_key(self._repo, timeout):
                self.clone = self.clone._replace(ssh=deploy_keys().ssh_command(self._repo.pk))
                self.clone.write_settings()
                opened.upstream = self.clone.upstream()

    def _check_growth(self, tree: WorkTree) -> None:
        """Measure the clone; raise CloneTooLargeError if it is too large even after maintenance."""
        self.size = measure(self.clone.git_dir)
        if self.size > self.clone.most_bytes:
            with suppress(GitError):
                maintain(tree)
            self.size = measure(self.clone.git_dir)
        if self.size > self.clone.most_bytes:
            raise CloneTooLargeError(self.size, self.clone.most_bytes)

    def _prepare(self) -> None:
        """Raise CloneError unless the key or the token is there; a missing key is made."""
        try:
            if self._url.is_ssh:
                deploy_keys().ensure(self._repo.pk, key_comment(self._repo))
            if self.clone.token:
                self.clone.token.check()
        except (DeployKeyError, TokenError) as error:
            raise CloneError(str(error)) from error

    def _make(self, opened: OpenCheckout, timeout: float) -> None:
        """Make the clone. Raises CloneError, OSError; `opened.fetched` then says how the fetch failed."""
        self._is_made = True
        try:
            self._prepare()
            is_other = _is_of_others(self.clone.path)
            branch, fetched = self.clone.make(timeout)
        except CloneTooLargeError as error:
            self.size = error.size
            raise
        except CloneError as error:
            message = advise(str(error), self._url, self._repo)
            opened.fetched = Fetched(message)
            kind = BranchMissingError if isinstance(error, BranchMissingError) else CloneError
            raise kind(f"the clone could not be made: {message}") from error
        if fetched.outcome != EMPTY and not self._repo.branch:
            self.branch = self._repo.branch = branch
        if is_other:
            self.note = f"{self.clone.path} was not made by the hub: it is moved to a folder {self.clone.path}.aside-…"
        self.clone = self.clone._replace(branch=branch)
        self.size = measure(self.clone.git_dir)
        opened.find()
        opened.relock()
        opened.fetched = fetched

    def has_forwarded(self, old: str, new: str | None) -> bool:
        """Return whether the fetch moved HEAD forward from the commit *old* to its descendant *new*."""
        return (old, new) == self._forwarded

    def may_be_at_fault(self, error: Exception) -> bool:
        """Return whether *error* can come from a clone that is broken, so that another one may help."""
        other = (GitTimeoutError, GitMissingError, CloneError)
        return not self._is_made and isinstance(error, GitError) and not isinstance(error, other)

    def make_again(self, opened: OpenCheckout, timeout: float) -> bool:
        """Make the clone again, once; return whether that was done. If not, the old one is there as before.

        Raises CloneTooLargeError.
        """
        if self._is_made:
            return False
        before = opened.fetched
        try:
            self._make(opened, timeout)
        except CloneTooLargeError:
            raise
        except (GitError, OSError):
            opened.fetched = before
            return False
        return True

    def close(self, tree: WorkTree) -> None:
        """Let git tidy the clone up if it has received much since the last time."""
        if self._has_news and needs_maintenance(tree.git_dir):
            with suppress(GitError):
                maintain(tree)


def remember_clone(opened: OpenCheckout) -> dict[str, int | None]:
    """Record the branch of the clone of *opened* if the hub did not know it; return the changes of the checkout's row.

    These are its size, if it is another one now, and that a remote that answers again is polled as often as any other.
    """
    own, checkout = opened.own, opened.checkout
    changed: dict[str, int | None] = {}
    if own is None:
        return changed
    if own.branch:
        Repo.objects.filter(pk=checkout.repo_id, branch="").update(branch=own.branch)
    if own.size is not None and own.size != checkout.clone_size:
        checkout.clone_size = changed["clone_size"] = own.size
    if opened.fetched.ok and checkout.poll_failures:
        changed.update(poll_failures=0, poll_at=None)
    return changed


def accept_new_clone(opened: OpenCheckout, tree: WorkTree) -> None:
    """Bring the ledger up to date with a clone that was made again: own commits that were never pushed are lost.

    Their old statuses, which the files have again, are not news.
    """
    own, checkout = opened.own, opened.checkout
    if own is None or not own.clone.is_new():
        return
    lost = _unpushed_before(checkout)
    held = held_commits(tree, lost)
    changes = read_own_commits(checkout.repo_id, lost)
    if dropped := [change for commit in lost if commit not in held for change in changes.get(commit, ())]:
        forget_dropped(checkout.pk, dropped)
    own.clone.accept()


def _unpushed_before(checkout: Checkout) -> list[str]:
    """List the own commits that the last clone may have had unpushed, newest first."""
    runs = Run.objects.filter(checkout=checkout)
    last = runs.exclude(ahead=None).exclude(finished_at=None).values_list("ahead", "finished_at").first()
    if last is None:
        return []
    # A run that was killed since then may have committed as well.
    since = OwnCommit.objects.filter(repo=checkout.repo_id, recorded_at__gte=last[1])
    found = list(since.values_list("commit", flat=True))
    if last[0]:
        written = runs.exclude(writeback_commit="").values_list("writeback_commit", flat=True)
        found += list(written[: last[0]])
    return list(dict.fromkeys(found))


class Followed(NamedTuple):
    """Whether the work tree has `changed`, and whether the remote has another repository now (`is_other`)."""

    changed: bool = False
    is_other: bool = False


def follow_remote(opened: OpenCheckout, tree: WorkTree, state: CheckoutStatus, options: RunOptions) -> Followed:
    """Bring the clone to the remote's tip, as the fetch found it or, if that failed, the last one that worked.

    Own commits on top of the tip stay, if they are to be pushed. All else goes: there is no other work in it. Raises
    GitError, OSError.
    """
    checkout, fetched, branch = opened.checkout, opened.fetched, opened.checkout.repo.branch
    kept = state.listing.overlooked or state.listing.sparse
    is_plain = state.branch == branch and not (state.under_way or state.dirty or kept)
    is_settled = state.head == fetched.tip if fetched.ok else state.head in {checkout.head, checkout.tip}
    if opened.foreign or opened.upstream is None or fetched.outcome in {EMPTY, GONE} or (is_plain and is_settled):
        return Followed()
    tip = fetched.tip or tree.resolve(f"{opened.upstream.tracking}^{{commit}}")
    if not tip:
        return Followed()
    dropped = list(unpushed_commits(tree, tip, state.head)) if state.head and state.head != tip else []
    own = read_own_commits(checkout.repo_id, dropped)
    is_ahead = (state.behind == 0 or not fetched.ok) and len(own) == len(dropped)
    if is_plain and is_ahead and options.for_checkout(checkout).push:
        return Followed()
    known = checkout.repo.first_commits
    if dropped and state.behind != 0 and known and not set(known) & root_commits(tree, tip):
        return Followed(is_other=True)
    # A run that is cut off after this, and before the next step, takes neither side for news.
    if changes := [change for commit in dropped for change in own.get(commit, ())]:
        forget_dropped(checkout.pk, changes)
    if is_plain:
        checkout_tip(tree, branch, tip)
    else:
        reset_to(tree, branch, tip)
    return Followed(changed=True)
