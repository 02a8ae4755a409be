"""The URLs of the hub."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

handler500 = "web.middleware.unavailable.server_error"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("", include("web.api.urls")),
]
