"""Model fields for ids."""

from __future__ import annotations

from typing import Any

from django.db import models

from statehub.ids import normalize_id


class _Normalized(models.Field):  # type: ignore[type-arg]
    """Stores and looks up ids in Unicode NFC, whatever form they come in.

    To the database and to migrations it is Django's own field.
    """

    def get_prep_value(self, value: Any) -> Any:
        """Return the value in NFC; every query and every save calls this."""
        prepared = super().get_prep_value(value)
        return normalize_id(prepared) if isinstance(prepared, str) else prepared

    def deconstruct(self) -> Any:
        """Return the same as Django's own field."""
        name, _path, args, kwargs = super().deconstruct()
        return name, f"django.db.models.{self.get_internal_type()}", args, kwargs


class IdField(_Normalized, models.CharField):  # type: ignore[type-arg]
    """An id."""


class IdTextField(_Normalized, models.TextField):  # type: ignore[type-arg]
    """An id that a file names, of any length."""
