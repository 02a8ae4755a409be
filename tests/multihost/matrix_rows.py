"""The hub's rows of the matrix, put back to what they were at any point.

What never matters to the next step (ids, times of sightings, who and where) is kept with a row but not compared: states
that are reached in different orders are equal when they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Model

from consistency.models import Finding, LedgerEntry, Run
from statehub.models import Checkout, Repo, StatusChange, Task, Workstream

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """One move of the task on record; `evidence` tells later what was known when it was made."""

    old: str
    new: str
    source: str
    reopen: bool
    evidence: tuple[Any, ...]
    row: Fields = field(compare=False, repr=False)


@dataclass(frozen=True)
class Mirror:
    """The hub's rows of the task and its moves, of its workplan, and of the repo."""

    status: str
    changed_at: datetime
    changes: tuple[Change, ...]
    title: str
    branch: str


@dataclass(frozen=True)
class Episode:
    """One finding: an open one, or a writeback."""

    code: str
    resolution: str
    db_status: str
    file_status: str
    row: Fields = field(compare=False, repr=False)


@dataclass(frozen=True)
class Part:
    """The hub's rows of one checkout: its ledger, whether that is settled, and its episodes."""

    ledger: tuple[tuple[str, str, str], ...]
    settled: bool
    episodes: tuple[Episode, ...]

    def after_a_move(self) -> Part:
        """Return the same, once something else has moved the task."""
        return replace(self, settled=False)


_VERSION = 1


class Rows:
    """The rows of a hub that has one workstream with one task."""

    def __init__(self, checkouts: Mapping[str, Checkout]) -> None:
        self._checkouts = checkouts
        self._workstream, self._task = Workstream.objects.get(), Task.objects.get()
        # Findings name the runs that opened and resolved them: one for each checkout is enough.
        self._runs = {name: Run(checkout=checkout, mode="fix") for name, checkout in checkouts.items()}

    def put(self, mirror: Mirror, parts: Mapping[str, Part], heads: Mapping[str, tuple[str, str]]) -> None:
        """Put the hub back to *mirror* and, by checkout, *parts* and *heads*; else it has only the commits it made.

        These may be of another order of steps: then this one's repositories do not have them.
        """
        with transaction.atomic():
            for model in (Finding, LedgerEntry, Run, StatusChange):
                model._default_manager.all()._raw_delete(using="default")
            Workstream.objects.update(version=_VERSION, title=mirror.title)
            Repo.objects.update(branch=mirror.branch)
            Task.objects.update(status=mirror.status, status_changed_at=mirror.changed_at)
            StatusChange.objects.bulk_create([StatusChange(**change.row) for change in mirror.changes])
            Run.objects.bulk_create([self._runs[name] for name in parts])
            for name, (head, tip) in heads.items():
                Checkout.objects.filter(pk=self._checkouts[name].pk).update(head=head, tip=tip)
            LedgerEntry.objects.bulk_create(
                [entry for name, part in parts.items() for entry in self._entries(name, part)]
            )
            Finding.objects.bulk_create(
                [self._finding(name, episode) for name, part in parts.items() for episode in part.episodes]
            )

    def mirror(self) -> Mirror:
        """Return the hub's present rows."""
        task = Task.objects.get()
        changes = (
            Change(row["old"], row["new"], row["source"], row["reopen"], _evidence(row), row)
            for row in _rows(StatusChange.objects.order_by("pk"))
        )
        title, branch = Workstream.objects.values_list("title", "repo__branch").get()
        return Mirror(task.status, task.status_changed_at, tuple(changes), title, branch)

    def heads(self, name: str) -> tuple[str, str]:
        """Return the checkout's head and its branch's tip, both as of the last fix."""
        head, tip = Checkout.objects.values_list("head", "tip").get(pk=self._checkouts[name].pk)
        return head, tip

    def part(self, name: str) -> Part:
        """Return the present rows of the checkout."""
        version = Workstream.objects.values_list("version", flat=True).get()
        entries = list(LedgerEntry.objects.filter(checkout=self._checkouts[name]))
        findings = _rows(Finding.objects.filter(checkout=self._checkouts[name]).order_by("pk"))
        kept = (row for row in findings if row["resolution"] in ("", "written_back"))
        return Part(
            tuple((entry.path, entry.digest, entry.content) for entry in entries),
            all(entry.version == version for entry in entries),
            tuple(map(_episode, kept)),
        )

    def _entries(self, name: str, part: Part) -> list[LedgerEntry]:
        whose = {"checkout": self._checkouts[name], "workstream": self._workstream.pk, "key": self._workstream.key}
        version = _VERSION if part.settled else None
        return [
            LedgerEntry(path=path, digest=digest, content=content, version=version, **whose)
            for path, digest, content in part.ledger
        ]

    def _finding(self, name: str, episode: Episode) -> Finding:
        # The two checkouts may have equal parts: whose it is, is said here.
        run = self._runs[name].pk
        whose = {"checkout_id": self._checkouts[name].pk, "opened_by_id": run}
        return Finding(**{**episode.row, **whose, "resolved_by_id": run if episode.resolution else None})


def _evidence(row: Fields) -> tuple[Any, ...]:
    return row["commit"], row["authored"], row["digest"], *row["known_heads"]


def _episode(row: Fields) -> Episode:
    return Episode(row["code"], row["resolution"], row["db_status"], row["file_status"], row)


def _rows(found: Iterable[Model]) -> list[dict[str, Any]]:
    """Return all fields of each but its number: numbers are assigned again, in the same order."""
    return [
        {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if not field.primary_key}
        for row in found
    ]
