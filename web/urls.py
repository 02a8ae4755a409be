"""The URLs of the hub."""

from django.contrib import admin
from django.http import Http404
from django.urls import include, path, re_path
from django.views.defaults import page_not_found
from django.views.generic import RedirectView

from web.admin.fleet import fleet_view
from web.admin.receivers import receivers_view
from web.hooks.views import deliver

handler500 = "web.middleware.unavailable.server_error"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    # No row has a page outside of the admin. Django's view says so too, but it fails for a key that is not a UUID.
    re_path(r"^admin/r/", admin.site.admin_view(page_not_found), {"exception": Http404()}),
    path("admin/fleet/", admin.site.admin_view(fleet_view), name="fleet"),
    path("admin/notifications/", admin.site.admin_view(receivers_view), name="receivers"),
    path("admin/", include("web.board.urls")),
    path("admin/", admin.site.urls),
    path("hooks/<str:name>", deliver),
    path("", include("web.api.urls")),
    path("", include("web.mcp.urls")),
]
