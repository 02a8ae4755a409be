"""The moves of a task that a user may make: *advance* and *reopen*, as the task's own page has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse

from statehub.models import Task
from statehub.statuses import TASK_STATUSES, is_regress
from web.admin import task_actions
from web.board.cells import status_name


class Choice(NamedTuple):
    """A status that a move leads to, and its name for people."""

    status: str
    name: str


class Moves(NamedTuple):
    """The statuses that a user may move a task to, and the URLs of the actions; no statuses if they may not."""

    forward: Sequence[Choice]
    back: Sequence[Choice]
    advance_url: str
    reopen_url: str


_FORWARD = {
    old: [Choice(new, status_name(new)) for new in TASK_STATUSES if new != old and not is_regress(old, new)]
    for old in TASK_STATUSES
}
_BACK = {old: [Choice(new, status_name(new)) for new in TASK_STATUSES if is_regress(old, new)] for old in TASK_STATUSES}


def find_moves(task: Task, user: User | AnonymousUser) -> Moves:
    """Return the moves of *task* that *user* may make."""
    forward = _FORWARD[task.status] if user.has_perm(task_actions.ADVANCE) else []
    back = _BACK[task.status] if user.has_perm(task_actions.REOPEN) else []
    return Moves(
        forward,
        back,
        reverse("admin:statehub_task_advance", args=(task.pk,)) if forward else "",
        reverse("admin:statehub_task_reopen", args=(task.pk,)) if back else "",
    )
