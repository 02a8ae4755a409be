"""*Move*: the form for the new host and path of one checkout, and the action for a host that was renamed."""

from __future__ import annotations

from collections.abc import Iterable

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods

from consistency.cli.moving import move
from consistency.cli.selection import RegistrationError
from consistency.git.process import GitError
from consistency.git.worktree import NotAWorkTreeError
from statehub.models import Checkout
from statehub.text import escape_control
from web.admin import formatting
from web.admin.checkout_changes import PERMISSION, Change, log_change
from web.admin.components import InputForm
from web.admin.readonly import ReadOnlyAdmin

MOVE_ERRORS = (RegistrationError, NotAWorkTreeError, GitError, OSError)

MOVE = Change(
    action="move_chosen",
    title="Move checkouts to another host",
    help="For a machine that was renamed: paths and history stay. The next run on that host checks them.",
    button="Move",
    nothing="Nothing to do: these checkouts are retired.",
    done="moved",
    asks_host=True,
)


class NewLocationForm(forms.Form):
    """Ask for the new location of a checkout, which `registration.move` validates."""

    host = forms.CharField(label="Host", widget=forms.TextInput({"autocomplete": "off"}))
    path = forms.CharField(label="Full path, without links", widget=forms.TextInput({"autocomplete": "off"}))


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(PERMISSION, raise_exception=True)
def move_view(request: HttpRequest, pk: int, *, model_admin: ReadOnlyAdmin) -> HttpResponse:
    """Show the form for a new location, or move the checkout there."""
    checkout = get_object_or_404(Checkout.objects.select_related("repo"), pk=pk)
    location = {"host": checkout.host, "path": checkout.path}
    form = NewLocationForm(request.POST if request.method == "POST" else None, initial=location)
    if form.is_valid() and _move_by_form(request, checkout, form):
        return redirect(formatting.url("statehub_checkout", pk))
    help = escape_control(
        f"Its history is kept. On '{settings.STATEHUB_HOST}', the new path must be a clone of its repo. On any "
        "other host, the next run there checks this; it writes nothing if the path is not a clone of its repo."
    )
    title = escape_control(f"Move '{checkout.repo.slug}' on {checkout.host}")
    section = InputForm("New location", form, "Move", help, formatting.url("statehub_checkout", pk))
    return model_admin.plain_page(request, [section], {"title": title, "heading": title})


def move_to_host(request: HttpRequest, checkouts: Iterable[Checkout]) -> list[Checkout]:
    """Move *checkouts* to the host that the user entered, each with its path; return those that have moved."""
    moved = []
    for checkout in checkouts:
        try:
            _move(request, checkout, request.POST.get("host", ""), checkout.path)
            moved.append(checkout)
        except MOVE_ERRORS as error:
            messages.error(request, escape_control(f"'{checkout.repo.slug}' stays on {checkout.host}: {error}"))
    return moved


def _move_by_form(request: HttpRequest, checkout: Checkout, form: NewLocationForm) -> bool:
    """Move the checkout to the location in *form*; return False, with the error in *form*, if that failed."""
    try:
        result = _move(request, checkout, form.cleaned_data["host"], form.cleaned_data["path"])
    except MOVE_ERRORS as error:
        form.add_error(None, escape_control(str(error)))
        return False
    if checkout.host != settings.STATEHUB_HOST:
        result += f"; the next run on {checkout.host} checks it"
    messages.success(request, escape_control(result))
    return True


def _move(request: HttpRequest, checkout: Checkout, host: str, path: str) -> str:
    """Move and log the checkout; return a sentence about it. Raises MOVE_ERRORS."""
    result = move(checkout, host, path, settings.STATEHUB_HOST)
    checkout.refresh_from_db()
    log_change(request, [checkout], f"Moved: {result}.")
    return result
