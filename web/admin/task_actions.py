"""*Advance* and *reopen*: the only changes of a status in the admin, in the user's name."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect

from consistency.db.fileless import find_tasks_without_file
from statehub.models import Source, Task
from statehub.text import escape_control, escape_unstorable
from statehub.transitions import Actor, TransitionError, advance, reopen
from web.admin import formatting

ADVANCE = "statehub.advance_task"
REOPEN = "statehub.reopen_task"


def advance_view(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Advance the task to the status posted."""
    return _move(request, pk, ADVANCE, advance)


def reopen_view(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Move the task back to the status posted, for the reason posted."""
    reason = escape_unstorable(request.POST.get("reason", ""))
    return _move(request, pk, REOPEN, lambda task, status, origin: reopen(task, status, reason, origin))


def _move(request: HttpRequest, pk: UUID, permission: str, move: Callable[[Task, str, Actor], bool]) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not request.user.has_perm(permission):
        raise PermissionDenied
    task, status = get_object_or_404(Task.objects.select_related("workstream"), pk=pk), request.POST.get("status", "")
    origin = Actor(who=request.user.get_username(), source=Source.ADMIN, host=settings.STATEHUB_HOST)
    try:
        moved = move(task, status, origin)
    except TransitionError as error:
        messages.error(request, escape_control(str(error)))
    else:
        words = f"{task.key}: {task.status} → {status}" if moved else f"{task.key} is {status} already"
        messages.success(request, escape_control(words))
        for said in find_tasks_without_file([task]).values():
            messages.warning(request, escape_control(said))
    return redirect(formatting.url("statehub_task", pk))
