"""The ledger of one checkout: what its files said as of the last fix, and which of them are settled."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from consistency.core.comparison.snapshot import ParsedWorkplan
from consistency.core.ledger_codec import load
from consistency.db.bulk import bulk_upsert, values_of, values_text
from consistency.db.uuids import uuid_text, with_dashes
from consistency.models import LedgerEntry
from statehub.compiled import CompiledQuery
from statehub.ids import normalize_id

T = TypeVar("T")

GONE = ""
"""In place of a digest: the file is gone; its content is kept in case it comes back."""

LEFT = "-"
"""In place of a digest: the file is gone, from the repo's branch on its origin as well."""

UNREAD = "?"
"""In place of a digest: the file must be read again."""

BATCH_SIZE = 10_000
"""Values in one `IN (…)`: below the parameter limits of SQLite (32,766 in a plain build) and PostgreSQL."""


MAX_ENTRIES = 200
"""Rows that are written in one statement: each has a content of some kilobytes."""


class Entry(NamedTuple):
    """One row without its content; `version` is None if the two sides did not agree."""

    key: str
    workstream: str
    digest: str
    version: int | None

    @property
    def is_gone(self) -> bool:
        """Return whether the file was no longer there."""
        return self.digest in (GONE, LEFT)


class NewEntry(NamedTuple):
    """A row to be written."""

    path: str
    entry: Entry
    content: str


Content = tuple[ParsedWorkplan, str]
"""The content of a row, parsed and as text."""


_ENTRIES: CompiledQuery[tuple[str, str, str, str, int | None]] = CompiledQuery(
    lambda checkout: (
        LedgerEntry.objects.filter(checkout=checkout)
        .order_by()
        .values_list("path", "key", uuid_text("workstream"), "digest", "version")
    ),
    int,
)
_CONTENTS: CompiledQuery[tuple[str, str]] = CompiledQuery(
    lambda checkout, paths: (
        LedgerEntry.objects.filter(checkout=checkout, path__in=values_of(LedgerEntry, "path", paths))
        .order_by()
        .values_list("path", "content")
    ),
    int,
    str,
)


def batches(values: Iterable[T], size: int = BATCH_SIZE) -> Iterator[Sequence[T]]:
    """Split *values* into lists of at most *size*; no list if there are no values."""
    items = list(values)
    for start in range(0, len(items), size):
        yield items[start : start + size]


def read_entries(checkout: int) -> dict[str, Entry]:
    """Read all rows of the checkout, by path, without their content."""
    return {
        path: Entry(normalize_id(key), with_dashes(workstream), digest, version)
        for path, key, workstream, digest, version in _ENTRIES(checkout)
    }


def read_contents(checkout: int, paths: Collection[str]) -> dict[str, Content]:
    """Read the contents of the rows of *paths*."""
    found: dict[str, Content] = {}
    for batch in batches(paths):
        for path, content in _CONTENTS(checkout, values_text(batch)):
            found[path] = load(path, content), content
    return found


def write_entries(checkout: int, entries: Iterable[NewEntry]) -> None:
    """Insert or replace rows."""
    rows = (
        (checkout, new.path, new.entry.key, new.entry.workstream, new.entry.digest, new.entry.version, new.content)
        for new in entries
    )
    content = ("key", "workstream", "digest", "version", "content")
    columns = ("checkout", "path", *content)
    bulk_upsert(LedgerEntry, columns, rows, conflict=("checkout", "path"), update=content, most=MAX_ENTRIES)


def mark_gone(checkout: int, paths: Collection[str], digest: str) -> None:
    """Mark the rows of *paths*, whose files are not there, with *digest*: GONE or LEFT."""
    for batch in batches(paths):
        LedgerEntry.objects.filter(checkout=checkout, path__in=batch).update(digest=digest, version=None)


def delete_entries(checkout: int, paths: Collection[str]) -> None:
    """Delete the rows of *paths*: their workplans are in other files now."""
    for batch in batches(paths):
        LedgerEntry.objects.filter(checkout=checkout, path__in=batch).delete()
