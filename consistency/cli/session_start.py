"""The text with which an assistant begins a session in a clone: how to work, and how things are there now."""

from __future__ import annotations

from consistency.core.comparison.gates import Freshness
from consistency.models import Finding, Run
from statehub.models import Checkout, Task
from statehub.next_tasks import find_next
from statehub.task_filters import match_tasks
from statehub.text import escape_control

MAX_LISTED = 3
"""Tasks or findings of each kind: so the text has at most 14 lines."""

MAX_LENGTH = 120
"""Characters of a line."""

HOW_TO_WORK = (
    "Tasks: use the tools of state-hub: next_tasks, take_task before you work on one, then report_status.",
    "report_status with the commit when a task is done; with a note when it is blocked. reopen_task moves one back.",
    "Leave `status:` in workplans alone: the hub writes it, as commits of its own. Never amend or rebase those.",
)


def describe_session(checkout: Checkout | None, user: str) -> list[str]:
    """Return the lines for *user* in *checkout*, or in a clone that the hub does not know (None)."""
    if checkout is None:
        lines = ["State Hub keeps the workplans of repositories and one database, the hub, in step.", *HOW_TO_WORK]
    else:
        repo = checkout.repo
        known_as = f"State Hub mirrors this clone's workplans as '{repo.slug}'"
        lines = [known_as + (f"; its branch is {repo.branch}." if repo.branch else "."), *HOW_TO_WORK]
        lines += [_last_fix(checkout), *_taken(checkout, user), *_next(checkout), *_findings(checkout)]
    return [_cut(escape_control(line)) for line in lines]


def _last_fix(checkout: Checkout) -> str:
    run = Run.objects.finished().filter(checkout=checkout).order_by("-started_at").first()
    if run is None:
        return "No run has looked at this clone yet: fix_consistency takes its workplans into the hub."
    advice = ""
    if run.freshness in {Freshness.BEHIND, Freshness.DIVERGED}:
        advice = ": pull before you push"
    state = f", {run.freshness}{advice}" if run.freshness else ""
    return f"Last run here: {run.mode} at {run.started_at:%Y-%m-%d %H:%MZ}, {run.outcome}{state}."


def _taken(checkout: Checkout, user: str) -> list[str]:
    rows = Task.objects.filter(match_tasks(taken_by=[user]), workstream__repo=checkout.repo)
    found = list(rows.order_by("-taken_at", "id")[: MAX_LISTED + 1])
    return _listed(f"{user} has", [f"{task.key} ({task.status}) {task.title}" for task in found])


def _next(checkout: Checkout) -> list[str]:
    found = find_next(Task.objects.filter(workstream__repo=checkout.repo), MAX_LISTED + 1)
    return _listed("Next:", [f"{task.key} ({task.priority}) {task.title}" for task in found])


def _findings(checkout: Checkout) -> list[str]:
    rows = Finding.objects.open().filter(checkout=checkout).order_by("-first_seen", "-id")
    found = [f"{finding.code} {finding.severity} {finding.message}" for finding in rows[: MAX_LISTED + 1]]
    return _listed("Open:", found)


def _listed(label: str, items: list[str]) -> list[str]:
    """Return a line for each of the first *items*; the last one says if there are more."""
    lines = [f"{label} {item}" for item in items[:MAX_LISTED]]
    if len(items) > MAX_LISTED:
        lines[-1] = f"{_cut(lines[-1], MAX_LENGTH - len(_MORE))}{_MORE}"
    return lines


_MORE = " (and more)"


def _cut(line: str, length: int = MAX_LENGTH) -> str:
    return line if len(line) <= length else f"{line[: length - 1]}…"
