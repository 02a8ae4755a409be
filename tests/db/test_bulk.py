"""Rows in one statement, on either database."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from consistency.db.bulk import (
    FEW_ROWS,
    MAX_PARAMETERS,
    bulk_update,
    bulk_upsert,
    insert_row,
    keys_of,
    rows_text,
    update_row,
    values_of,
    values_text,
)
from consistency.models import Run
from statehub.models import Checkout, Repo, StatusChange, Task, Workstream

NOON = datetime(2026, 1, 2, 12, 0, 0, 250_000, tzinfo=UTC)
REPO = ("slug", "workplans", "origin", "branch", "created_at", "exclude", "aliases", "former_origins", "first_commits",
        "remote", "writeback", "forge")  # fmt: skip
RUN = [field.attname for field in Run._meta.concrete_fields]
NOTHING_ELSE: tuple[object, ...] = ("", [], [], [], "", "", "")
WORDS = "a'b\"c\\n\\ %s {} — 規模 \U0001f600 \n\t\x7f"

pytestmark = pytest.mark.django_db


def test_values_come_back_as_they_went_in() -> None:
    bulk_upsert(Repo, REPO, [("net", WORDS, "", "", NOON, *NOTHING_ELSE)])
    home, task = uuid.uuid4(), uuid.uuid4()
    columns = ("id", "repo", "status", "version", "status_changed_at", "key", "path", "title", "owner", "domain",
               "repo_name", "topic_slug", "created", "updated")  # fmt: skip
    repo = Repo.objects.values().get()
    assert (repo["workplans"], repo["created_at"]) == (WORDS, NOON)
    bulk_upsert(Workstream, columns, [(str(home), repo["id"], "active", 2**40, NOON, "WP", "p", WORDS, *[""] * 6)])
    bulk_upsert(Task, ("id", "workstream", "key", "title", "status", "priority", "status_changed_at", "owner",
                       "depends", "position", "taken_by", "taken_at"),
           [(task, home, "T", "", "todo", "low", NOON, "", "", 0, "", None)])  # fmt: skip
    change = ("task", "old", "new", "at", "who", "source", "host", "commit", "authored", "digest", "known_heads",
              "reopen", "reason")  # fmt: skip
    bulk_upsert(StatusChange, change, [(task, "done", "todo", NOON, "", "api", "", "", 2**62, "", [], True, "so")])
    row = Workstream.objects.get()
    assert (row.pk, row.version, row.title, row.status_changed_at) == (home, 2**40, WORDS, NOON)
    assert (Task.objects.get().pk, StatusChange.objects.get().reopen) == (task, True)


def test_any_number_of_values_are_few_statements() -> None:
    expected = -(-25_000 * len(REPO) // MAX_PARAMETERS) if connection.vendor == "sqlite" else 1
    with CaptureQueriesContext(connection) as queries:
        bulk_upsert(Repo, REPO, ((f"r{number}", "w", "o", "b", NOON, *NOTHING_ELSE) for number in range(25_000)))
    assert (len(queries), Repo.objects.count()) == (expected, 25_000)


def test_values_that_all_rows_share_are_given_once() -> None:
    home, task = uuid.uuid4(), uuid.uuid4()
    Repo.objects.create(slug="net")
    Workstream.objects.create(id=home, repo=Repo.objects.get(), key="W", title="W", status="active")
    rows = [(task, "T1", WORDS, 3), (str(uuid.uuid4()), "T2", "Two", 4)]
    same = {
        "workstream": str(home), "status": "todo", "priority": "low", "status_changed_at": NOON, "owner": WORDS,
        "depends": "", "taken_by": "", "taken_at": None,
    }  # fmt: skip
    bulk_upsert(Task, ("id", "key", "title", "position"), rows, same=same)
    first, second = Task.objects.order_by("key")
    assert (first.pk, first.title, first.position, second.key) == (task, WORDS, 3, "T2")
    shared = {(t.workstream_id, t.status, t.status_changed_at, t.owner, t.taken_at) for t in (first, second)}
    assert shared == {(home, "todo", NOON, WORDS, None)}


def test_rows_of_a_first_import_are_in_small_statements() -> None:
    with CaptureQueriesContext(connection) as queries:
        rows = ((f"r{number}", "w", "o", "b", NOON, *NOTHING_ELSE) for number in range(2 * FEW_ROWS + 1))
        bulk_upsert(Repo, REPO, rows, most=FEW_ROWS)
    assert (len(queries), Repo.objects.count()) == (3, 4_001)
    assert max(len(query["sql"]) for query in queries.captured_queries) < 200_000


def test_no_rows_are_no_statement() -> None:
    with CaptureQueriesContext(connection) as queries:
        bulk_upsert(Repo, REPO, [])
    assert len(queries) == 0


def test_row_that_is_there_takes_only_what_is_updated() -> None:
    Repo.objects.create(slug="net", workplans="old", origin="old")
    rows = [(slug, "new", "new", "new", NOON, *NOTHING_ELSE) for slug in ("net", "other")]
    bulk_upsert(Repo, REPO, rows, conflict=("slug",), update=("workplans",))
    assert list(Repo.objects.values_list("slug", "workplans", "origin")) == [
        ("net", "new", "old"), ("other", "new", "new"),
    ]  # fmt: skip


def test_row_that_is_there_is_an_error_otherwise() -> None:
    Repo.objects.create(slug="net")
    with pytest.raises(IntegrityError), transaction.atomic():
        bulk_upsert(Repo, REPO, [(slug, "", "", "", NOON, *NOTHING_ELSE) for slug in ("other", "net")])
    assert Repo.objects.count() == 1


def test_value_that_no_column_takes() -> None:
    with pytest.raises((TypeError, DatabaseError), match=r"no column takes|type 'object' is not supported"):
        bulk_upsert(Repo, REPO, [("net", object(), "", "", NOON, *NOTHING_ELSE)])


def test_row_is_inserted_and_updated_as_by_django() -> None:
    repo = Repo.objects.create(slug="net")
    checkout = Checkout.objects.create(repo=repo, host="h", path="/net")
    run = Run(checkout=checkout, mode="fix", user=WORDS, counts={"C-13": 2}, ahead=None, started_at=NOON)
    insert_row(run)
    assert (stored := Run.objects.get()).counts == {"C-13": 2}
    assert [getattr(stored, name) for name in RUN] == [getattr(run, name) for name in RUN]
    run.counts, run.seconds, run.ahead, run.finished_at, run.converged = {WORDS: [1]}, {"look": 0.25}, 3, NOON, True
    run.user = "not among the names"
    names = ("counts", "seconds", "ahead", "finished_at", "converged")
    assert update_row(Run, run.pk, {name: getattr(run, name) for name in names}) is True
    run.user = WORDS
    stored = Run.objects.get()
    assert [getattr(stored, name) for name in RUN] == [getattr(run, name) for name in RUN]
    stored.delete()
    assert update_row(Run, run.pk, {"ahead": 1}) is False


def test_rows_are_found_by_any_number_of_values() -> None:
    homes = [uuid.uuid4(), uuid.uuid4()]
    Repo.objects.create(slug="net")
    for number, home in enumerate(homes):
        Workstream.objects.create(id=home, repo=Repo.objects.get(), key=f"W{number}", title="W", status="active")
        for key in ("A", WORDS):
            Task.objects.create(workstream_id=home, key=key, title=f"{number} {key}", status="todo")
    wanted = [(str(homes[0]), WORDS), (homes[1], "A"), (str(homes[1]), "none")]
    with CaptureQueriesContext(connection) as queries:
        found = Task.objects.filter(pk__in=keys_of(Task, ("workstream", "key"), rows_text(wanted)))
        assert sorted(found.values_list("title", flat=True)) == [f"0 {WORDS}", "1 A"]
        found = Task.objects.filter(
            workstream__in=values_of(Task, "workstream", values_text([homes[0], str(uuid.uuid4())]))
        )
        assert sorted(found.values_list("title", flat=True)) == ["0 A", f"0 {WORDS}"]
    assert len(queries) == 2
    assert not Task.objects.filter(pk__in=keys_of(Task, ("workstream", "key"), rows_text([]))).exists()


def test_column_of_rows_that_exist_and_differ_changes() -> None:
    for slug, branch in (("a", "x"), ("b", "y"), ("c", "x")):
        Repo.objects.create(slug=slug, origin=f"o/{slug}", branch=branch)
    bulk_update(Repo, ("slug", "origin"), "branch", [("a", "o/a", "z"), ("b", "o/other", "z"), ("new", "o/n", "z")])
    bulk_update(Repo, ("slug",), "branch", [])
    assert list(Repo.objects.values_list("slug", "branch")) == [("a", "z"), ("b", "y"), ("c", "x")]


def test_postgresql_looks_few_rows_up_by_an_index() -> None:
    """It does not take a list for longer than it is, and so reads all of a table."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite begins with the list")
    home = Workstream.objects.create(repo=Repo.objects.create(slug="net"), key="W", title="W", status="active")
    names = (f"T{number}" for number in range(3_000))
    Task.objects.bulk_create(Task(workstream=home, key=name, title="T", status="todo") for name in names)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE statehub_task")
    wanted = keys_of(Task, ("workstream", "key"), rows_text([(home.pk, "T7")]))
    for chosen in (wanted, values_of(Task, "id", values_text([uuid.uuid4()]))):
        assert "Seq Scan" not in Task.objects.filter(pk__in=chosen).order_by().explain()
