"""Counts what happened in a week, by repo or by owner: each number by one query."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, F, QuerySet, TextField, Value
from django.db.models.functions import Coalesce, NullIf

from consistency.core.codes import Severity
from consistency.models import Finding
from statehub.models import StatusChange, Task
from statehub.statuses import FINISHED

MAX_TITLES = 5
"""Finished tasks that are named for each group."""

NEWEST_CHANGES = 1_000
"""Finished tasks that are read for their names."""


@dataclass
class Group:
    """The week of one repo or owner: the number of moves to each status, of reopens, and what is left now.

    `finished` has the ids and titles of some finished tasks, the newest first.
    """

    moves: dict[str, int] = field(default_factory=dict)
    reopened: int = 0
    unfinished: int = 0
    findings: int = 0
    finished: list[str] = field(default_factory=list)


def read_week(start: datetime, end: datetime, by: str) -> dict[str, Group]:
    """Return the groups with something to say, by name; *by* is `repo` or `owner`, and '' stands for no owner."""
    groups: dict[str, Group] = defaultdict(Group)
    changes = _named(StatusChange.objects.filter(at__gte=start, at__lt=end), "task__", by)
    counted = changes.order_by().values_list("group", "new", "reopen").annotate(number=Count("*"))
    for name, status, is_reopen, number in counted:
        if is_reopen:
            groups[name].reopened += number
        else:
            groups[name].moves[status] = groups[name].moves.get(status, 0) + number
    finished = changes.filter(new__in=FINISHED, reopen=False).order_by("-at", "-pk")
    for name, key, title in finished.values_list("group", "task__key", "task__title")[:NEWEST_CHANGES]:
        listed, text = groups[name].finished, f"{key} {title}"
        if len(listed) < MAX_TITLES and text not in listed:
            listed.append(text)
    if by == "repo":
        findings = Finding.objects.open().filter(severity__in=(Severity.FAIL, Severity.WARN)).order_by()
        for name, number in findings.values_list("checkout__repo__slug").annotate(number=Count("*")):
            groups[name].findings = number
    unfinished = _named(Task.objects.exclude(status__in=FINISHED), "", by).order_by()
    for name, number in unfinished.values_list("group").annotate(number=Count("*")):
        if name in groups:
            groups[name].unfinished = number
    return dict(sorted(groups.items()))


def _named(rows: QuerySet[Any], prefix: str, by: str) -> Any:
    """Add to *rows* the name of the `group` that each belongs to; the task is at *prefix*."""
    if by == "repo":
        return rows.annotate(group=F(f"{prefix}workstream__repo__slug"))
    empty = Value("", output_field=TextField())
    owners = (NullIf(f"{prefix}owner", empty), NullIf(f"{prefix}workstream__owner", empty), empty)
    return rows.annotate(group=Coalesce(*owners))
