"""Records runs and findings. A finding is an episode: opened once, seen again, resolved (design, "Data model")."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from django.db.models import F, Q

from consistency.core.codes import BLOCK_GONE, GONE_WORKPLAN_CODES, Severity
from consistency.core.comparison.snapshot import HubWorkstream
from consistency.core.finding import Action, Finding
from consistency.db.bulk import bulk_upsert
from consistency.db.ledger import batches
from consistency.models import Finding as Episode
from consistency.models import Mode, Run
from statehub.text import escape_unstorable

_FIELDS = tuple(field for field in Episode._meta.concrete_fields if not field.primary_key)
_DETAILS = ("severity", "message", "file", "line", "workplan", "task", "db_status", "file_status", "action")


class StoredFinding(NamedTuple):
    """The part of an open finding that decides whether a run evaluated it."""

    id: int
    fingerprint: str
    code: str
    file: str
    workplan: str
    task: str


Evaluated = Callable[[StoredFinding], bool]
"""Returns whether a run would have found it again: only then does its absence resolve it."""


def fingerprint(finding: Finding) -> str:
    """Return the hash, in hex, by which the next run knows the same finding."""
    return hashlib.sha256(json.dumps(finding.dedup_key).encode()).hexdigest()


def record_findings(
    run: Run, findings: Iterable[Finding], evaluated: Evaluated, now: datetime, commit: str | None = None
) -> frozenset[str]:
    """Open, continue and resolve the checkout's findings after *run*; *commit* is its writeback commit.

    Returns the fingerprints of the *findings* that were open before.
    """
    open_rows = Episode.objects.open().filter(checkout=run.checkout_id).order_by()
    rows = {row.fingerprint: row for row in open_rows}
    found = {fingerprint(finding): _episode(run, finding, now, commit) for finding in findings}
    had = frozenset(key for key, seen in found.items() if key in rows and _was_reported(run, rows[key], seen))
    same: list[int] = []
    changed: list[Episode] = []
    new: list[Episode] = []
    for key, episode in found.items():
        before = rows.pop(key, None)
        episode.fingerprint = key
        if before is None:
            new.append(episode)
        elif episode.resolved_at is None and _details(before) == _details(episode):
            same.append(before.pk)
        else:
            changed.append(_continued(before, episode))
    for ids in batches(same):
        Episode.objects.filter(pk__in=ids).update(last_seen=now, times_seen=F("times_seen") + 1)
    _save(changed)
    gone = [row.pk for row in rows.values() if evaluated(_stored(row))]
    for ids in batches(gone):
        Episode.objects.filter(pk__in=ids).update(resolved_by=run.pk, resolved_at=now, resolution="gone")
    bulk_upsert(Episode, [field.name for field in _FIELDS], map(_values, new))
    return had


def _was_reported(run: Run, before: Episode, seen: Episode) -> bool:
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
            gone = Episode.objects.open().filter(
                checkout__repo__slug=slug, workplan__in=batch, code__in=(*GONE_WORKPLAN_CODES, BLOCK_GONE)
            )
            gone.update(resolved_by=run.pk, resolved_at=now, resolution="moved")


def _stored(row: Episode) -> StoredFinding:
    return StoredFinding(row.pk, row.fingerprint, row.code, row.file, row.workplan, row.task)


def _details(row: Episode) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in _DETAILS)


def _episode(run: Run, finding: Finding, now: datetime, commit: str | None) -> Episode:
    episode = Episode(
        checkout_id=run.checkout_id,
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
        episode.resolved_by_id, episode.resolved_at, episode.resolution = run.pk, now, str(finding.action)
        if finding.action is Action.WRITTEN_BACK:
            episode.commit = commit or ""
    return episode


def _continued(before: Episode, seen: Episode) -> Episode:
    seen.pk, seen.first_seen, seen.opened_by_id = before.pk, before.first_seen, before.opened_by_id
    seen.times_seen = before.times_seen + 1
    return seen


def _save(episodes: list[Episode]) -> None:
    columns = ["id", *(field.name for field in _FIELDS)]
    rows = [(episode.pk, *_values(episode)) for episode in episodes]
    seen = (*_DETAILS, "last_seen", "times_seen", "resolved_by", "resolved_at", "resolution", "commit")
    bulk_upsert(Episode, columns, rows, conflict=("id",), update=seen)


def _values(episode: Episode) -> list[object]:
    return [getattr(episode, field.attname) for field in _FIELDS]
