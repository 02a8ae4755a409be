"""Fills a migrated PostgreSQL database with a large hub, by bulk SQL: what the admin is measured on."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from django.db import connection

from bench.admin.size import Size
from consistency.core.codes import CODES

WORDS = ("rewrite", "no-regress", "gateway", "metrics", "billing", "import", "docs", "login", "cache", "audit")


def fill(size: Size) -> None:
    """Insert it all, and leave the statistics as autovacuum would have gathered them within minutes."""
    values = {
        **asdict(size),
        "words": list(WORDS),
        "codes": list(CODES),
        "severities": [str(code.severity) for code in CODES.values()],
    }
    statements = Path(__file__).with_name("fill.sql").read_text().split(";\n\n")
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, values)
        cursor.execute("VACUUM ANALYZE")
