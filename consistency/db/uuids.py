"""UUIDs as the text that files have: a run compares tens of thousands, and needs an object for none of them."""

from __future__ import annotations

from django.db.models import TextField
from django.db.models.functions import Cast


def uuid_text(column: str) -> Cast:
    """Select the UUID in *column* as the database has it: with dashes (PostgreSQL) or without them (SQLite)."""
    return Cast(column, TextField())


def with_dashes(text: str) -> str:
    """Return *text*, which `uuid_text` selected, as files have it: `8-4-4-4-12` digits."""
    if len(text) != 32:
        return text
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
