"""The rival: the script that a good engineer would write instead of State Hub, in an afternoon.

    rival.py (create | import | check | fix) CHECKOUT

It keeps the task blocks of plain workplans and two tables consistent: the side whose status has the higher rank is
ahead. Django's ORM with bulk queries, one regular expression for each thing, git by subprocess. It has no history, no
ledger of what both sides agreed on, no CommonMark, no findings, no lock, no push, and trusts every file. The database
is that of DATABASE_URL. It prints what it counted, as JSON.

    create   create the tables
    import   put every workplan and task of the files into the database
    check    fetch, and compare every task
    fix      the same, and update the rows if the file is ahead, rewrite and commit the files if the row is
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.conf import settings

RANKS = {"todo": 0, "in_progress": 1, "blocked": 1, "done": 2, "cancelled": 2}
FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
TASK = re.compile(r"^```task\nid: (\S+)\nstatus: (\S+)\npriority: (\S+)\n```$", re.MULTILINE)
BATCH_ROWS = 500


def configure(url: str) -> None:
    """Set Django up for this database, without an app."""
    import django

    settings.configure(DATABASES={"default": _database(url)}, INSTALLED_APPS=[], USE_TZ=True)
    django.setup()


def _database(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": parts.path[1:]}
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path[1:],
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", unquote(parts.hostname or "")),
        "PORT": options.pop("port", parts.port or ""),
        "OPTIONS": options,
    }


def define_models() -> tuple[Any, Any]:
    """Return the classes of the two tables; Django must be set up."""
    from django.db import models

    class Workplan(models.Model):  # noqa: DJ008 - shown nowhere
        key = models.CharField(max_length=100, unique=True)
        path = models.CharField(max_length=500)
        title = models.CharField(max_length=200)
        status = models.CharField(max_length=20)

        class Meta:
            app_label = "rival"

    class Task(models.Model):  # noqa: DJ008 - shown nowhere
        key = models.CharField(max_length=100, unique=True)
        workplan = models.ForeignKey(Workplan, on_delete=models.CASCADE)
        status = models.CharField(max_length=20)
        priority = models.CharField(max_length=20)

        class Meta:
            app_label = "rival"

    return Workplan, Task


def create_tables(models: tuple[Any, Any]) -> None:
    """Create both tables in an empty database."""
    from django.db import connection

    with connection.schema_editor() as editor:
        for model in models:
            editor.create_model(model)


def fetch(merge: bool) -> None:
    """Fetch; with `merge`, bring the branch up to date by fast-forward."""
    git("fetch", "--quiet")
    if git("rev-parse", "HEAD") != git("rev-parse", "@{upstream}") and merge:
        git("merge", "--quiet", "--ff-only", "@{upstream}")


def git(*arguments: str) -> str:
    """Run git and return what it printed."""
    return subprocess.run(["git", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def read_files() -> Iterator[tuple[Path, str, dict[str, str]]]:
    """Yield path, text and front matter of every workplan."""
    for path in sorted(Path("workplans").rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        if front := FRONT_MATTER.match(text):
            yield path, text, dict(line.split(": ", 1) for line in front[1].splitlines())


def compare(workplan_model: Any, task_model: Any, command: str) -> dict[str, int]:
    """Compare all tasks; `import` and `fix` then write what is new or ahead. Return what was counted."""
    rows = dict(task_model.objects.values_list("key", "status"))
    plans = dict(workplan_model.objects.values_list("key", "id"))
    seen = hub_ahead = 0
    new_plans, new_tasks = [], []
    advanced: dict[str, str] = {}
    rewritten: dict[Path, str] = {}
    for path, text, front in read_files():
        if front["id"] not in plans:
            title = front["title"].strip('"')
            new_plans.append(workplan_model(key=front["id"], path=path, title=title, status=front["status"]))
        for key, status, priority in TASK.findall(text):
            seen += 1
            old = rows.get(key)
            if old is None:
                new_tasks.append((front["id"], key, status, priority))
            elif RANKS[status] > RANKS[old]:
                advanced[key] = status
            elif RANKS[status] < RANKS[old]:
                hub_ahead += 1
                rewritten[path] = set_status(rewritten.get(path, text), key, old)
    counts = {"seen": seen, "created": len(new_tasks), "file_ahead": len(advanced), "hub_ahead": hub_ahead}
    if command == "check":
        return counts
    workplan_model.objects.bulk_create(new_plans, batch_size=BATCH_ROWS)
    if new_plans:
        plans = dict(workplan_model.objects.values_list("key", "id"))
    tasks = [task_model(key=k, workplan_id=plans[plan], status=s, priority=p) for plan, k, s, p in new_tasks]
    task_model.objects.bulk_create(tasks, batch_size=BATCH_ROWS)
    update(task_model, advanced)
    commit(rewritten)
    return counts


def set_status(text: str, key: str, status: str) -> str:
    """Return the text of a workplan with another status in the block of this task."""
    return re.sub(rf"(^```task\nid: {re.escape(key)}\nstatus: )\S+", rf"\g<1>{status}", text, flags=re.MULTILINE)


def update(task_model: Any, statuses: dict[str, str]) -> None:
    """Write the statuses, given by the keys of their tasks, into the database."""
    keys = list(statuses)
    for start in range(0, len(keys), BATCH_ROWS):
        tasks = list(task_model.objects.filter(key__in=keys[start : start + BATCH_ROWS]))
        for task in tasks:
            task.status = statuses[task.key]
        task_model.objects.bulk_update(tasks, ["status"])


def commit(texts: dict[Path, str]) -> None:
    """Write the files and commit them; no commit if there are none."""
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    if texts:
        git("add", *map(str, texts))
        identity = ("-c", "user.name=Rival", "-c", "user.email=rival@localhost")
        git(*identity, "commit", "--quiet", "--message", f"Update the statuses of {len(texts)} workplans")


def main(command: str, checkout: str) -> None:
    """Do as the command says, in one transaction, and print what was counted."""
    os.chdir(checkout)
    configure(os.environ["DATABASE_URL"])
    from django.db import transaction

    models = define_models()
    if command == "create":
        create_tables(models)
        return
    fetch(merge=command != "check")
    with transaction.atomic():
        counts = compare(*models, command)
    print(json.dumps(counts))


if __name__ == "__main__":
    main(*sys.argv[1:])
