"""*Check now* and *fix now*: start the command in a process of its own; a page waits for its run."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_POST

from consistency.models import Mode
from statehub.models import Checkout
from statehub.text import describe_os_error, escape_control
from web.admin import background_runs, formatting
from web.admin.readonly import ReadOnlyAdmin

PERMISSION = "statehub.run_checkout"
RETIRED = "This checkout is retired; register_repo PATH on its host brings it back."


@require_POST
@permission_required(PERMISSION, raise_exception=True)
def start(request: HttpRequest, pk: int) -> HttpResponse:
    """Start a run and send the browser to the page that waits for it."""
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


@permission_required(PERMISSION, raise_exception=True)
def wait(request: HttpRequest, pk: int, job: UUID, *, model_admin: ReadOnlyAdmin) -> HttpResponse:
    """Show a page that waits while the run is running and then goes to the run's page."""
    checkout = get_object_or_404(Checkout.objects.select_related("repo"), pk=pk)
    is_part = "part" in request.GET
    result = background_runs.result(job)
    if result is not None and result.run:
        address = formatting.url("consistency_run", result.run)
        # htmx loads this address as a whole page; the target of a plain redirect would be put inside the part.
        return HttpResponse(headers={"HX-Redirect": address}) if is_part else redirect(address)
    context = {
        "heading": escape_control(f"A run of {checkout.repo.slug} on {checkout.host}"),
        "ended": result is not None,
        "lines": [escape_control(line) for line in result.output.splitlines()] if result else [],
        "poll": f"{request.path}?part=1",
        "back": formatting.url("statehub_checkout", pk),
    }
    if is_part:
        return TemplateResponse(request, "web/admin/job_part.html", context)
    return model_admin.render(request, "web/admin/job.html", {"title": str(checkout), **context})
