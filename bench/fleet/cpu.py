"""The CPU time and the memory of processes and all that they started, from /proc."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(process: int) -> float:
    """Return the CPU time of *process*, of its children, and of those that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    own = sum(map(int, fields[11:15])) / _TICKS
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return own + sum(_seconds_of(int(child)) for child in children)


def _seconds_of(process: int) -> float:
    try:
        return cpu_seconds(process)
    except OSError:  # It has ended since.
        return 0.0


def memory_bytes(process: int) -> int:
    """Return the resident memory of *process*."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def server_process() -> int:
    """Return the PostgreSQL server of Django's connection; it must run on this machine."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    return int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])
