"""Moves a checkout to another folder of this machine, or to another host."""

from __future__ import annotations

import os

from django.db import transaction

from consistency.cli.clone import describe_clone
from consistency.cli.clone_matching import check_clone
from consistency.cli.repo_changes import RepoChanges, follow_address
from consistency.cli.retiring import lock_places
from consistency.cli.selection import RegistrationError, full_path
from consistency.git.names import native
from consistency.git.worktree import find_worktree
from statehub.models import Checkout
from statehub.text import escape_control

MAX_HOST_LENGTH = 255
MAX_PATH_BYTES = 1_500
"""Every database can index that."""


def move(checkout: Checkout, host: str, path: str, here: str) -> str:
    """Move *checkout*, with its history, to *path* on *host*; return one sentence on it.

    On this host, *here*, a clone of its repo must be there. On another one only a run can check that: it writes
    nothing if it finds no clone of the repo. Raises RegistrationError, NotAWorkTreeError, GitError: nothing changes.
    """
    host, path = check_host(host), _normalize_path(path)
    clone = None
    if host == here:
        tree = find_worktree(native(path))
        path = full_path(tree.top)
        clone = describe_clone(tree, path, host, checkout)
    with transaction.atomic():
        lock_places()
        row = Checkout.objects.select_related("repo").filter(pk=checkout.pk).first()
        if row is None or row.retired_at is not None:
            raise RegistrationError(f"{escape_control(str(checkout))} is retired: bring it back first")
        if row.managed:
            raise RegistrationError(
                f"{row.path} is a clone of the hub's own: manage.py move_checkouts --from {row.host} --to HOST moves "
                f"those of {row.host}"
            )
        if (row.host, row.path) == (host, path):
            raise RegistrationError(f"{path} on {host} is where it is already")
        _check_free(row, host, path)
        changes = RepoChanges(row.repo)
        if clone is not None:
            check_clone(clone, row.repo)
            follow_address(changes, clone, is_known_checkout=False, slug=None)
            changes.save()
        elif not (row.repo.origin or row.repo.first_commits):
            raise RegistrationError(
                f"no run could tell another repository from '{row.repo.slug}', which has no origin and no known "
                "history: register_repo PATH on its host moves it"
            )
        note = f"'{row.repo.slug}' has moved from {row.path} on {row.host} to {path} on {host}{changes.note}"
        row.host, row.path = host, path
        row.save(update_fields=["host", "path"])
    return note


def _check_free(checkout: Checkout, host: str, path: str) -> None:
    """Raise RegistrationError if another checkout, or a retired one of the same repo, is at *path* on *host*."""
    others = Checkout.objects.select_related("repo").filter(host=host, path=path).exclude(pk=checkout.pk)
    if other := others.active().first():
        raise RegistrationError(f"{path} on {host} is a checkout of '{other.repo.slug}' already: retire that first")
    if others.filter(repo=checkout.repo_id).exists():
        raise RegistrationError(
            f"{path} on {host} was a checkout of '{checkout.repo.slug}' before: bring that back, and retire this one"
        )


def check_host(host: str) -> str:
    """Return the name *host* without blanks around it. Raises RegistrationError if it is not one."""
    host = host.strip()
    if not host or len(host) > MAX_HOST_LENGTH or not host.isprintable():
        raise RegistrationError(f"the name of a host is text of at most {MAX_HOST_LENGTH} printable characters")
    return host


def _normalize_path(path: str) -> str:
    """Write the full *path* as the hub keeps it, as far as that is possible without the disk of its host."""
    if not path.startswith("/"):
        raise RegistrationError("the path must be absolute: it begins with /")
    if escape_control(path) != path:
        raise RegistrationError(f"the path has invisible characters: {escape_control(path)}")
    if len(path.encode()) > MAX_PATH_BYTES:
        raise RegistrationError(f"the path is longer than {MAX_PATH_BYTES:,} bytes")
    return "/" + os.path.normpath(path).lstrip("/")
