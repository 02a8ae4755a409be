"""Which checkouts a command is about, and how a new one becomes known to the hub."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction

from consistency.cli.clone_matching import (
    Clone,
    Kinship,
    MatchError,
    check_clone,
    gone_here,
    match,
    slug_taken,
    taken_commits,
)
from consistency.cli.retiring import bring_back, lock_places
from consistency.git.names import canonical, native
from consistency.git.remote import (
    ForeignCloneError,
    Upstream,
    default_branch,
    find_origin,
    renamed_branch,
)
from consistency.git.roots import first_commits, held_commits
from consistency.git.worktree import WorkTree, find_worktree
from statehub.errors import StateHubError
from statehub.models import DEFAULT_WORKPLANS, Checkout, Repo
from statehub.text import escape_control, is_storable

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")

MAX_GLOB_LENGTH = 500
"""Characters of one glob of workplans."""

MAX_HOST_LENGTH = 255
MAX_PATH_BYTES = 1_500
"""What an index of every database takes."""

ATTEMPTS = 3
"""How often a registration is tried where others register the same."""

ASKING_TIMEOUT = 20.0
"""Seconds for origin to say which branch is its own."""


class RegistrationError(StateHubError):
    """The hub does not know what was asked for, or cannot take it in; one sentence for people."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A checkout, and one sentence on what was done to make it known ('' where it was known already)."""

    checkout: Checkout
    note: str


def by_slug(slug: str, host: str) -> list[Checkout]:
    """List the active checkouts of the repo *slug* on *host*. Raises RegistrationError if there are none."""
    found = list(Checkout.objects.select_related("repo").filter(repo__slug=slug, host=host))
    active = [checkout for checkout in found if checkout.retired_at is None]
    if active:
        return active
    if found:
        paths = ", ".join(checkout.path for checkout in found)
        raise RegistrationError(
            f"repo '{slug}' is retired on host '{host}' ({paths}): register_repo PATH brings it back"
        )
    if not Repo.objects.filter(slug=slug).exists():
        raise RegistrationError(f"{_no_repo(slug)}; register_repo PATH makes one known")
    raise RegistrationError(f"repo '{slug}' has no checkout on host '{host}'; register_repo PATH adds one")


def _no_repo(slug: str) -> str:
    known = ", ".join(Repo.objects.values_list("slug", flat=True)[:20]) or "none yet"
    return f"no repo '{slug}' in the hub (known: {known})"


def all_here(host: str) -> list[Checkout]:
    """List the active checkouts of *host*, in the order of slugs. Raises RegistrationError if there are none."""
    found = list(Checkout.objects.active().select_related("repo").filter(host=host).order_by("repo__slug", "path"))
    if not found:
        raise RegistrationError(f"no checkout is registered for host '{host}': register_repo PATH adds one")
    return found


def by_slugs(slugs: Iterable[str], host: str) -> list[Checkout]:
    """The checkouts of all *slugs* on *host*, each once, in the order of slugs. Raises RegistrationError."""
    return [checkout for slug in dict.fromkeys(slugs) for checkout in by_slug(slug, host)]


def by_path(path: str, host: str) -> Registered:
    """The checkout at *path* on *host*; an unknown one is registered under its folder's name.

    Raises NotAWorkTreeError, RegistrationError.
    """
    if known := _known_active(_real(path), host):
        return Registered(known, "")
    tree = find_worktree(path)
    known = _known_active(_real(tree.top), host)
    return Registered(known, "") if known is not None else register(tree, host)


def _known_active(path: str, host: str) -> Checkout | None:
    """The checkout at *path*, None if there is none. Raises RegistrationError if it is retired."""
    known = _known(path, host)
    if known is not None and known.retired_at is not None:
        raise RegistrationError(f"{path} ('{known.repo.slug}') is retired: register_repo {path} brings it back")
    return known


def is_retired(path: str, host: str) -> bool:
    """Whether the checkout at *path*, as this process opens it, is retired. Raises RegistrationError."""
    known = _known(_real(path), host)
    return known is not None and known.retired_at is not None


def to_retire(target: str, host: str, *, is_here: bool) -> list[Checkout]:
    """The checkouts on *host* that *target* means: a repo's slug, or a path, there. Raises RegistrationError.

    *is_here* says that *host* is this machine, where a relative path and one with links have a meaning.
    """
    rows = Checkout.objects.select_related("repo").filter(host=host).order_by("repo__slug", "path")
    paths = [target, *([_real(target)] if is_here else [])]
    if found := list(rows.filter(repo__slug=target)) or list(rows.filter(path__in=paths)):
        return found
    if Repo.objects.filter(slug=target).exists():
        raise RegistrationError(f"repo '{target}' has no checkout on host '{host}'; --host HOST names another one")
    raise RegistrationError(f"no repo and no checkout '{target}' on host '{host}' (the admin lists them)")


def of_repo(slug: str) -> list[Checkout]:
    """Every checkout of the repo *slug*, on any host. Raises RegistrationError."""
    if not Repo.objects.filter(slug=slug).exists():
        raise RegistrationError(_no_repo(slug))
    return list(Checkout.objects.select_related("repo").filter(repo__slug=slug).order_by("host", "path"))


def on_host(host: str) -> list[Checkout]:
    """Every checkout on *host*. Raises RegistrationError if there is none."""
    found = list(Checkout.objects.select_related("repo").filter(host=host).order_by("repo__slug", "path"))
    if not found:
        hosts = Checkout.objects.order_by("host").values_list("host", flat=True).distinct()[:20]
        raise RegistrationError(f"no checkout is on host '{host}' (known: {', '.join(hosts) or 'none yet'})")
    return found


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person says of a repo while registering it; None and '' where nothing is said."""

    slug: str | None = None
    workplans: Sequence[str] = ()
    exclude: Sequence[str] = ()
    branch: str | None = None

    def check(self) -> None:
        """Raise RegistrationError for what cannot be."""
        if self.slug is not None and not _SLUG.fullmatch(self.slug):
            raise RegistrationError(
                f"'{self.slug}' is not a valid slug: letters, digits, '.', '_' and '-', at most 200"
            )
        for glob in self.workplans:
            _check_glob(glob, "workplan pattern", DEFAULT_WORKPLANS)
        for glob in self.exclude if list(self.exclude) != [""] else ():
            _check_glob(glob, "pattern of files to leave out", "workplans/archive/**")
        if self.branch is not None and not is_storable(self.branch):
            raise RegistrationError("the name of the branch is not UTF-8")

    def changes(self, repo: Repo, proposed_branch: str) -> dict[str, str]:
        """The fields of *repo* that are to be others."""
        wanted = {"branch": self.branch or proposed_branch}
        if self.workplans:
            wanted["workplans"] = "\n".join(dict.fromkeys(self.workplans))
        changed = {name: value for name, value in wanted.items() if value and value != getattr(repo, name)}
        if self.exclude and (exclude := "\n".join(dict.fromkeys(self.exclude))) != repo.exclude:
            changed["exclude"] = exclude
        return changed


def register(tree: WorkTree, host: str, wishes: Wishes = Wishes()) -> Registered:
    """Make the checkout known, and its repo where that is new. Raises RegistrationError, and nothing changes then.

    A repo is known by its address and its history: another clone of it joins it, and histories that have nothing in
    common never do. A checkout whose folder has moved, and a retired one, are the same as before. If nobody names the
    repo's branch, it is the one that origin calls its own; a known repo follows its origin to another address, if the
    histories are related, and its branch to another name.
    """
    wishes.check()
    path = _real(tree.top)
    known = _known(path, host)
    remote = _find_origin(tree, path, known)
    clone = _describe(tree, path, host, remote)
    try:
        repo = _repo_of(tree, clone, known, wishes.slug)
        # Asked for outside of the transaction: origin may have to be asked, over the network.
        was_there = known is not None and repo is not None and known.repo_id == repo.pk
        proposed = _proposed_branch(tree, remote, repo, was_there) if remote and not wishes.branch else ""
        for _ in range(ATTEMPTS):
            # Where another process registers the same at this moment, the next attempt finds it done and joins.
            with suppress(IntegrityError), transaction.atomic():
                lock_places()
                return _register(tree, clone, wishes, proposed)
    except MatchError as error:
        raise RegistrationError(str(error)) from error
    raise RegistrationError(f"{path} is being registered by another process at this moment; try again")


def move(checkout: Checkout, host: str, path: str, here: str) -> str:
    """Let *checkout* be at *path* on *host* from now on; returns what is to be said. Its history goes along.

    On this host, *here*, there must be a clone of its repo. What is on another one only a run there can tell: it writes
    nothing if it finds no clone of the repo. Raises RegistrationError, NotAWorkTreeError, GitError: nothing changes.
    """
    host, path = _checked_host(host), _checked_path(path)
    clone = tree = None
    if host == here:
        tree = find_worktree(native(path))
        path = _real(tree.top)
        clone = _describe(tree, path, host, _find_origin(tree, path, checkout))
    with transaction.atomic():
        lock_places()
        row = Checkout.objects.select_related("repo").filter(pk=checkout.pk).first()
        if row is None or row.retired_at is not None:
            raise RegistrationError(f"{escape_control(str(checkout))} is retired: bring it back first")
        if (row.host, row.path) == (host, path):
            raise RegistrationError(f"{path} on {host} is where it is already")
        _check_free(row, host, path)
        _check_clone(clone, row.repo)
        changes = _Changes(row.repo)
        if clone is not None and tree is not None:
            _follow_address(changes, clone, tree, is_here=False, slug=None)
            changes.save()
        said = f"'{row.repo.slug}' has moved from {row.path} on {row.host} to {path} on {host}{changes.said}"
        row.host, row.path = host, path
        row.save(update_fields=["host", "path"])
    return said


def _check_free(checkout: Checkout, host: str, path: str) -> None:
    """Raise RegistrationError if another checkout, or a retired one of the same repo, has the place."""
    others = Checkout.objects.select_related("repo").filter(host=host, path=path).exclude(pk=checkout.pk)
    if other := others.active().first():
        raise RegistrationError(f"{path} on {host} is a checkout of '{other.repo.slug}' already: retire that first")
    if others.filter(repo=checkout.repo_id).exists():
        raise RegistrationError(
            f"{path} on {host} was a checkout of '{checkout.repo.slug}' before: bring that back, and retire this one"
        )


def _check_clone(clone: Clone | None, repo: Repo) -> None:
    """Raise RegistrationError unless the clone is one of *repo*; without one, unless a run can tell another from it."""
    if clone is None and not (repo.origin or repo.first_commits):
        raise RegistrationError(
            f"no run could tell another repository from '{repo.slug}', which has no origin and no known history: "
            "register_repo PATH on its host moves it"
        )
    try:
        if clone is not None:
            check_clone(clone, repo)
    except MatchError as error:
        raise RegistrationError(str(error)) from error


def _checked_host(host: str) -> str:
    host = host.strip()
    if not host or len(host) > MAX_HOST_LENGTH or not host.isprintable():
        raise RegistrationError(f"the name of a host is text of at most {MAX_HOST_LENGTH} printable characters")
    return host


def _checked_path(path: str) -> str:
    """The full *path*, written as the hub keeps it, as far as that can be told without its disk."""
    if not path.startswith("/"):
        raise RegistrationError("the path must be absolute: it begins with /")
    if escape_control(path) != path:
        raise RegistrationError(f"the path has invisible characters: {escape_control(path)}")
    if len(path.encode()) > MAX_PATH_BYTES:
        raise RegistrationError(f"the path is longer than {MAX_PATH_BYTES:,} bytes")
    return "/" + os.path.normpath(path).lstrip("/")


def _find_origin(tree: WorkTree, path: str, known: Checkout | None) -> Upstream | None:
    """The remote that the clone comes from: of several one that leads to its repo, or to the only one that is known."""
    try:
        if known is not None:
            return find_origin(tree, known.repo.addresses)
        return find_origin(tree)
    except ForeignCloneError as error:
        addresses = [address for repo in Repo.objects.all() for address in repo.addresses]
        with suppress(ForeignCloneError):
            remote = find_origin(tree, addresses)
            if remote is not None and remote.url in addresses:
                return remote
        raise RegistrationError(
            f"{path}: {error}; say which one it comes from: git branch --set-upstream-to"
        ) from error


def _describe(tree: WorkTree, path: str, host: str, remote: Upstream | None) -> Clone:
    first = frozenset(first_commits(tree, remote.remote if remote else ""))
    unknown = Repo.objects.filter(first_commits=[]).prefetch_related("checkouts")
    taken = {commit for repo in unknown for commit in taken_commits(repo)}
    return Clone(path, host, remote.url if remote else "", first, held_commits(tree, taken))


def _repo_of(tree: WorkTree, clone: Clone, known: Checkout | None, slug: str | None) -> Repo | None:
    """Find the repo that the clone is of, or is to join; None for a new one. Raises RegistrationError, MatchError."""
    if known is None or not _is_that_repo(tree, clone, known, slug):
        return match(clone, slug)
    return known.repo


def _is_that_repo(tree: WorkTree, clone: Clone, known: Checkout, slug: str | None) -> bool:
    """Whether the clone is still the checkout *known* at its path; if not, and that is active, RegistrationError."""
    repo, is_retired = known.repo, known.retired_at is not None
    if slug is not None and slug != repo.slug:
        if is_retired:
            return False
        raise RegistrationError(
            f"{known.path} is registered already, as '{repo.slug}' (retire_checkout {known.path} first, if it is to be "
            f"'{slug}')"
        )
    if _is_same_history(tree, clone, repo):
        return True
    if is_retired:
        return False
    raise RegistrationError(
        f"{known.path} is registered as '{repo.slug}' ({repo.origin or 'no origin'}), but another repository is there "
        f"now ({clone.address or 'no origin'}): the histories have nothing in common; move it to another folder, or "
        f"retire_checkout {known.path} first"
    )


def _is_same_history(tree: WorkTree, clone: Clone, repo: Repo) -> bool:
    """Whether the clone goes on with the history of *repo*; what is not known only counts at another address."""
    kinship = clone.kinship(repo)
    if kinship is not Kinship.UNKNOWN:
        return kinship is Kinship.RELATED
    taken = taken_commits(repo)
    is_other_address = bool(repo.origin and clone.address and clone.address not in repo.addresses)
    return not (is_other_address and taken and not held_commits(tree, taken))


def _proposed_branch(tree: WorkTree, remote: Upstream, repo: Repo | None, was_there: bool) -> str:
    """The repo's branch, as far as it is new to the hub; '' if it is known and still there."""
    if repo is None or not repo.branch:
        return default_branch(tree, remote, ASKING_TIMEOUT)
    # A branch that was there is followed under its new name; one that a person has named may be still to come.
    seen = was_there and repo.checkouts.exclude(tip="").exists()
    return renamed_branch(tree, remote, repo.branch, ASKING_TIMEOUT) if seen else ""


def _register(tree: WorkTree, clone: Clone, wishes: Wishes, branch: str) -> Registered:
    known = _known(clone.path, clone.host)
    repo = _repo_of(tree, clone, known, wishes.slug)
    is_new = repo is None
    if repo is None:
        repo = _create_repo(clone, wishes.slug)
    changes = _Changes(repo)
    if not is_new:
        _follow_address(changes, clone, tree, is_here=known is not None and known.repo_id == repo.pk, slug=wishes.slug)
    if clone.first_commits and not repo.first_commits:
        changes.set("first_commits", sorted(clone.first_commits))
    checkout, done = _place(clone, repo)
    if is_new:
        done = f"registered {clone.path} as '{repo.slug}', workplans: {_shown(repo.workplans)}"
    for name, value in wishes.changes(repo, branch).items():
        changes.set(name, value, f"; {_CHANGED[name]} {_shown(value)}" if value else f"; {_CLEARED[name]}")
    changes.save()
    return Registered(checkout, done + changes.said)


_CHANGED = {"workplans": "workplans are now", "branch": "its branch is", "exclude": "left out:"}
_CLEARED = {"exclude": "nothing is left out now"}


@dataclass(slots=True)
class _Changes:
    """What is to be saved of a repo, and what is to be said of it."""

    repo: Repo
    fields: list[str] = field(default_factory=list)
    said: str = ""

    def set(self, name: str, value: object, words: str = "") -> None:
        setattr(self.repo, name, value)
        self.fields.append(name)
        self.said += words

    def save(self) -> None:
        if self.fields:
            self.repo.save(update_fields=self.fields)


def _create_repo(clone: Clone, slug: str | None) -> Repo:
    wanted = slug or re.sub(r"[^A-Za-z0-9._-]+", "-", os.path.basename(clone.path)).strip("-._")[:200] or "repo"
    if taken := Repo.objects.filter(slug=wanted).first():
        raise RegistrationError(slug_taken(clone, taken))
    return Repo.objects.create(slug=wanted, origin=clone.address)


def _place(clone: Clone, repo: Repo) -> tuple[Checkout, str]:
    """The checkout of *repo* at the clone's path: known, brought back, moved there, or new; and what is to be said."""
    path, slug = clone.path, repo.slug
    known = Checkout.objects.select_related("repo").filter(repo=repo, host=clone.host, path=path).first()
    if known is not None:
        known.repo = repo
        if known.retired_at is None:
            return known, f"{path} is registered already, as '{slug}'"
        bring_back([known])
        known.retired_at = None
        return known, f"{path} is back, as '{slug}'"
    gone = gone_here(repo, clone.host)
    if len(gone) == 1:
        before = gone[0].path
        gone[0].path = path
        gone[0].repo = repo
        gone[0].save(update_fields=["path"])
        return gone[0], f"{path} is '{slug}', which has moved from {before}"
    checkout = Checkout.objects.create(repo=repo, host=clone.host, path=path)
    same = f" (same origin {clone.address})" if clone.address and clone.address == repo.origin else ""
    said = f"registered {path} as another checkout of '{slug}'{same}"
    if gone:
        said += f"; gone from this host: {', '.join(row.path for row in gone)} (retire_checkout PATH retires one)"
    return checkout, said


def _follow_address(changes: _Changes, clone: Clone, tree: WorkTree, *, is_here: bool, slug: str | None) -> None:
    """Keep where the repo is: it follows a known checkout to another origin, and is joined by way of an alias."""
    repo, address = changes.repo, clone.address
    if not address or address in repo.addresses:
        return
    others = Repo.objects.exclude(pk=repo.pk)
    other = next(
        (each for each in others if address in each.addresses and clone.kinship(each) is not Kinship.UNRELATED), None
    )
    if other is not None and slug is None:
        changes.said += f"; its origin stays as it was, since {address} is that of the repo '{other.slug}'"
    elif not repo.origin:
        changes.set("origin", address)
    elif not is_here:
        if not _leads_to(tree, repo.addresses):
            changes.set("aliases", [*repo.aliases, address], f"; {address} is kept as another address of it")
    elif address in repo.former_origins and slug is None:
        raise RegistrationError(
            f"{clone.path} comes from {address}, and the repo '{repo.slug}' has moved from there to {repo.origin}: "
            f"git remote set-url (if it has moved back: register_repo {clone.path} --slug {repo.slug})"
        )
    else:
        former = [each for each in repo.former_origins if each != address]
        changes.set("former_origins", [*former, *repo.addresses])
        changes.set("aliases", [])
        changes.set("origin", address, f"; its origin is now {address}")


def _leads_to(tree: WorkTree, addresses: Collection[str]) -> bool:
    """Whether one of the clone's remotes leads to one of *addresses*."""
    remote = find_origin(tree, addresses)
    return remote is not None and remote.url in addresses


def _known(path: str, host: str) -> Checkout | None:
    """The checkout at *path*; of retired ones, the newest."""
    rows = Checkout.objects.select_related("repo").filter(host=host, path=path)
    return rows.active().first() or rows.order_by("-retired_at").first()


def _shown(globs: str) -> str:
    return globs.replace("\n", ", ")


def _real(path: str) -> str:
    """The full path without links, as the hub keeps it. Raises RegistrationError."""
    full = canonical(os.path.realpath(path))
    if not is_storable(full):
        raise RegistrationError("the path of the checkout is not UTF-8; move it to another folder")
    return full


def _check_glob(glob: str, what: str, example: str) -> None:
    outside = glob.startswith(("/", ":")) or ".." in glob.split("/")
    if not 0 < len(glob) <= MAX_GLOB_LENGTH or outside or not is_storable(glob) or not glob.isprintable():
        raise RegistrationError(
            f"'{glob}' is not a valid {what}: it must be a pattern inside the repo, such as {example}"
        )
