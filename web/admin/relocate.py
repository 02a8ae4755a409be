"""*Move*: the form that says at which place a checkout is now, and the action for a host that has another name."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect

from consistency.cli.registration import RegistrationError, move
from consistency.git.process import GitError
from consistency.git.worktree import NotAWorkTreeError
from statehub.models import Checkout
from statehub.text import escape_control
from web.admin import formatting
from web.admin.components import PlaceForm
from web.admin.readonly import ReadOnlyAdmin
from web.admin.retire_actions import PERMISSION, Change, record

MOVE_ERRORS = (RegistrationError, NotAWorkTreeError, GitError, OSError)
"""Why a checkout does not move."""

MOVE = Change(
    action="move_chosen",
    title="Move checkouts to another host",
    help="For a machine that was renamed: paths and history stay. The next run on that host checks them.",
    button="Move",
    nothing="Nothing to do: these checkouts are retired.",
    done="moved",
    asks_host=True,
)


class NewPlaceForm(forms.Form):
    """Where the checkout is now; the registry says what is wrong with it."""

    host = forms.CharField(label="Host", widget=forms.TextInput({"autocomplete": "off"}))
    path = forms.CharField(label="Full path, without links", widget=forms.TextInput({"autocomplete": "off"}))


def mover(model_admin: ReadOnlyAdmin) -> Callable[[HttpRequest, int], HttpResponse]:
    """The view with the form, which moves the checkout once it is sent."""

    def view(request: HttpRequest, pk: int) -> HttpResponse:
        if request.method not in {"GET", "HEAD", "POST"}:
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        checkout = get_object_or_404(Checkout.objects.select_related("repo"), pk=pk)
        place = {"host": checkout.host, "path": checkout.path}
        form = NewPlaceForm(request.POST if request.method == "POST" else None, initial=place)
        if form.is_valid() and _moved(request, checkout, form):
            return redirect(formatting.url("statehub_checkout", pk))
        here = settings.STATEHUB_HOST
        help = escape_control(
            f"Its history is kept. On '{here}' a clone of its repo must be there now. What is on another host only "
            "the next run there can tell: it writes nothing if it does not find a clone of the repo at that path."
        )
        title = f"Move '{checkout.repo.slug}' on {checkout.host}"
        section = PlaceForm("New location", form, formatting.url("statehub_checkout", pk), help)
        return model_admin.plain_page(
            request, [section], {"title": escape_control(title), "heading": escape_control(title)}
        )

    return view


def move_to_host(request: HttpRequest, checkouts: Iterable[Checkout]) -> list[Checkout]:
    """Move *checkouts* to the host that was posted, each with its path; returns those that have moved."""
    done = []
    for checkout in checkouts:
        try:
            _move(request, checkout, request.POST.get("host", ""), checkout.path)
            done.append(checkout)
        except MOVE_ERRORS as error:
            messages.error(request, escape_control(f"'{checkout.repo.slug}' stays on {checkout.host}: {error}"))
    return done


def _moved(request: HttpRequest, checkout: Checkout, form: NewPlaceForm) -> bool:
    """Move the checkout to the place in *form*; whether that went well, else the form says why not."""
    try:
        said = _move(request, checkout, form.cleaned_data["host"], form.cleaned_data["path"])
    except MOVE_ERRORS as error:
        form.add_error(None, escape_control(str(error)))
        return False
    if checkout.host != settings.STATEHUB_HOST:
        said += f"; the next run on {checkout.host} checks it"
    messages.success(request, escape_control(said))
    return True


def _move(request: HttpRequest, checkout: Checkout, host: str, path: str) -> str:
    """Move the checkout and keep it in the admin's log; returns what is to be said. Raises MOVE_ERRORS."""
    said = move(checkout, host, path, settings.STATEHUB_HOST)
    checkout.refresh_from_db()
    record(request, [checkout], f"Moved: {said}.")
    return said
