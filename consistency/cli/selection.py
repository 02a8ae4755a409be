"""Finds the registered checkouts that a command is about, by slug, path or host."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable

from django.conf import settings

from consistency.git.names import canonical
from consistency.models import Worker
from statehub.errors import StateHubError
from statehub.models import Checkout, Repo
from statehub.text import is_storable

HOSTS_SHOWN = 20
"""Hosts that a message lists."""


class RegistrationError(StateHubError):
    """The hub does not know what was asked for, or cannot take it in; one sentence for people."""


def checkouts_by_slug(slug: str, host: str) -> list[Checkout]:
    """List the active checkouts of the repo *slug* on *host*. Raises RegistrationError if there are none."""
    found = list(Checkout.objects.select_related("repo__proposal").filter(repo__slug=slug, host=host))
    active = [checkout for checkout in found if checkout.retired_at is None]
    if active:
        return active
    if found:
        paths = ", ".join(checkout.path for checkout in found)
        target = "--remote URL" if all(checkout.managed for checkout in found) else "PATH"
        raise RegistrationError(
            f"repo '{slug}' is retired on host '{host}' ({paths}): register_repo {target} brings it back"
        )
    if not Repo.objects.filter(slug=slug).exists():
        raise RegistrationError(f"{_unknown_repo(slug)}; register_repo PATH makes one known")
    raise RegistrationError(f"repo '{slug}' has no checkout on host '{host}'; register_repo PATH adds one")


def checkouts_by_slugs(slugs: Iterable[str], host: str) -> list[Checkout]:
    """List the active checkouts of all *slugs* on *host*, each once, in that order. Raises RegistrationError."""
    return [checkout for slug in dict.fromkeys(slugs) for checkout in checkouts_by_slug(slug, host)]


def active_checkouts(host: str) -> list[Checkout]:
    """List the active checkouts of *host*, in the order of slugs. Raises RegistrationError if there are none."""
    found = list(
        Checkout.objects.active().select_related("repo__proposal").filter(host=host).order_by("repo__slug", "path")
    )
    if not found:
        raise RegistrationError(f"no checkout is registered for host '{host}': register_repo PATH adds one")
    return found


def checkouts_on_host(host: str) -> list[Checkout]:
    """List every checkout on *host*. Raises RegistrationError if there is none."""
    found = list(Checkout.objects.select_related("repo__proposal").filter(host=host).order_by("repo__slug", "path"))
    if not found:
        hosts = Checkout.objects.order_by("host").values_list("host", flat=True).distinct()[:HOSTS_SHOWN]
        raise RegistrationError(f"no checkout is on host '{host}' (known: {', '.join(hosts) or 'none yet'})")
    return found


def find_other_hosts(host: str) -> list[str] | None:
    """Return some hosts of checkouts and workers if *host* is none of them, nor this one; None if it is known."""
    if host == settings.STATEHUB_HOST:
        return None
    hosts = set(Checkout.objects.values_list("host", flat=True).distinct())
    hosts.update(Worker.objects.values_list("host", flat=True))
    return None if host in hosts else sorted(hosts)[:HOSTS_SHOWN]


def checkouts_of_repo(slug: str) -> list[Checkout]:
    """List every checkout of the repo *slug*, on any host. Raises RegistrationError for an unknown repo."""
    if not Repo.objects.filter(slug=slug).exists():
        raise RegistrationError(_unknown_repo(slug))
    return list(Checkout.objects.select_related("repo__proposal").filter(repo__slug=slug).order_by("host", "path"))


def require_repos(slugs: Collection[str]) -> None:
    """Raise RegistrationError if the hub lacks a repo with one of *slugs*."""
    known = set(Repo.objects.filter(slug__in=slugs).values_list("slug", flat=True)) if slugs else set()
    for slug in slugs:
        if slug not in known:
            raise RegistrationError(_unknown_repo(slug))


def checkouts_to_retire(target: str, host: str, *, is_here: bool) -> list[Checkout]:
    """List the checkouts on *host* that *target* means: a repo's slug, or a path there. Raises RegistrationError.

    *is_here* says that *host* is this machine: only there a path may be relative or have links.
    """
    rows = Checkout.objects.select_related("repo__proposal").filter(host=host).order_by("repo__slug", "path")
    paths = [target, *([full_path(target)] if is_here else [])]
    if found := list(rows.filter(repo__slug=target)) or list(rows.filter(path__in=paths)):
        return found
    if Repo.objects.filter(slug=target).exists():
        raise RegistrationError(f"repo '{target}' has no checkout on host '{host}'; --host HOST names another one")
    raise RegistrationError(f"no repo and no checkout '{target}' on host '{host}' (the admin lists them)")


def find_checkout(path: str, host: str) -> Checkout | None:
    """Find the checkout at the full *path*: the active one, or the one that was retired last."""
    rows = Checkout.objects.select_related("repo__proposal").filter(host=host, path=path)
    return rows.active().first() or rows.order_by("-retired_at").first()


def is_retired(path: str, host: str) -> bool:
    """Return whether the checkout at *path*, as this process opens it, is retired. Raises RegistrationError."""
    known = find_checkout(full_path(path), host)
    return known is not None and known.retired_at is not None


def full_path(path: str) -> str:
    """Return *path* without links, as the hub keeps it. Raises RegistrationError if it is not UTF-8."""
    full = canonical(os.path.realpath(path))
    if not is_storable(full):
        raise RegistrationError("the path of the checkout is not UTF-8; move it to another folder")
    return full


def _unknown_repo(slug: str) -> str:
    known = ", ".join(Repo.objects.values_list("slug", flat=True)[:20]) or "none yet"
    return f"no repo '{slug}' in the hub (known: {known})"
