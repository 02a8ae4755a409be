"""*Advance* and *reopen*: the only status changes in the admin, recorded under the user's name."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from consistency.db.fileless import find_tasks_without_file
from statehub.models import Source, Task
from statehub.text import escape_control, escape_unstorable
from statehub.transitions import Actor, TransitionError, advance, reopen
from web.admin import formatting

ADVANCE = "statehub.advance_task"
REOPEN = "statehub.reopen_task"


@require_POST
@permission_required(ADVANCE, raise_exception=True)
def advance_view(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Advance a task to the status in the form."""
    return _change_status(request, pk, advance)


@require_POST
@permission_required(REOPEN, raise_exception=True)
def reopen_view(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Move a task back to the status in the form, for the reason in the form."""
    reason = escape_unstorable(request.POST.get("reason", ""))
    return _change_status(request, pk, lambda task, status, actor: reopen(task, status, reason, actor))


def _change_status(request: HttpRequest, pk: UUID, change: Callable[[Task, str, Actor], bool]) -> HttpResponse:
    task = get_object_or_404(Task.objects.select_related("workstream"), pk=pk)
    status = request.POST.get("status", "")
    actor = Actor(who=request.user.get_username(), source=Source.ADMIN, host=settings.STATEHUB_HOST)
    try:
        changed = change(task, status, actor)
    except TransitionError as error:
        messages.error(request, escape_control(str(error)))
    else:
        result = f"{task.key}: {task.status} → {status}" if changed else f"{task.key} is {status} already"
        messages.success(request, escape_control(result))
        for warning in find_tasks_without_file([task]).values():
            messages.warning(request, escape_control(warning))
    return redirect(_page_to_return_to(request) or formatting.url("statehub_task", pk))


def _page_to_return_to(request: HttpRequest) -> str:
    """Return the page that the form names as `next`, '' without one or if it is not on this server."""
    page = request.POST.get("next", "")
    is_ours = page.startswith("/") and url_has_allowed_host_and_scheme(page, allowed_hosts=None)
    return page if is_ours else ""
