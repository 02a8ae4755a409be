"""Columns of the admin's lists: each is defined where its list names it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin

from web.admin import formatting
from web.admin.formatting import Cell


def column(title: str, cell: Callable[[Any], Cell], ordering: str | None = None) -> Callable[[Any], Cell]:
    """Return a column for `list_display` that shows `cell(row)`; users can sort it if *ordering* names a field."""

    @admin.display(description=title, ordering=ordering)
    def show(row: Any) -> Cell:
        return cell(row)

    return show


REPO = column("Repo", lambda row: formatting.link("statehub_repo", row.checkout.repo_id, row.checkout.repo.slug, 30))
"""The repo of a row that has a checkout."""

HOST = column("Host", lambda row: formatting.link("statehub_checkout", row.checkout_id, row.checkout.host, 24))
"""The checkout of a row that has one, by its host."""
