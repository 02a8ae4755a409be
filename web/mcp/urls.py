"""Routes of the MCP endpoint."""

from __future__ import annotations

from django.urls import re_path

from web.mcp.view import mcp, no_oauth

urlpatterns = [
    re_path(r"^mcp/?$", mcp),  # A client that is redirected would lose its message.
    re_path(r"^(?:mcp/)?\.well-known/(?:oauth-|openid-)", no_oauth),
]
