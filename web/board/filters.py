"""The filters of the board and of the activity, as their forms send them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from django.db.models import Q
from django.http import QueryDict
from django.urls import reverse

from statehub.models import Repo, Workstream
from statehub.statuses import PRIORITIES
from statehub.task_filters import match_any, match_changes, match_tasks
from statehub.text import escape_control, escape_unstorable

SUGGESTION_LIMIT = 200
"""Repos and workplans that a form suggests; users can type the names of all others."""


class Choice(NamedTuple):
    """A value that a form suggests, and its name for people."""

    value: str
    label: str = ""


class Field(NamedTuple):
    """A field of a form: a list of choices if *closed*, otherwise text, for which the choices are suggestions."""

    name: str
    label: str
    value: str
    choices: Sequence[Choice] = ()
    closed: bool = False
    kind: str = "text"


class BoardFilter(NamedTuple):
    """The filters of the board; '' matches all tasks."""

    repo: str = ""
    workplan: str = ""
    owner: str = ""
    taken_by: str = ""
    priority: str = ""

    def condition(self) -> Q:
        """Return the condition on tasks; an unknown priority matches none. A query for each name of a person."""
        if self.priority and self.priority not in PRIORITIES:
            return Q(pk__in=())
        return match_tasks(
            repo=_wanted(self.repo),
            workstream=_wanted(self.workplan),
            owner=_wanted(self.owner),
            taken_by=_wanted(self.taken_by),
            priority=_wanted(self.priority),
        )

    def list_filters(self) -> dict[str, object] | None:
        """Return the filters of the admin's list for the same tasks, or None if it has none for them.

        At most two queries.
        """
        filters: dict[str, object] = {name: getattr(self, name) for name in ("owner", "taken_by", "priority")}
        if self.workplan:
            found = Workstream.objects.filter(match_any(repo__slug=_wanted(self.repo), key=[self.workplan]))
            pks = list(found.order_by().values_list("pk", flat=True)[:2])
            if len(pks) != 1:
                return None
            filters["workstream__id__exact"] = pks[0]
        elif self.repo:
            pk = Repo.objects.filter(slug=self.repo).values_list("pk", flat=True).first()
            if pk is None:
                return None
            filters["workstream__repo__id__exact"] = pk
        return {name: value for name, value in filters.items() if value}


class ActivityFilter(NamedTuple):
    """The filters of the activity; '' and None match all changes. *until* is the last day, in UTC."""

    repo: str = ""
    workplan: str = ""
    who: str = ""
    until: date | None = None

    def condition(self) -> Q:
        """Return the condition on changes."""
        chosen = match_changes(repo=_wanted(self.repo), who=_wanted(self.who))
        chosen &= match_any(task__workstream__key=_wanted(self.workplan))
        if self.until is not None and self.until < date.max:
            following = self.until + timedelta(days=1)
            chosen &= Q(at__lt=datetime(following.year, following.month, following.day, tzinfo=UTC))
        return chosen


def read_board_filter(query: QueryDict) -> BoardFilter:
    """Return the filters in the query of a URL; unknown values match no task."""
    return BoardFilter(*(_text(query, name) for name in BoardFilter._fields))


def read_activity_filter(query: QueryDict) -> ActivityFilter:
    """Return the filters in the query of a URL; a day that no calendar has is ignored."""
    try:
        until = date.fromisoformat(query.get("until", ""))
    except ValueError:
        until = None
    return ActivityFilter(_text(query, "repo"), _text(query, "workplan"), _text(query, "who"), until)


def filtered_url(name: str, filters: BoardFilter | ActivityFilter, **more: object) -> str:
    """Return the URL of the page *name* with *filters* and *more* in its query."""
    values = {**filters._asdict(), **more}
    return reverse(name, query={key: str(value) for key, value in values.items() if value} or None)


def board_fields(filters: BoardFilter, people: Sequence[str]) -> Iterator[Field]:
    """Yield the fields of the board's form; *people* are suggested as owners and holders. At most two queries."""
    names = [Choice(name) for name in people]
    yield from _places(filters)
    yield Field("owner", "Owner", filters.owner, names)
    yield Field("taken_by", "Who has it", filters.taken_by, names)
    priorities = [Choice("", "any"), *(Choice(each, each) for each in reversed(PRIORITIES))]
    yield Field("priority", "Priority", filters.priority, priorities, closed=True)


def activity_fields(filters: ActivityFilter, people: Sequence[str]) -> Iterator[Field]:
    """Yield the fields of the activity's form; *people* are suggested as those who moved tasks. At most two queries."""
    yield from _places(filters)
    yield Field("who", "Who", filters.who, [Choice(name) for name in people])
    yield Field("until", "Until (UTC)", "" if filters.until is None else filters.until.isoformat(), kind="date")


def _places(filters: BoardFilter | ActivityFilter) -> Iterator[Field]:
    slugs = Repo.objects.order_by("slug").values_list("slug", flat=True)[:SUGGESTION_LIMIT]
    yield Field("repo", "Repo", filters.repo, list(map(Choice, slugs)))
    plans = []
    if filters.repo:
        rows = Workstream.objects.filter(repo__slug=filters.repo).order_by("key").values_list("key", "title")
        plans = [Choice(key, escape_control(title[:100])) for key, title in rows[:SUGGESTION_LIMIT]]
    yield Field("workplan", "Workplan", filters.workplan, plans)


def _text(query: QueryDict, name: str) -> str:
    return escape_unstorable(query.get(name, "").strip())


def _wanted(value: str) -> list[str]:
    return [value] if value else []
