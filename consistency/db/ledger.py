"""The ledger of one checkout: what its files said as of the last fix, and which of them are settled."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from consistency.core.comparison.snapshot import ParsedWorkplan
from consistency.core.ledger_codec import load
from consistency.db.bulk import bulk_upsert
from consistency.db.uuids import uuid_text, with_dashes
from consistency.models import LedgerEntry
from statehub.ids import normalize_id

T = TypeVar("T")

GONE = ""
"""In the place of a digest: the file is gone; what it said is kept for the day that it comes back."""

LEFT = "-"
"""In the place of a digest: the file is gone, from the repo's branch on its origin as well."""

UNREAD = "?"
"""In the place of a digest: what the file says now has to be read."""

BATCH_SIZE = 10_000
"""Values in one `IN (…)`: below the parameter limits of SQLite (32,766 in a plain build) and PostgreSQL."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row without its content; `version` is None where the two sides did not agree."""

    key: str
    workstream: str
    digest: str
    version: int | None

    @property
    def is_gone(self) -> bool:
        """Whether the file was not there any more."""
        return self.digest in (GONE, LEFT)


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A row to be written."""

    path: str
    key: str
    workstream: str
    digest: str
    version: int | None
    content: str


def batches(values: Iterable[T], size: int = BATCH_SIZE) -> Iterator[Sequence[T]]:
    """*values* in lists of at most *size*; none where there are no values."""
    items = list(values)
    for start in range(0, len(items), size):
        yield items[start : start + size]


def read_entries(checkout: int) -> dict[str, Entry]:
    """All rows of the checkout, by path, without their content."""
    rows = LedgerEntry.objects.filter(checkout=checkout).order_by()
    return {
        path: Entry(normalize_id(key), with_dashes(workstream), digest, version)
        for path, key, workstream, digest, version in rows.values_list(
            "path", "key", uuid_text("workstream"), "digest", "version"
        )
    }


def read_contents(checkout: int, paths: Collection[str]) -> dict[str, tuple[ParsedWorkplan, str]]:
    """What the rows of *paths* remember, with the text that it is kept as."""
    found: dict[str, tuple[ParsedWorkplan, str]] = {}
    rows = LedgerEntry.objects.filter(checkout=checkout).order_by()
    for batch in batches(paths):
        for path, content in rows.filter(path__in=batch).values_list("path", "content"):
            found[path] = load(path, content), content
    return found


def write_entries(checkout: int, entries: Iterable[NewEntry]) -> None:
    """Insert or replace rows."""
    rows = [
        (checkout, entry.path, entry.key, entry.workstream, entry.digest, entry.version, entry.content)
        for entry in entries
    ]
    content = ("key", "workstream", "digest", "version", "content")
    bulk_upsert(LedgerEntry, ("checkout", "path", *content), rows, conflict=("checkout", "path"), update=content)


def retire(checkout: int, paths: Collection[str]) -> None:
    """Mark the rows of *paths*: their files are gone."""
    for batch in batches(paths):
        LedgerEntry.objects.filter(checkout=checkout, path__in=batch).update(digest=GONE, version=None)


def mark_as_left(checkout: int, paths: Collection[str]) -> None:
    """Mark the rows of *paths*: their files are gone for good, from the repo's branch too."""
    for batch in batches(paths):
        LedgerEntry.objects.filter(checkout=checkout, path__in=batch).update(digest=LEFT, version=None)


def forget(checkout: int, paths: Collection[str]) -> None:
    """Delete the rows of *paths*: their workplans are somewhere else now."""
    for batch in batches(paths):
        LedgerEntry.objects.filter(checkout=checkout, path__in=batch).delete()
