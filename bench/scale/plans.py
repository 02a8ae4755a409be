"""The plan that PostgreSQL chose for a query, in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SQL_SHOWN = 160
"""Characters of a query that are shown."""

_COLUMNS = re.compile(r"^SELECT .*? FROM ", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Plan:
    """A query, the milliseconds that it took alone, and how it read its tables."""

    sql: str
    milliseconds: float
    scans: tuple[str, ...]

    def __str__(self) -> str:
        columns, sql = _COLUMNS.match(self.sql), self.sql
        if columns and len(columns[0]) > SQL_SHOWN // 2:
            sql = sql.replace(columns[0], "SELECT … FROM ", 1)
        shown = sql if len(sql) <= SQL_SHOWN else f"{sql[:SQL_SHOWN]}…"
        return f"{self.milliseconds:.0f} ms: {', '.join(self.scans)}: {shown}"


def explain(sql: str) -> Plan:
    """Run *sql*, a SELECT with all its values, and return its plan."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}")
        (answer,) = cursor.fetchone()
    (found,) = json.loads(answer) if isinstance(answer, str) else answer
    return Plan(sql, found["Planning Time"] + found["Execution Time"], tuple(dict.fromkeys(_scans(found["Plan"]))))


def _scans(node: Mapping[str, Any]) -> Iterator[str]:
    """Yield the scans below *node*: kind, table, index."""
    kind = node["Node Type"]
    if "Scan" in kind and (source := node.get("Index Name") or node.get("Relation Name")):
        yield f"{kind} {'of' if 'Index Name' not in node else 'by'} {source}"
    for child in node.get("Plans", ()):
        yield from _scans(child)
