"""The base of all exceptions that State Hub raises. Imports nothing, so that every layer may derive from it."""

from __future__ import annotations


class StateHubError(Exception):
    """The base of State Hub's own errors; the text is one sentence for people."""
