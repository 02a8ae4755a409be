"""move_checkouts: the hub's own clones of a host that is gone go on elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import Settings

from consistency.models import LedgerEntry, Run, Worker
from statehub.models import Checkout, Repo, Source
from statehub.task_lookup import find_task
from statehub.transitions import Actor, advance
from testing.clones import only_clone
from testing.environment import HOST
from testing.repos import Clone, Origin
from tests.cli.helpers import FILE, TEXT, cannot_run, document, fix, publish, rows, run

pytestmark = pytest.mark.usefixtures("hub", "clones")


@pytest.fixture
def person(origin: Origin) -> Clone:
    """Push TEXT to the origin; the hub has a clone of its own, and this person's is registered too."""
    clone = origin.clone("person")
    clone.write(FILE, TEXT)
    publish(clone, "Plan")
    assert run("register_repo", "--remote", str(origin.path)).exit == 0
    assert fix("origin").exit == 0
    assert run("register_repo", clone.path).exit == 0
    return clone


def test_clones_move_with_their_history(person: Clone, clones: Path, settings: Settings) -> None:
    shutil.rmtree(clones)
    before = rows(LedgerEntry, Run)
    own = Checkout.objects.get(managed=True)
    settings.STATEHUB_HOST = "other"
    ended = run("move_checkouts", "--from", HOST)
    assert (ended.exit, ended.stdout, ended.stderr) == (0, f"'origin' has moved from {HOST} to other\n", "")
    assert list(Checkout.objects.order_by("pk").values_list("pk", "host", "managed")) == [
        (own.pk, "other", True),
        (own.pk + 1, HOST, False),
    ]
    assert rows(LedgerEntry, Run) == before
    advance(find_task("WP-1-T01"), "done", Actor("ada", Source.API))
    assert document(fix("origin"))["repos"][0]["converged"] is True
    person.pull()
    assert person.read(FILE).decode() == TEXT.replace("status: todo", "status: done")
    assert only_clone(clones).head == person.head


def test_to_another_host(person: Clone) -> None:
    Checkout.objects.create(repo=Repo.objects.get(), host="other", path="/home/ada/orders")
    ended = run("move_checkouts", "--from", HOST, "--to", "other")
    assert (ended.exit, ended.stdout) == (
        0,
        f"'origin' has moved from {HOST} to other\n"
        "on other: deploy_key SLUG shows a key to paste, if the folder .keys is not copied there\n",
    )
    assert list(Checkout.objects.filter(host="other", managed=True).values_list("repo__slug", flat=True)) == ["origin"]


def test_to_a_host_that_has_only_a_worker(person: Clone) -> None:
    Worker.objects.create(host="other", pid=1, concurrency=4)
    assert run("move_checkouts", "--from", HOST, "--to", "other").exit == 0
    assert Checkout.objects.get(managed=True).host == "other"


def test_to_a_host_that_no_one_knows(person: Clone) -> None:
    """With a typing error in its name, runs wait for a worker for ever."""
    Worker.objects.create(host="third", pid=1, concurrency=4)
    ended = run("move_checkouts", "--from", HOST, "--to", "otehr")
    assert (ended.exit, ended.stdout.splitlines()[0], ended.stderr) == (
        0,
        f"'origin' has moved from {HOST} to otehr",
        f"warning: no checkout and no worker was on host 'otehr' until now (known: {HOST}, third): start run_worker "
        "there, or take the clones back by move_checkouts --from otehr --to HOST\n",
    )
    assert run("move_checkouts", "--from", "otehr", "--to", HOST).exit == 0
    assert Checkout.objects.get(managed=True).host == HOST


def test_new_host_that_is_this_one(person: Clone, settings: Settings) -> None:
    settings.STATEHUB_HOST = "new"
    assert run("move_checkouts", "--from", HOST, "--to", "new").exit == 0
    assert Checkout.objects.get(managed=True).host == "new"


def test_clone_that_is_there_already(person: Clone, origin: Origin, settings: Settings) -> None:
    settings.STATEHUB_HOST = "other"
    assert run("register_repo", "--remote", str(origin.path)).exit == 0
    ended = run("move_checkouts", "--from", HOST)
    assert (ended.exit, ended.stdout) == (
        0,
        f"'origin' has a clone on other already; the one on {HOST} is retired\n",
    )
    active = Checkout.objects.active().filter(managed=True)
    assert list(active.values_list("host", flat=True)) == ["other"]


def test_there_and_back(person: Clone, settings: Settings) -> None:
    own = Checkout.objects.get(managed=True)
    for source, target in ((HOST, "other"), ("other", HOST)):
        settings.STATEHUB_HOST = target
        assert run("move_checkouts", "--from", source).exit == 0
        assert fix("origin").exit == 0
    moved = Checkout.objects.get(managed=True)
    assert (moved.pk, moved.host, moved.path) == (own.pk, HOST, own.path)


def test_place_that_a_retired_one_has(person: Clone, origin: Origin, settings: Settings) -> None:
    """The history of the retired one stays where it is."""
    settings.STATEHUB_HOST = "other"
    assert run("register_repo", "--remote", str(origin.path)).exit == 0
    retired = Checkout.objects.get(managed=True, host="other")
    assert run("retire_checkout", "origin").exit == 0
    assert run("move_checkouts", "--from", HOST).exit == 0
    moved = Checkout.objects.active().get(managed=True)
    assert (moved.host, moved.path) == ("other", f"{retired.path}-2")
    assert fix("origin").exit == 0


def test_waiting_runs_move_too(person: Clone, settings: Settings) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL has a queue")
    from consistency.db.queue import queue_checkouts

    own = Checkout.objects.get(managed=True)
    assert queue_checkouts([own.pk], "poll") == 1
    settings.STATEHUB_HOST = "other"
    assert run("move_checkouts", "--from", HOST).exit == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT queue_name, status FROM procrastinate_jobs")
        assert cursor.fetchall() == [("other", "todo")]


def test_host_without_any() -> None:
    assert run("move_checkouts", "--from", "nowhere") == cannot_run(
        "no clone of the hub's own is on host 'nowhere' (hosts with clones: none)"
    )


def test_to_the_same_host(person: Clone) -> None:
    assert run("move_checkouts", "--from", HOST) == cannot_run(f"the clones of '{HOST}' are there already")
