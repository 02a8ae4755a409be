"""Makes clones of the hub's own known to the hub, and moves them to other hosts."""

from __future__ import annotations

import os
from contextlib import closing, suppress
from typing import Any, NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction

from consistency.cli.registration import BRANCH_TIMEOUT_SECONDS, MAX_ATTEMPTS, Wishes, propose_slug
from consistency.cli.repo_changes import RepoChanges
from consistency.cli.retiring import bring_back, lock_places, retire
from consistency.cli.selection import RegistrationError
from consistency.core.comparison.gates import GONE
from consistency.db.queue import move_jobs
from consistency.git.credentials import TokenSource, is_variable
from consistency.git.deploy_keys import DeployKeyError
from consistency.git.managed_clone import BranchMissingError, describe_missing_branch, remove_clone
from consistency.git.names import native
from consistency.git.process import Git, GitError
from consistency.git.remote_url import RemoteUrl, parse_remote_url
from consistency.git.roots import first_commits, root_commits
from consistency.models import Mode
from consistency.runs.fetching import OpenCheckout, fetch_all
from consistency.runs.managed import (
    clones_folder,
    deploy_keys,
    find_free_place,
    find_new_place,
    key_comment,
    remember_clone,
    write_known_hosts,
)
from consistency.runs.options import RunOptions
from statehub.models import Checkout, Repo, TrustedHost

WAIT_SECONDS = 60.0
"""The time that a registration waits for a run on the clone."""


class RegisteredClone(NamedTuple):
    """A clone of the hub's own: one sentence on what was done, and why it is not made yet, '' if it is.

    *key* is the public key that its server must know, '' without ssh. *server* is the name of an ssh server with host
    keys that no one has confirmed yet. *is_new* says that the hub did not know the checkout before.
    """

    checkout: Checkout
    note: str
    opened: OpenCheckout
    problem: str = ""
    key: str = ""
    server: str = ""
    is_new: bool = False


def register_remote(remote: str, wishes: Wishes, token: TokenSource) -> RegisteredClone:
    """Make a clone of the repository at the URL *remote* known, and its repo if that is new, and make the clone.

    A remote that does not answer is registered all right; each run tries again. Raises RegistrationError,
    RemoteUrlError: nothing changes then.
    """
    wishes.check()
    url = parse_remote_url(remote)
    _check_token(url, token)
    if url.scheme == "file":
        _check_local(url)
    for _ in range(MAX_ATTEMPTS):
        # If another process registers the same at this moment, the next attempt finds that done and joins.
        with suppress(IntegrityError):
            with transaction.atomic():
                lock_places()
                made = _Registration(url, wishes, token)
                made.save()
            return made.clone()
    raise RegistrationError("this repository is being registered by another process at this moment; try again")


def _check_token(url: RemoteUrl, token: TokenSource) -> None:
    if not token:
        return
    if url.scheme != "https":
        raise RegistrationError("a token is for https: anything else would show it, or has no use for it")
    if token.variable and not is_variable(token.variable):
        raise RegistrationError(
            f"'{token.variable}' cannot be a token's variable: letters, digits and _, and not GIT_ at the beginning"
        )


def _check_local(url: RemoteUrl) -> None:
    """Raise RegistrationError unless a repository is at the path of *url*, which is on this machine."""
    try:
        Git("/").run("ls-remote", "--quiet", "--", url.url, timeout=BRANCH_TIMEOUT_SECONDS)
    except GitError as error:
        raise RegistrationError(f"{url.address} is not a repository that git can read: {error}") from error


class _Registration:
    """One registration: its rows, and their former values if the clone turns out to be one of another repository."""

    def __init__(self, url: RemoteUrl, wishes: Wishes, token: TokenSource) -> None:
        self._url, self._wishes, self._token = url, wishes, token
        self._host: str = settings.STATEHUB_HOST
        self._is_new_repo = self._is_new_checkout = False
        self._repo = self._find_repo()
        names = ("origin", "aliases", "remote", "branch", "workplans", "exclude", "writeback")
        self._before = {name: getattr(self._repo, name) for name in names}
        self._checkout_before: dict[str, Any] = {}
        # Another address than the repo's: only the history can show that the repository is the same.
        self._must_compare = bool(self._repo.origin) and url.address not in self._repo.addresses
        self.note = ""

    def _find_repo(self) -> Repo:
        """Find the repo at the URL's address, or the one that the user names; make one if there is none."""
        slug, address = self._wishes.slug, self._url.address
        repos = list(Repo.objects.order_by("slug"))
        named = next((repo for repo in repos if repo.slug == slug), None)
        at_address = [repo for repo in repos if address in repo.addresses]
        if named is not None:
            return named
        if at_address and slug is not None:
            raise RegistrationError(
                f"this repository is in the hub already, as '{at_address[0].slug}' (origin {address}): "
                f"leave out --slug {slug}, and the clone joins it"
            )
        if len(at_address) > 1:
            raise RegistrationError(
                f"several repos are at {address}: name one, --slug {' or '.join(repo.slug for repo in at_address)}"
            )
        if at_address:
            return at_address[0]
        proposed = propose_slug(address.rsplit("/", 1)[-1])
        if slug is None and (namesake := next((repo for repo in repos if repo.slug == proposed), None)):
            raise RegistrationError(
                f"slug '{proposed}' is taken by the repo with origin {namesake.origin or '(none)'}: --slug SLUG is "
                f"another one, and --slug {proposed} joins that repo if the histories are related"
            )
        self._is_new_repo = True
        return Repo.objects.create(slug=slug or proposed, origin=address)

    def save(self) -> None:
        """Write the rows: the repo with its remote, and its checkout on this host."""
        repo, changes = self._repo, RepoChanges(self._repo)
        if not repo.origin:
            changes.set("origin", self._url.address)
        elif self._url.address not in repo.addresses:
            changes.set("aliases", [*repo.aliases, self._url.address])
        if repo.remote != self._url.url:
            changes.set("remote", self._url.url)
        self._wishes.apply(changes, "")
        changes.save()
        self._checkout = self._place()
        self.note += changes.note

    def _place(self) -> Checkout:
        repo, tokens = self._repo, {"token_file": self._token.file, "token_variable": self._token.variable}
        known = Checkout.objects.filter(repo=repo, host=self._host, managed=True).order_by("-retired_at").last()
        others = Checkout.objects.active().filter(repo=repo, managed=True).exclude(host=self._host)
        known = Checkout.objects.active().filter(repo=repo, host=self._host, managed=True).first() or known
        if known is None:
            self._is_new_checkout = True
            known = Checkout.objects.create(
                repo=repo, host=self._host, path=find_new_place(repo), managed=True, **tokens
            )
            self.note = f"registered {self._url.url} as '{repo.slug}'"
        else:
            known.repo = repo
            names = ("retired_at", "token_file", "token_variable", "clone_size")
            self._checkout_before = {name: getattr(known, name) for name in names}
            self.note = f"{self._url.url} is registered already, as '{repo.slug}'"
            if known.retired_at is not None:
                bring_back([known])
                known.retired_at = None
                self.note = f"{self._url.url} is back, as '{repo.slug}'"
            if self._token:
                known.token_file, known.token_variable = self._token
            known.clone_size = None  # A clone that was too large is tried once more.
            known.save(update_fields=["token_file", "token_variable", "clone_size"])
        if other := others.first():
            self.note += f"; it has a clone on {other.host} too (move_checkouts --from {other.host} moves that)"
        return known

    def clone(self) -> RegisteredClone:
        """Make the clone, or fetch into it. Raises RegistrationError if it is one of another repository."""
        checkout, url = self._checkout, self._url
        key = server = ""
        if url.is_ssh:
            with suppress(DeployKeyError):  # As with a remote that does not answer: the problem is said below.
                key = deploy_keys().ensure(checkout.repo_id, key_comment(self._repo))
                write_known_hosts()
            server = "" if TrustedHost.objects.filter(name=url.known_name).exists() else url.server
        options = RunOptions.from_settings(Mode.CHECK, "", wait=WAIT_SECONDS)
        with closing(fetch_all([checkout], options, 1)) as ready:
            opened = next(ready)
            with opened:
                if opened.tree is not None and opened.error is None:
                    self._learn_history(opened)
                if changed := remember_clone(opened):
                    Checkout.objects.filter(pk=checkout.pk).update(**changed)
                if opened.own is not None and opened.own.note:
                    self.note += f"; {opened.own.note}"
                problem = str(opened.error or (opened.fetched.outcome if opened.fetched.failed else ""))
                if self._wishes.branch and opened.fetched.outcome == GONE:
                    self._undo()
                    raise RegistrationError(describe_missing_branch(self._wishes.branch, opened.fetched.default))
                if self._must_compare and self._repo.first_commits and not (problem or opened.fetched.tip):
                    problem = "the remote has no commit yet"
                if isinstance(opened.error, BranchMissingError) and self._is_new_checkout:
                    self._undo()
                    raise RegistrationError(problem)
                if problem and self._must_compare:
                    self._undo()
                    paste = f" (its deploy key: {key})" if key else ""
                    raise RegistrationError(
                        f"the history cannot be compared with that of '{self._repo.slug}': {problem}{paste}"
                    )
                return RegisteredClone(checkout, self.note, opened, problem, key, server, self._is_new_checkout)

    def _learn_history(self, opened: OpenCheckout) -> None:
        """Compare the clone's first commits with the repo's. Raises RegistrationError if they have none in common."""
        repo, tree = self._repo, opened.tree
        assert tree is not None  # noqa: S101 - the caller has one
        # Of the remote alone: a clone that was there before has the history of the repo as well.
        found = sorted(root_commits(tree, opened.fetched.tip)) if opened.fetched.tip else first_commits(tree, "origin")
        if repo.first_commits and found and not set(found) & set(repo.first_commits):
            self._undo()
            raise RegistrationError(
                f"{self._url.url} is not a repository of '{repo.slug}' ({repo.origin or 'no origin'}): the histories "
                "have nothing in common; --slug OTHER registers it under another slug"
            )
        if found and not repo.first_commits:
            Repo.objects.filter(pk=repo.pk, first_commits=[]).update(first_commits=found)

    def _undo(self) -> None:
        """Take back what this registration has written; a checkout that was known before is as it was."""
        if self._is_new_checkout:
            self._checkout.delete()
            remove_clone(native(self._checkout.path))
        else:
            Checkout.objects.filter(pk=self._checkout.pk).update(**self._checkout_before)
        if self._is_new_repo:
            self._repo.delete()
        else:
            Repo.objects.filter(pk=self._repo.pk).update(**self._before)


def move_clones(source: str, target: str) -> list[str]:
    """Give the hub's own clones on the host *source* to *target*; return one sentence for each.

    Their histories and ledgers stay; each is made there at its next run. Raises RegistrationError.
    """
    with transaction.atomic():
        lock_places()
        rows = Checkout.objects.active().select_for_update(of=("self",)).select_related("repo")
        found = list(rows.filter(managed=True, host=source).order_by("repo__slug", "pk"))
        if not found:
            hosts = Checkout.objects.active().filter(managed=True).order_by("host").values_list("host", flat=True)
            known = ", ".join(dict.fromkeys(hosts)) or "none"
            raise RegistrationError(f"no clone of the hub's own is on host '{source}' (hosts with clones: {known})")
        there = set(rows.filter(managed=True, host=target).values_list("repo", flat=True))
        moving = [checkout for checkout in found if checkout.repo_id not in there]
        staying = [checkout for checkout in found if checkout.repo_id in there]
        notes = [f"'{checkout.repo.slug}' has moved from {source} to {target}" for checkout in moving]
        for checkout in moving:
            # Its first run there finds the right folder, and keeps the name in it.
            here = target == settings.STATEHUB_HOST
            path = find_free_place(checkout, target, clones_folder() if here else os.path.dirname(checkout.path))
            changed = {"host": target, "path": path, "clone_size": None, "poll_at": None, "poll_failures": 0}
            Checkout.objects.filter(pk=checkout.pk).update(**changed)
        retire(staying)
        notes += [
            f"'{each.repo.slug}' has a clone on {target} already; the one on {source} is retired" for each in staying
        ]
        move_jobs([checkout.pk for checkout in moving], target)
    return notes
