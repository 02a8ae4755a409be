"""Changes the hub's record of a repo, above all its addresses."""

from __future__ import annotations

from dataclasses import dataclass, field

from consistency.cli.clone import Clone
from consistency.cli.selection import RegistrationError
from consistency.git.remote import find_origin
from statehub.models import Repo


@dataclass(slots=True)
class RepoChanges:
    """Changes of *repo* that are not saved yet, and the *note* on them for the user."""

    repo: Repo
    note: str = ""
    _fields: list[str] = field(default_factory=list)

    def set(self, name: str, value: object, note: str = "") -> None:
        """Change the field *name*."""
        setattr(self.repo, name, value)
        self._fields.append(name)
        self.note += note

    def save(self) -> None:
        """Save what has changed."""
        if self._fields:
            self.repo.save(update_fields=self._fields)


def follow_address(changes: RepoChanges, clone: Clone, *, is_known_checkout: bool, slug: str | None) -> None:
    """Keep the address of *clone* with its repo: as the new origin if it *is_known_checkout*, else as an alias.

    *slug* is the repo's if the user named it. Raises RegistrationError for an address that the repo has left.
    """
    repo, address = changes.repo, clone.address
    if not address or address in repo.addresses:
        return
    others = Repo.objects.exclude(pk=repo.pk)
    other = next((each for each in others if address in each.addresses and clone.may_be_of(each)), None)
    if other is not None and slug is None:
        changes.note += f"; its origin stays as it was, since {address} is that of the repo '{other.slug}'"
    elif not repo.origin:
        changes.set("origin", address)
    elif not is_known_checkout:
        remote = find_origin(clone.tree, repo.addresses)
        if remote is None or remote.url not in repo.addresses:
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
