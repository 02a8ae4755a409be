"""The eight tools: what is next, who has it, and reports of statuses (design, "Assistants")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from django.db.models import Model, QuerySet

from consistency.core.codes import collect_remedies
from consistency.db.fileless import find_tasks_without_file
from consistency.mcp.parameters import Parameter, RefusedError, check_arguments, make_schema
from consistency.mcp.rows import Row, change_row, finding_row, named_change_row, task_page, task_row
from consistency.models import Finding
from statehub.models import Repo, Source, StatusChange, Task, Workstream
from statehub.moments import NotAMomentError, parse_moment
from statehub.next_tasks import find_next, unfinished_dependencies
from statehub.statuses import TASK_STATUSES, is_regress
from statehub.task_filters import match_changes, match_tasks
from statehub.task_lookup import find_task
from statehub.transitions import (
    Actor,
    Outcome,
    StatusRegressionError,
    TaskFinishedError,
    TaskNotFoundError,
    TaskTakenError,
    Transition,
    TransitionError,
    make_transition,
    take,
)

DEFAULT_LIMIT, MAX_LIMIT = 10, 100
"""Tasks of a list."""

MAX_FINDINGS, MAX_CHANGES, MAX_HISTORY = 20, 30, 5
"""Rows of an answer whose tool takes no limit."""

MAX_COUNTED = 1_000
"""Rows beyond those of the answer that are counted."""

DEFAULT_AGE = "1d"

_Row = TypeVar("_Row", bound=Model)


class Caller(NamedTuple):
    """The caller: the name under which it takes tasks and is on record, its source and host, and its access."""

    name: str
    source: Source
    host: str = ""
    is_read_only: bool = False

    def act(self, commit: str = "") -> Actor:
        """Return the caller as the actor of a change, with the *commit* that the work is in."""
        return Actor(self.name, self.source, self.host, commit)


class Tool(NamedTuple):
    """A tool: its description for the assistant, its parameters, and the function behind it."""

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    run: Callable[..., Row]
    writes: bool = False

    @property
    def definition(self) -> dict[str, Any]:
        """The tool as `tools/list` shows it."""
        hints = {"destructiveHint": False} if self.writes else {"readOnlyHint": True}
        return {
            "name": self.name,
            "description": self.description,
            "inputSchema": make_schema(self.parameters),
            "annotations": hints,
        }


class Answer(NamedTuple):
    """The result of a call; a refusal says what is allowed."""

    content: Row
    is_refusal: bool = False


def tools_of(caller: Caller) -> list[Tool]:
    """Return the tools that *caller* may call."""
    return [tool for tool in TOOLS.values() if not (tool.writes and caller.is_read_only)]


def call_tool(tool: Tool, arguments: Mapping[str, Any], caller: Caller) -> Answer:
    """Call *tool* and return its answer, also if it refuses."""
    try:
        if tool.writes and caller.is_read_only:
            names = [each.name for each in tools_of(caller)]
            raise RefusedError(f"{caller.name} has read-only access", names)
        return Answer(tool.run(caller, **check_arguments(tool.parameters, arguments)))
    except RefusedError as refused:
        allowed = {"allowed": list(refused.allowed)} if refused.allowed else {}
        return Answer({"error": str(refused), **allowed, **refused.more}, is_refusal=True)


def _next_tasks(_caller: Caller, repo: str | None = None, limit: int = DEFAULT_LIMIT) -> Row:
    found = find_next(_tasks_of(repo), limit + 1)
    answer: Row = {"tasks": [task_row(task) for task in found[:limit]]}
    if len(found) > limit:
        answer["more"] = f"more than these {limit}; raise limit, at most {MAX_LIMIT}"
    elif not found:
        answer["note"] = "nothing is next: all open tasks are taken, blocked, or depend on others; see list_tasks"
    return answer


def _list_tasks(
    _caller: Caller,
    repo: str | None = None,
    status: str | None = None,
    workplan: str | None = None,
    owner: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Row:
    chosen = match_tasks(status=_given(status), owner=_given(owner))
    rows = _tasks_of(repo).filter(chosen)
    if workplan is not None:
        rows = rows.filter(workstream__in=_workplans(workplan, repo))
    # An index has the workstreams in order; within one, there are few tasks to sort.
    found, more = _page(rows.select_related("workstream__repo").order_by("workstream_id", "position", "id"), limit)
    return _with_more(
        {"tasks": [task_row(task) for task in found]}, more, f"raise limit (at most {MAX_LIMIT}), or add a filter"
    )


def _get_task(_caller: Caller, task: str) -> Row:
    found = _find(task)
    page = task_page(found)
    if waiting := unfinished_dependencies(found):
        page["waits_for"] = waiting
    page["report_status_takes"] = _statuses_from(found.status)
    changes, more = _page(StatusChange.objects.filter(task=found).order_by("-id"), MAX_HISTORY)
    page["history"] = [change_row(change) for change in changes]
    return _with_warnings(found, _with_more(page, more, "of its history"))


def _take_task(caller: Caller, task: str) -> Row:
    found = _find(task)
    outcome = _make(lambda: take(found, caller.act()))
    answer = {"taken": True, "task": task_row(outcome.task)}
    if waiting := unfinished_dependencies(outcome.task):
        answer["waits_for"] = waiting
    return _with_warnings(outcome.task, answer)


def _report_status(caller: Caller, task: str, status: str, commit: str = "", note: str = "") -> Row:
    wanted = Transition(_find(task), status, caller.act(commit), reason=note)
    outcome = _make(lambda: make_transition(wanted))
    answer: Row = {"changed": outcome.changed, "task": task_row(outcome.task)}
    if note and not outcome.changed:
        answer["note"] = f"the task is {status} already, so the note was not recorded"
    if outcome.task.taken_by and outcome.task.taken_by != caller.name:
        answer["warning"] = f"{outcome.task.taken_by} has this task, not you: take_task before you work on one"
    return _with_warnings(outcome.task, answer)


def _reopen_task(caller: Caller, task: str, status: str, reason: str) -> Row:
    wanted = Transition(_find(task), status, caller.act(), reopen=True, reason=reason)
    outcome = _make(lambda: make_transition(wanted))
    return _with_warnings(outcome.task, {"changed": outcome.changed, "task": task_row(outcome.task)})


def _list_findings(_caller: Caller, repo: str | None = None, state: str = "open") -> Row:
    rows = Finding.objects.filter(resolved_at__isnull=state == "open")
    if repo is not None:
        rows = rows.filter(checkout__repo=_repo(repo))
    found, more = _page(rows.select_related("checkout__repo").order_by("-first_seen", "-id"), MAX_FINDINGS)
    answer: Row = {"findings": [finding_row(finding) for finding in found]}
    if state == "open" and found:
        answer["remedies"] = collect_remedies(
            (finding.code, finding.checkout.repo.writeback, finding.task) for finding in found
        )
    return _with_more(answer, more, "older; name a repo" if repo is None else "older")


def _what_changed(_caller: Caller, since: str = DEFAULT_AGE, repo: str | None = None) -> Row:
    rows = StatusChange.objects.filter(match_changes(since=_parse_since(since)))
    if repo is not None:
        rows = rows.filter(task__workstream__repo=_repo(repo))
    found, more = _page(rows.select_related("task__workstream__repo").order_by("-at", "-id"), MAX_CHANGES)
    return _with_more({"changes": [named_change_row(change) for change in found]}, more, "older; a later since")


_TASK = Parameter("task", "Task id, SLUG/ID or UUID", is_required=True)
_REPO = Parameter("repo", "The repo's slug")
_LIMIT = Parameter("limit", f"Default {DEFAULT_LIMIT}", maximum=MAX_LIMIT)
_STATUS = Parameter("status", is_required=True, choices=TASK_STATUSES)

TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            "next_tasks",
            "Tasks to do next: todo, free, and with all dependencies finished; most urgent first.",
            (_REPO, _LIMIT),
            _next_tasks,
        ),
        Tool(
            "list_tasks",
            "Tasks in any status, by workplan.",
            (
                _REPO,
                Parameter("status", choices=TASK_STATUSES),
                Parameter("workplan", "The workplan's id"),
                Parameter("owner"),
                _LIMIT,
            ),
            _list_tasks,
        ),
        Tool(
            "get_task",
            "One task: file, dependencies, who has it, allowed statuses, history.",
            (_TASK,),
            _get_task,
        ),
        Tool(
            "take_task",
            "Take a task before you work on it: it becomes in_progress and yours. "
            "If someone else has it, the answer says who, and since when.",
            (_TASK,),
            _take_task,
            writes=True,
        ),
        Tool(
            "report_status",
            "Report a task's status: forward, or to another of the same rank "
            "(todo < in_progress, blocked < done, cancelled). State Hub writes it into the file.",
            (
                _TASK,
                _STATUS,
                Parameter("commit", "The commit the work is in", pattern="^[0-9a-f]{7,64}$"),
                Parameter("note", "Kept with the change", max_length=2000),
            ),
            _report_status,
            writes=True,
        ),
        Tool(
            "reopen_task",
            "Move a task back on purpose, for example done to todo. The reason is kept on record.",
            (_TASK, _STATUS, Parameter("reason", is_required=True, max_length=2000)),
            _reopen_task,
            writes=True,
        ),
        Tool(
            "list_findings",
            "Differences and faults that runs found in files and clones, and how to fix them.",
            (_REPO, Parameter("state", "Default open", choices=("open", "resolved"))),
            _list_findings,
        ),
        Tool(
            "what_changed",
            "Changes of tasks' statuses, the newest first.",
            (Parameter("since", f"A time, a date, or an age such as 12h or 7d; default {DEFAULT_AGE}"), _REPO),
            _what_changed,
        ),
    )
}


def _repo(slug: str) -> Repo:
    """Return the repo. Raises RefusedError."""
    found = Repo.objects.filter(slug=slug).first()
    if found is None:
        slugs = list(Repo.objects.order_by("slug").values_list("slug", flat=True)[:MAX_FINDINGS])
        raise RefusedError(f"no repo '{slug}' in the hub", slugs)
    return found


def _tasks_of(repo: str | None) -> QuerySet[Task]:
    """Return all tasks, or those of one repo. Raises RefusedError."""
    return Task.objects.all() if repo is None else Task.objects.filter(workstream__repo=_repo(repo))


def _workplans(key: str, repo: str | None) -> list[Workstream]:
    """Return the workplans with that id. Raises RefusedError if there are none."""
    rows = Workstream.objects.filter(key=key)
    found = list(rows if repo is None else rows.filter(repo__slug=repo))
    if not found:
        raise RefusedError(f"no workplan '{key}' in the {'hub' if repo is None else f'repo {repo}'}")
    return found


def _find(ref: str) -> Task:
    """Return the task that *ref* names. Raises RefusedError."""
    try:
        return find_task(ref)
    except TaskNotFoundError as error:
        raise RefusedError(f"{error}; next_tasks and list_tasks have the ids") from error


def _make(change: Callable[[], Outcome]) -> Outcome:
    """Return the outcome of *change*. Raises RefusedError, with the statuses that are allowed."""
    try:
        return change()
    except StatusRegressionError as error:
        task = error.task
        message = (
            f"task '{task.key}' is {task.status}; {error.status} would move it backwards; "
            "to do that on purpose: reopen_task with a reason"
        )
        raise RefusedError(message, _statuses_from(task.status), {"task": task_row(task)}) from error
    except TaskTakenError as error:
        more = {"taken": False, "task": task_row(error.task)}
        raise RefusedError(f"{error}; take another one of next_tasks", more=more) from error
    except TaskFinishedError as error:
        more = {"taken": False, "task": task_row(error.task)}
        raise RefusedError(f"{error}; to work on it again: reopen_task with a reason", more=more) from error
    except TransitionError as error:
        raise RefusedError(str(error)) from error


def _given(value: str | None) -> list[str]:
    """Return *value* as a filter takes it."""
    return [] if value is None else [value]


def _statuses_from(status: str) -> list[str]:
    """List the statuses that a report may give to a task in *status*."""
    return [each for each in TASK_STATUSES if not is_regress(status, each)]


def _page(rows: QuerySet[_Row], limit: int) -> tuple[list[_Row], str]:
    """Return the first *limit* of *rows*, and how many more there are in words, '' if none."""
    found = list(rows[: limit + 1])
    if len(found) <= limit:
        return found, ""
    left = rows.order_by().values("pk")[limit : limit + MAX_COUNTED + 1].count()
    return found[:limit], f"{left} more" if left <= MAX_COUNTED else f"more than {MAX_COUNTED} more"


def _with_more(answer: Row, more: str, advice: str) -> Row:
    return {**answer, "more": f"{more}; {advice}"} if more else answer


def _with_warnings(task: Task, answer: Row) -> Row:
    """Add the reason if no file will show the status of *task*."""
    missing = find_tasks_without_file([task]).get(task.pk)
    warnings = [each for each in (answer.get("warning"), missing) if each]
    return {**answer, "warning": "; ".join(warnings)} if warnings else answer


def _parse_since(text: str) -> datetime:
    """Return the moment that *text* names: a time, a date (midnight UTC) or an age. Raises RefusedError."""
    try:
        return parse_moment(text)
    except NotAMomentError as error:
        raise RefusedError(f"since {error}") from error
