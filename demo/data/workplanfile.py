"""A workplan's first text, in the handwriting of whoever wrote it: quotes, comments and fences differ."""

from __future__ import annotations

from datetime import datetime
from random import Random

from demo.data.catalog import Plan, Team

_STATUS_LINES = ("status: todo",) * 5 + ('status: "todo"', "status: todo   # see the minutes of the kick-off")
_FENCES = ("```", "```", "~~~")
_PRIORITIES = ("low", "medium", "medium", "medium", "high", "high", "critical")


def first_text(team: Team, plan: Plan, created: datetime, rng: Random) -> bytes:
    """Return the file as it is committed first: all tasks still to do."""
    front = [
        "---",
        f"id: {plan.key}",
        "type: workplan",
        f'title: "{plan.title.replace(chr(34), chr(39))}"',
        "status: active",
        f"owner: {team.owner}",
        f"repo: {team.slug}",
        f"created: {created:%Y-%m-%d}",
        "---",
    ]
    opening = f"\n# {plan.title}\n\n{team.lead.name} leads; the tasks are in the order in which we mean to do them.\n"
    fence = rng.choice(_FENCES)
    owners = (team.lead.login, team.owner, "", "")
    tasks = [plan.task(number) for number in range(len(plan.tasks))]
    befores = [rng.choice((task, "", "")) for task in ("", *tasks[:-1])]
    sections = (
        section(task, title, fence, rng, owner=rng.choice(owners), before=before)
        for task, title, before in zip(tasks, plan.tasks, befores, strict=True)
    )
    return ("\n".join(front) + "\n" + opening + "".join(sections)).encode()


def section(task: str, title: str, fence: str, rng: Random, *, owner: str, before: str) -> str:
    """Return a heading and a task block that is still to do; *before* is the task that it depends on, or ''."""
    lines = [f"id: {task}", rng.choice(_STATUS_LINES), f"priority: {rng.choice(_PRIORITIES)}"]
    lines += [f"owner: {owner}"] if owner else []
    lines += [f"depends: [{before}]"] if before else []
    return "\n".join(["", f"### {task.rpartition('-')[2]} — {title}", "", f"{fence}task", *lines, fence, ""])
