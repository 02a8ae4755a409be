"""The hub that is called: its rows, a token, the server; and afterwards whether every report was recorded."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testing.server import PRODUCTION, serving


@dataclass(frozen=True)
class Filled:
    """Contents of the filled hub: a token's secret, and the tasks' UUIDs."""

    secret: str
    tasks: tuple[str, ...]


def environment(url: str, folder: Path) -> dict[str, str]:
    """Return the settings of the hub at *url*, as in production; they are set for this process and its children."""
    settings = {
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "statehub.settings",
        "STATEHUB_ENV_FILE": os.devnull,
        "STATEHUB_VAR": str(folder),
        **PRODUCTION,
    }
    (folder / "static").mkdir(parents=True, exist_ok=True)
    os.environ.update(settings)
    return {**os.environ}


def fill(repos: int, workstreams: int, tasks: int) -> Filled:
    """Migrate, then fill each repo with *workstreams* and each workstream with *tasks*."""
    from django.core.management import call_command
    from django.db import connection

    from statehub.models import Repo, Task, Workstream
    from web.api.tokens import create

    call_command("migrate", verbosity=0)
    made = Repo.objects.bulk_create(Repo(slug=f"repo-{number:03}") for number in range(repos))
    homes = Workstream.objects.bulk_create(
        Workstream(repo=repo, key=f"WP-{number:04}", title="Work", status="active", path=f"workplans/{number}.md")
        for repo in made
        for number in range(workstreams)
    )
    rows = Task.objects.bulk_create(
        Task(
            workstream=home,
            key=f"{home.repo.slug}-{home.key}-T{number:02}",
            title="Something to do",
            status="in_progress",
        )
        for home in homes
        for number in range(tasks)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as the server would have done within a minute
    return Filled(create("bench")[1], tuple(str(row.pk) for row in rows))


def lost_updates(moved: int) -> list[str]:
    """List the mismatches after *moved* reports that were answered 200 and were a move; empty if all adds up."""
    from django.db.models import Sum

    from statehub.models import StatusChange, Task, Workstream

    said = []
    if (recorded := StatusChange.objects.count()) != moved:
        said.append(f"{moved} moves were answered, {recorded} are recorded")
    counted = Workstream.objects.aggregate(sum=Sum("version"))["sum"] - Workstream.objects.count()
    if counted != moved:
        said.append(f"{moved} moves were answered, the workstreams' versions count {counted}")
    statuses = dict(Task.objects.values_list("pk", "status"))
    rows = StatusChange.objects.order_by("task", "pk").values_list("task", "old", "new")
    for task, moves in itertools.groupby(rows, key=lambda row: row[0]):
        steps = [(old, new) for _, old, new in moves]
        chained = all(before[1] == after[0] for before, after in itertools.pairwise(steps))
        if not chained or steps[0][0] != "in_progress" or steps[-1][1] != statuses[task]:
            said.append(f"the moves of task {task} do not follow from each other")
    return said


@contextmanager
def served(settings: dict[str, str], folder: Path, workers: int, threads: int) -> Iterator[int]:
    """Run gunicorn on a port of 127.0.0.1 and yield the port. Raises RuntimeError with its last output."""
    with serving(settings, folder, workers=workers, threads=threads, keep_alive=30) as server:
        yield server.port
