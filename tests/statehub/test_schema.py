"""Whether the database has the migrations that this version came with: it lacks some, or has more."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test.utils import CaptureQueriesContext

from statehub import schema
from statehub.schema import Schema, known_migrations, read_schema
from testing.manage import Ended
from testing.repos import Clone
from tests.cli.helpers import hub_rows, mirrored, run

NEWER = (
    "the hub's database is newer than this State Hub: it has statehub.0999_tomorrow, which this version does not know; "
    "update State Hub on this machine (nothing was done)"
)


def applied(app: str, name: str) -> None:
    MigrationRecorder(connection).record_applied(app, name)


@pytest.mark.django_db
def test_database_of_this_version_costs_one_query() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert read_schema() == Schema()
    assert len(queries) == 1
    assert Schema().mismatch == ""


def test_migrations_are_known_by_their_files() -> None:
    assert known_migrations() == frozenset(MigrationLoader(None).disk_migrations)


@pytest.mark.django_db
def test_missing_migrations_are_named() -> None:
    rows = MigrationRecorder.Migration.objects.filter(app="consistency")
    rows.filter(name="0002_admin_lists").delete()
    assert read_schema() == Schema(missing=("consistency.0002_admin_lists",))
    assert read_schema().mismatch == (
        "the hub's database is not migrated, it lacks consistency.0002_admin_lists: run manage.py migrate"
    )
    rows.delete()
    names = [name for app, name in sorted(known_migrations()) if app == "consistency"]
    assert read_schema().mismatch == (
        f"the hub's database is not migrated, it lacks consistency.{names[0]}, consistency.{names[1]}, "
        f"consistency.{names[2]} and {len(names) - 3} more: run manage.py migrate"
    )


@pytest.mark.django_db
def test_newer_database_is_told_from_one_that_lacks_something() -> None:
    applied("statehub", "0999_tomorrow")
    assert read_schema() == Schema(unknown=("statehub.0999_tomorrow",))
    assert read_schema().mismatch == NEWER


@pytest.mark.django_db
def test_apps_that_are_not_installed_do_not_count() -> None:
    applied("another", "0001_initial")
    assert read_schema() == Schema()


@pytest.mark.django_db
def test_squashed_migrations_and_those_they_replace_are_as_good(monkeypatch: pytest.MonkeyPatch) -> None:
    new, olds = ("statehub", "0001_squashed"), [("statehub", "0001_initial"), ("statehub", "0002_admin_lists")]
    monkeypatch.setattr(schema, "known_migrations", lambda: known_migrations() | {new})
    monkeypatch.setattr(schema, "_squashes", lambda: {new: set(olds)})
    assert read_schema() == Schema()  # The old ones are applied.
    MigrationRecorder.Migration.objects.filter(app="statehub", name__in=[name for _, name in olds]).delete()
    assert read_schema() == Schema(
        missing=("statehub.0001_initial", "statehub.0001_squashed", "statehub.0002_admin_lists")
    )
    applied(*new)
    assert read_schema() == Schema()  # The new one is.
    monkeypatch.setattr(schema, "known_migrations", lambda: (known_migrations() | {new}) - set(olds))
    applied(*olds[0])
    assert read_schema() == Schema()  # An old one still stands in the table, its file is gone.


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("check_consistency", ["--all"]),
        ("fix_consistency", ["--all"]),
        ("set_task_status", ["WP-1-T01", "done"]),
        ("reopen_task", ["WP-1-T02", "todo", "--reason", "why"]),
        ("stamp_ids", ["clone"]),
        ("prune_history", ["--older-than", "90"]),
        ("register_repo", ["."]),
        ("create_token", ["laptop"]),
    ],
)
def test_older_version_does_nothing_to_a_newer_database(clone: Clone, command: str, arguments: list[str]) -> None:
    mirrored(clone)
    applied("statehub", "0999_tomorrow")
    before, head = hub_rows(), clone.head
    clone.write("workplans/a.md", clone.read("workplans/a.md").replace(b"todo", b"done"))
    assert run(command, *arguments) == Ended(2, "", f"error: {NEWER}\n")
    assert (hub_rows(), clone.head) == (before, head)
