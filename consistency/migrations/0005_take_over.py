"""Takes over what older versions have recorded: own commits, what each checkout's fixes had taken, what reopens knew."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import migrations

NEW_CODES = ("C-21", "C-22", "C-26")


def take_over(apps: Any, _schema_editor: object) -> None:
    _own_commits(apps)
    _heads(apps)
    _reopens(apps)


def _own_commits(apps: Any) -> None:
    Run = apps.get_model("consistency", "Run")
    Finding = apps.get_model("consistency", "Finding")
    OwnCommit = apps.get_model("consistency", "OwnCommit")
    changes: dict[tuple[int, str], dict[str, list[str]]] = {}
    made: dict[tuple[int, str], datetime] = {}
    runs = Run.objects.exclude(writeback_commit="").order_by("started_at")
    for repo, commit, at in runs.values_list("checkout__repo", "writeback_commit", "started_at"):
        made.setdefault((repo, commit), at)
    written = Finding.objects.filter(resolution="written_back").exclude(commit="").order_by("file", "line")
    columns = ("checkout__repo", "commit", "resolved_at", "file", "workplan", "task", "file_status", "db_status")
    for repo, commit, at, *change in written.values_list(*columns):
        made.setdefault((repo, commit), at)
        changes.setdefault((repo, commit), {})[change[2]] = change
    OwnCommit.objects.bulk_create(
        [
            OwnCommit(
                repo_id=repo, commit=commit, changes=list(changes.get((repo, commit), {}).values()), recorded_at=at
            )
            for (repo, commit), at in made.items()
        ],
        batch_size=1_000,
    )


def _heads(apps: Any) -> None:
    for checkout in apps.get_model("statehub", "Checkout").objects.all():
        newest = _fixes(apps, checkout).order_by("-started_at").first()
        if newest is not None:
            checkout.head, checkout.tip = newest.head, newest.tip
            checkout.save(update_fields=["head", "tip"])


def _reopens(apps: Any) -> None:
    StatusChange = apps.get_model("statehub", "StatusChange")
    Checkout = apps.get_model("statehub", "Checkout")
    reopened = StatusChange.objects.filter(reopen=True).select_related("task__workstream")
    for change in reopened.iterator():
        known = set()
        for checkout in Checkout.objects.filter(repo=change.task.workstream.repo_id):
            newest = _fixes(apps, checkout).filter(started_at__lt=change.at).order_by("-started_at").first()
            known |= {newest.head, newest.tip} - {""} if newest else set()
        StatusChange.objects.filter(pk=change.pk).update(known_heads=sorted(known))


def _fixes(apps: Any, checkout: Any) -> Any:
    runs = apps.get_model("consistency", "Run").objects.filter(checkout=checkout, mode="fix", dry_run=False)
    return runs.filter(outcome="ok").exclude(head="")


def hand_back(apps: Any, _schema_editor: object) -> None:
    """Drop what the older version's constraints refuse."""
    apps.get_model("consistency", "Finding").objects.filter(code__in=NEW_CODES).delete()
    Run = apps.get_model("consistency", "Run")
    Run.objects.filter(ahead=None).update(ahead=0)
    Run.objects.filter(behind=None).update(behind=0)


class Migration(migrations.Migration):
    dependencies = [("consistency", "0004_own_commits")]

    operations = [migrations.RunPython(take_over, hand_back)]
