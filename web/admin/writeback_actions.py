"""*Change*: the form for how a repo's files get the hub's statuses, and on which forge it is."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods

from consistency.db.queue import queue_repos
from statehub.models import Forge, Repo, Writeback
from statehub.text import escape_control
from web.admin import formatting
from web.admin.checkout_changes import PERMISSION
from web.admin.components import InputForm
from web.admin.readonly import ReadOnlyAdmin

DEFAULT_WRITEBACK = "as each checkout does it"
DEFAULT_FORGE = "as its address says"

HELP = (
    "Push: the hub's own clone commits statuses on the repo's branch and pushes them. Propose: for a protected branch; "
    "they wait on a branch of their own until a person merges it, and clones of people write nothing. Off: no file is "
    "written. By default the hub's own clones push, and clones of people do what their machine's settings say."
)


class WritebackForm(forms.Form):
    """Ask for a repo's writeback and its forge."""

    writeback = forms.ChoiceField(
        label="Writeback", required=False, choices=[("", DEFAULT_WRITEBACK), *Writeback.choices]
    )
    forge = forms.ChoiceField(label="Forge", required=False, choices=[("", DEFAULT_FORGE), *Forge.choices])


def writeback_label(repo: Repo) -> str:
    """Return how the files of *repo* get the hub's statuses."""
    return Writeback(repo.writeback).label if repo.writeback else DEFAULT_WRITEBACK


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(PERMISSION, raise_exception=True)
def writeback_view(request: HttpRequest, pk: int, *, model_admin: ReadOnlyAdmin) -> HttpResponse:
    """Show the form, or change the repo."""
    repo = get_object_or_404(Repo, pk=pk)
    given = {"writeback": repo.writeback, "forge": repo.forge}
    form = WritebackForm(request.POST if request.method == "POST" else None, initial=given)
    if form.is_valid():
        _change(request, repo, form.cleaned_data["writeback"], form.cleaned_data["forge"])
        return redirect(formatting.url("statehub_repo", pk))
    title = escape_control(f"Writeback of '{repo.slug}'")
    section = InputForm("Writeback", form, "Change", HELP, formatting.url("statehub_repo", pk))
    return model_admin.plain_page(request, [section], {"title": title, "heading": title})


@transaction.atomic
def _change(request: HttpRequest, repo: Repo, writeback: str, forge: str) -> None:
    """Change and log the repo, and let workers run it."""
    if (repo.writeback, repo.forge) == (writeback, forge):
        messages.info(request, "Nothing has changed.")
        return
    repo.writeback, repo.forge = writeback, forge
    repo.save(update_fields=("writeback", "forge"))
    result = f"Writeback: {writeback_label(repo)}; forge: {Forge(forge).label if forge else DEFAULT_FORGE}."
    user: Any = request.user.pk
    LogEntry.objects.log_actions(user, [repo], CHANGE, change_message=result)
    queue_repos(repos=[repo.pk], trigger="admin")
    messages.success(request, result)
