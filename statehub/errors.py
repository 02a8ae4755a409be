"""The base of all exceptions that State Hub raises. Imports nothing, so that every layer may derive from it."""

from __future__ import annotations


class StateHubError(Exception):
    """What State Hub itself raises; the text is one sentence for people."""
