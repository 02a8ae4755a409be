"""Routes of the API and of the endpoints for monitoring."""

from __future__ import annotations

from django.http import Http404
from django.urls import path, re_path
from django.views.defaults import page_not_found
from django.views.generic import RedirectView

from web.api.app import api
from web.api.problems import kinds
from web.health import healthz, readyz
from web.metrics import metrics

urlpatterns = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    path("api/problems/", kinds),
    re_path(r"^api/?$", RedirectView.as_view(pattern_name="api:openapi-view")),
    path("api/", api.urls),
    # Last: for an unknown path Django would redirect a PATCH to the path with a slash or, with DEBUG, raise an error.
    re_path(r"^api/", page_not_found, {"exception": Http404()}),
]
