"""Rows that outlived their files: who has Django's delete permission may delete them, after a page that asks."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from web.admin.readonly import ModelAdmin, ReadOnlyAdmin


class DeletableAdmin(ReadOnlyAdmin):
    """A workplan or task that is gone for good is deleted here, by a person; never by a run."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """By Django's permission, which neither group has."""
        return bool(ModelAdmin.has_delete_permission(self, request, obj))
