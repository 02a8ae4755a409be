"""Records findings: each is opened once, seen again, and resolved (design, "Data model")."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from uuid import UUID

from django.db import connection
from django.db.models import F, Q

from consistency.core.codes import BLOCK_GONE, GONE_WORKPLAN_CODES, Severity
from consistency.core.comparison.snapshot import HubWorkstream
from consistency.core.finding import Action, Finding
from consistency.db.bulk import FEW_ROWS, bulk_upsert, column_names
from consistency.db.ledger import batches
from consistency.models import Finding as FindingRow
from consistency.models import Mode, Run
from statehub.compiled import CompiledQuery
from statehub.text import escape_unstorable

_COLUMNS = [field for field in FindingRow._meta.concrete_fields if not field.primary_key]
_FIELDS = tuple(field.name for field in _COLUMNS)
_ALL_FIELDS = column_names(FindingRow)
_OPEN = CompiledQuery(
    lambda checkout: FindingRow.objects.open().filter(checkout=checkout).order_by().values_list(*_ALL_FIELDS), int
)
_values = attrgetter(*(field.attname for field in _COLUMNS))
_DETAILS = ("severity", "message", "file", "line", "workplan", "task", "db_status", "file_status", "action")
_details = attrgetter(*_DETAILS)
_UPDATED = (*_DETAILS, "last_seen", "times_seen", "resolved_by", "resolved_at", "resolution", "commit")


@dataclass(slots=True)
class _Row:
    """A row to be written, with the model's columns: an instance of the model takes ten times as long to make."""

    checkout_id: int
    fingerprint: str
    code: str
    severity: str
    message: str
    file: str
    line: int | None
    workplan: str
    task: str
    db_status: str
    file_status: str
    action: str
    first_seen: datetime
    last_seen: datetime
    opened_by_id: UUID | None
    times_seen: int = 1
    resolved_by_id: UUID | None = None
    resolved_at: datetime | None = None
    resolution: str = ""
    commit: str = ""
    pk: int | None = None


Evaluated = Callable[[FindingRow], bool]
"""Returns whether a run would have found the open finding again: only then does its absence resolve it."""


def fingerprint(finding: Finding) -> str:
    """Return the hash, in hex, by which the next run knows the same finding."""
    return hashlib.sha256(json.dumps(finding.dedup_key).encode()).hexdigest()


def record_findings(
    run: Run, findings: Iterable[Finding], evaluated: Evaluated, now: datetime, commit: str | None = None
) -> frozenset[str]:
    """Open, continue and resolve the checkout's findings after *run*; *commit* is its writeback commit.

    Returns the fingerprints of the *findings* that were open before.
    """
    open_rows = (FindingRow.from_db(connection.alias, _ALL_FIELDS, row) for row in _OPEN(run.checkout_id))
    rows = {row.fingerprint: row for row in open_rows}
    made = (_to_row(run, finding, now, commit) for finding in findings)
    found = {row.fingerprint: row for row in made}
    had = frozenset(key for key, seen in found.items() if key in rows and _was_reported(run, rows[key], seen))
    same: list[int] = []
    changed: list[_Row] = []
    new: list[_Row] = []
    for key, row in found.items():
        before = rows.pop(key, None)
        if before is None:
            new.append(row)
        elif row.resolved_at is None and _details(before) == _details(row):
            same.append(before.pk)
        else:
            row.pk, row.first_seen, row.opened_by_id = before.pk, before.first_seen, before.opened_by_id
            row.times_seen = before.times_seen + 1
            changed.append(row)
    for ids in batches(same):
        FindingRow.objects.filter(pk__in=ids).update(last_seen=now, times_seen=F("times_seen") + 1)
    kept = [(row.pk, *_values(row)) for row in changed]
    bulk_upsert(FindingRow, ("id", *_FIELDS), kept, conflict=("id",), update=_UPDATED)
    gone = [row.pk for row in rows.values() if evaluated(row)]
    for ids in batches(gone):
        FindingRow.objects.filter(pk__in=ids).update(resolved_by=run.pk, resolved_at=now, resolution="gone")
    bulk_upsert(FindingRow, _FIELDS, map(_values, new), most=FEW_ROWS)
    return had


def _was_reported(run: Run, before: FindingRow, seen: _Row) -> bool:
    """Return whether the open finding *before* was reported with the severity of *seen*.

    A check reports a closed gate as INFO. A fix reports it again, with its severity, unless an earlier fix did.
    """
    if before.severity != Severity.INFO or seen.severity == Severity.INFO:
        return True
    during = Q(started_at__gte=before.first_seen) | Q(pk=before.opened_by_id)
    fixes = Run.objects.filter(during, checkout=run.checkout_id, mode=Mode.FIX, counts__has_key=before.code)
    return fixes.exclude(pk=run.pk).exists()


def resolve_moved(run: Run, moved: Iterable[HubWorkstream], now: datetime) -> None:
    """Resolve the findings of other repos' checkouts that *moved* workplans are gone: *run* has found them here."""
    keys: dict[str, list[str]] = defaultdict(list)
    for row in moved:
        keys[row.repo].append(row.key)
    for slug, of_repo in keys.items():
        for batch in batches(of_repo):
            gone = FindingRow.objects.open().filter(
                checkout__repo__slug=slug, workplan__in=batch, code__in=(*GONE_WORKPLAN_CODES, BLOCK_GONE)
            )
            gone.update(resolved_by=run.pk, resolved_at=now, resolution="moved")


def _to_row(run: Run, finding: Finding, now: datetime, commit: str | None) -> _Row:
    row = _Row(
        checkout_id=run.checkout_id,
        fingerprint=fingerprint(finding),
        code=finding.code,
        severity=str(finding.severity),
        message=escape_unstorable(finding.message),
        file=escape_unstorable(finding.file or ""),
        line=finding.line,
        workplan=escape_unstorable(finding.workplan or ""),
        task=escape_unstorable(finding.task or ""),
        db_status=finding.db_status or "",
        file_status=finding.file_status or "",
        action=str(finding.action),
        first_seen=now,
        last_seen=now,
        opened_by_id=run.pk,
    )
    if finding.is_fixed:
        row.resolved_by_id, row.resolved_at, row.resolution = run.pk, now, str(finding.action)
        if finding.action is Action.WRITTEN_BACK:
            row.commit = commit or ""
    return row
