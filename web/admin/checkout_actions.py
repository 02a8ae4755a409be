"""*Check now* and *fix now*: start the command in a process of its own; a page waits for its run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse

from consistency.models import Mode
from statehub.models import Checkout
from statehub.text import describe_os_error, escape_control
from web.admin import background_runs, formatting
from web.admin.readonly import ReadOnlyAdmin

PERMISSION = "statehub.run_checkout"
RETIRED = "This checkout is retired; register_repo PATH on its host brings it back."


def start(request: HttpRequest, pk: int) -> HttpResponse:
    """Start a run and send the browser to the page that waits for it."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    checkout, mode = get_object_or_404(Checkout, pk=pk), request.POST.get("mode")
    if mode not in Mode.values:
        refusal = "Choose check or fix."
    elif checkout.retired_at is not None:
        refusal = RETIRED
    elif checkout.host != settings.STATEHUB_HOST:
        refusal = escape_control(f"This checkout is on '{checkout.host}', not on this machine.")
    else:
        try:
            job = background_runs.start(Mode(mode), checkout.path, request.user.get_username())
            return redirect("admin:statehub_checkout_job", pk=pk, job=job)
        except OSError as error:
            refusal = f"The run could not be started: {describe_os_error(error)}."
    messages.error(request, refusal)
    return redirect(formatting.url("statehub_checkout", pk))


def make_wait_view(model_admin: ReadOnlyAdmin) -> Callable[[HttpRequest, int, UUID], HttpResponse]:
    """Return the view that waits while the run is running and then redirects to its page."""

    def wait(request: HttpRequest, pk: int, job: UUID) -> HttpResponse:
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        checkout = get_object_or_404(Checkout.objects.select_related("repo"), pk=pk)
        part = "part" in request.GET
        result = background_runs.result(job)
        if result is not None and result.run:
            address = formatting.url("consistency_run", result.run)
            # htmx loads this address as a whole page; the target of a plain redirect would be put inside the part.
            return HttpResponse(headers={"HX-Redirect": address}) if part else redirect(address)
        context: dict[str, Any] = {
            "heading": escape_control(f"A run of {checkout.repo.slug} on {checkout.host}"),
            "ended": result is not None,
            "lines": [escape_control(line) for line in result.output.splitlines()] if result else [],
            "poll": f"{request.path}?part=1",
            "back": formatting.url("statehub_checkout", pk),
        }
        if part:
            return TemplateResponse(request, "web/admin/job_part.html", context)
        request.current_app = model_admin.admin_site.name
        context |= model_admin.admin_site.each_context(request)
        context |= {"opts": model_admin.opts, "title": str(checkout)}
        return TemplateResponse(request, "web/admin/job.html", context)

    return wait
