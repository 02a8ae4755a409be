"""Fills a migrated PostgreSQL database with a large hub, by bulk SQL."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from django.apps import apps
from django.db import connection
from django.db.backends.utils import CursorWrapper

from bench.scale.size import Size
from consistency.core.codes import CODES

SEARCH_INDEXES = Path(__file__).parents[2] / "deploy" / "search-indexes.sql"
WORDS = ("rewrite", "no-regress", "gateway", "metrics", "billing", "import", "docs", "login", "cache", "audit")


def fill(size: Size, *, origins: str = "git.example.org/team", checkouts: str = "/srv/checkouts") -> None:
    """Insert it all, and leave the statistics as autovacuum would have gathered them within minutes.

    The origin of repo N is `origins/N`; the first host has its clone in `checkouts/N`.
    """
    values = {
        **asdict(size),
        "origins": origins,
        "checkouts": checkouts,
        "words": list(WORDS),
        "codes": list(CODES),
        "severities": [str(code.severity) for code in CODES.values()],
    }
    statements = Path(__file__).with_name("fill.sql").read_text().split(";\n\n")
    with connection.cursor() as cursor:
        # VACUUM takes a row for visible to all only when its commit is on the disk; until then the planner avoids
        # scans of an index alone.
        cursor.execute("SET synchronous_commit = on")
        _set_defaults(cursor)
        for statement in statements:
            cursor.execute(statement, values)
        cursor.execute("VACUUM ANALYZE")


def index_search() -> None:
    """Create the indexes that docs/operations.md recommends for a large hub."""
    statements = SEARCH_INDEXES.read_text().split(";\n\n")
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _set_defaults(cursor: CursorWrapper) -> None:
    """Give columns that fill.sql does not name their model's default: Django itself gives the database none."""
    for model in (*apps.get_app_config("statehub").get_models(), *apps.get_app_config("consistency").get_models()):
        for field in model._meta.concrete_fields:
            if field.has_default() and not field.primary_key:
                value = field.get_db_prep_save(field.get_default(), connection)
                table, column = (connection.ops.quote_name(name) for name in (model._meta.db_table, str(field.column)))
                cursor.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT %s", [value])
