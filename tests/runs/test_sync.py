"""The hub's part of a run: one transaction, and never over reports made since it began."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from consistency.core.actions import AdvanceTask, AdvanceWorkstream
from consistency.core.comparison.gates import NOT_ASKED
from consistency.core.comparison.snapshot import HubTask, ParsedWorkplan
from consistency.core.ledger_codec import load
from consistency.db.rows import VersionConflictError, apply, read_tasks_of
from consistency.git.remote import Fetched
from consistency.git.status import CheckoutStatus, read_status
from consistency.git.worktree import WorkTree, find_worktree
from consistency.models import LedgerEntry
from consistency.runs.sync import ATTEMPTS, HubBusyError, Sync, _apply, compare_checkout, fix_hub
from statehub.models import Checkout, Repo, Source, StatusChange, Task, Workstream
from statehub.task_lookup import find_task
from statehub.transitions import Actor, advance, reopen
from testing.repos import Clone
from testing.repos import Origin as Bare
from testing.samples import SOMEBODY, T01, T02
from testing.workplans import task, workplan
from tests.cli.helpers import FILE, TEXT, edit, fix, hub_rows, mirrored, publish, statuses
from tests.cli.meanwhile import reads_tasks, reported
from tests.cli.options import fixing

A_RUN = Actor("me", Source.FILE, "test-host", "c0ffee")
AUTHOR = "Test Person"
B = "workplans/b.md"

pytestmark = pytest.mark.usefixtures("hub")


def opened(clone: Clone) -> tuple[Checkout, WorkTree, CheckoutStatus]:
    checkout = Checkout.objects.select_related("repo").get(path=str(clone.path))
    tree = find_worktree(str(clone.path))
    return checkout, tree, read_status(tree, checkout.repo.workplans, None, Fetched(NOT_ASKED), "")


def compared(clone: Clone) -> Sync:
    return compare_checkout(*opened(clone), fixing())


def compared_without_ledger(clone: Clone) -> tuple[ParsedWorkplan, ...]:
    """Return the workplans as a run reads them that has no digest to compare with: all are parsed."""
    with transaction.atomic():
        LedgerEntry.objects.update(digest="?")
        known = compared(clone).scan.side.known
        transaction.set_rollback(True)
    return known


def applied(clone: Clone, synced: Sync) -> Sync:
    with transaction.atomic():
        return _apply(opened(clone)[0], synced, A_RUN)


def fixed(clone: Clone) -> Sync:
    return fix_hub(*opened(clone), fixing())


def found(synced: Sync) -> list[str]:
    return [drift.finding.code for drift in synced.comparison.drifts]


class TestHubThatMoves:
    def test_report_between_read_and_write_is_never_overwritten(self, clone: Clone) -> None:
        mirrored(clone)
        edit(clone, "status: todo", "status: done")
        plan = compared(clone)
        advance(find_task(T01), "cancelled", SOMEBODY)
        before = hub_rows()
        with pytest.raises(VersionConflictError):
            applied(clone, plan)
        assert hub_rows() == before
        assert found(fixed(clone)) == ["C-13"]
        assert statuses()[T01] == "cancelled"

    def test_report_of_another_task_of_the_workplan(self, clone: Clone) -> None:
        mirrored(clone)
        edit(clone, "status: todo", "status: done")
        plan = compared(clone)
        advance(find_task(T02), "done", SOMEBODY)
        with pytest.raises(VersionConflictError):
            applied(clone, plan)
        assert found(fixed(clone)) == ["C-11", "C-13"]
        assert statuses() == {T01: "done", T02: "done"}

    def test_number_taken_in_another_table_is_no_conflict(self, clone: Clone) -> None:
        """A sequence that a restored database has set too low: trying again would say that the hub is busy."""
        if connection.vendor != "postgresql":
            pytest.skip("SQLite numbers rows by those that are there")
        mirrored(clone)
        advance(find_task(T02), "blocked", SOMEBODY)
        edit(clone, "status: todo", "status: done")
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE statehub_statuschange ALTER id RESTART WITH %s", [StatusChange.objects.get().pk]
            )
        plan = compared(clone)
        with pytest.raises(IntegrityError, match="statehub_statuschange_pkey"):
            applied(clone, plan)

    def test_report_on_another_workplan_does_not(self, clone: Clone) -> None:
        mirrored(clone, {FILE: TEXT, B: workplan("WP-2", [("T01", "todo")])})
        edit(clone, "status: todo", "status: done")
        plan = compared(clone)
        advance(find_task("WP-2-T01"), "done", SOMEBODY)
        applied(clone, plan)
        assert statuses() == {T01: "done", T02: "in_progress", "WP-2-T01": "done"}

    def test_report_that_needs_no_action_makes_the_file_unsettled(self, clone: Clone) -> None:
        mirrored(clone)
        plan = compared(clone)
        advance(find_task(T01), "done", SOMEBODY)
        applied(clone, plan)
        assert found(compared(clone)) == ["C-13"]

    def test_reopen_meanwhile_is_seen(self, clone: Clone) -> None:
        mirrored(clone)
        edit(clone, "status: in_progress", "status: done")
        plan = compared(clone)
        reopen(find_task(T02), "todo", "so", SOMEBODY)
        with pytest.raises(VersionConflictError):
            applied(clone, plan)
        assert statuses()[T02] == "todo"

    def test_run_takes_the_report_up_on_its_next_attempt(self, clone: Clone) -> None:
        mirrored(clone)
        edit(clone, "status: todo", "status: done")
        with reported(reads_tasks, lambda: advance(find_task(T01), "cancelled", SOMEBODY)) as times:
            synced = fixed(clone)
        assert (len(times), found(synced), statuses()[T01]) == (2, ["C-13"], "cancelled")
        assert list(StatusChange.objects.values_list("new", "source")) == [("cancelled", "api")]

    def test_moves_are_dated_in_the_order_in_which_they_were_made(self, clone: Clone) -> None:
        mirrored(clone)
        edit(clone, "status: todo", "status: done")
        with reported(reads_tasks, lambda: advance(find_task(T01), "in_progress", SOMEBODY)):
            assert found(fixed(clone)) == ["C-11"]
        moves = [("todo", "in_progress"), ("in_progress", "done")]
        assert list(StatusChange.objects.order_by("at").values_list("old", "new")) == moves
        assert Task.objects.get(key=T01).status_changed_at == StatusChange.objects.latest("pk").at

    def test_hub_that_changes_at_every_attempt_is_locked(self, clone: Clone) -> None:
        mirrored(clone)
        edit(clone, "status: todo", "status: done")

        def bump() -> None:
            current = Task.objects.get(key=T02).status
            advance(find_task(T02), "blocked" if current == "in_progress" else "in_progress", SOMEBODY)

        with reported(reads_tasks, bump, patience=1) as times:
            assert found(fixed(clone)) == ["C-11"]
        assert (len(times), statuses()[T01]) == (ATTEMPTS, "done")
        # The last report had to wait, and is not lost.
        assert StatusChange.objects.filter(source="api").count() == ATTEMPTS
        assert StatusChange.objects.latest("pk").source == "api"

    def test_others_create_the_same_at_every_attempt(self, clone: Clone) -> None:
        if connection.vendor == "sqlite":
            pytest.skip("there the last attempt keeps all others out")
        mirrored(clone)
        keys = [f"NEW-{number:02}" for number in range(3 * ATTEMPTS)]
        for key in keys:
            clone.write(f"workplans/{key}.md", workplan(key, [("T01", "todo")]))
        ledger = list(LedgerEntry.objects.values())
        left = iter(keys)
        home = Repo.objects.get()

        def create() -> None:
            Workstream.objects.create(repo=home, key=next(left), title="Theirs", status="active", path="theirs.md")

        with reported(reads_tasks, create), pytest.raises(HubBusyError) as busy:
            fixed(clone)
        assert str(busy.value) == "the hub changed at each of 5 attempts during this run; run it again"
        assert list(LedgerEntry.objects.values()) == ledger

    def test_workstream_deleted_meanwhile(self, clone: Clone) -> None:
        mirrored(clone)
        edit(clone, "status: todo", "status: done")
        plan = compared(clone)
        Workstream.objects.all().delete()
        with pytest.raises(VersionConflictError):
            applied(clone, plan)
        assert found(fixed(clone)) == ["C-07"]

    def test_task_moved_by_hand_without_its_version(self, clone: Clone) -> None:
        """A status is not moved like this; the update's own condition holds anyway."""
        mirrored(clone)
        edit(clone, "status: todo", "status: in_progress")
        edit(clone, "status: active", "status: done")
        plan = compared(clone)
        Task.objects.filter(key=T01).update(status="done")
        with pytest.raises(VersionConflictError):
            applied(clone, plan)
        Task.objects.filter(key=T01).update(status="todo")
        Workstream.objects.update(status="cancelled")
        with pytest.raises(VersionConflictError):
            applied(clone, plan)
        assert (statuses()[T01], Workstream.objects.get().status) == ("todo", "cancelled")


class TestTwoHosts:
    def test_second_import_of_the_same_repo_finds_the_first(self, origin: Bare, clone: Clone) -> None:
        mirrored(clone, {"README.md": "x"})
        other = origin.clone("other")
        Checkout.objects.create(repo=Repo.objects.get(), host="elsewhere", path=str(other.path))
        for each in (clone, other):
            each.write(FILE, TEXT)
        first, second = compared(clone), compared(other)
        applied(clone, first)
        with pytest.raises(VersionConflictError):
            applied(other, second)
        assert found(fixed(other)) == []
        assert (Workstream.objects.count(), Task.objects.count(), LedgerEntry.objects.count()) == (1, 2, 2)

    def test_both_at_once(self, origin: Bare, clone: Clone) -> None:
        names = [f"workplans/{name}.md" for name in "abcdefgh"]
        mirrored(clone, {"README.md": "x"})
        clones = [clone, *(origin.clone(name) for name in ("two", "three", "four"))]
        for place, each in enumerate(clones):
            if place:
                Checkout.objects.create(repo=Repo.objects.get(), host=f"h{place}", path=str(each.path))
            for number, name in enumerate(names if place % 2 else reversed(names)):  # in another order of paths
                each.write(name, workplan(f"WP-{number}", [("T01", "todo"), ("T02", "done")]))
        barrier, raised = threading.Barrier(len(clones)), list[Exception]()

        def work(each: Clone) -> None:
            try:
                barrier.wait(30)
                fixed(each)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test must see it
                raised.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=work, args=(each,)) for each in clones]
        with ExitStack() as stack:
            for thread in threads:
                thread.start()
                stack.callback(thread.join, 60)
        assert raised == []
        assert (Workstream.objects.count(), Task.objects.count()) == (8, 16)
        assert LedgerEntry.objects.count() == 32

    def test_task_that_both_create(self, origin: Bare, clone: Clone) -> None:
        mirrored(clone)
        clone.write(FILE, TEXT + "\n" + task("WP-1-T03"))
        plan = compared(clone)
        Task.objects.create(workstream=Workstream.objects.get(), key="WP-1-T03", title="Theirs", status="done")
        with pytest.raises(VersionConflictError):
            applied(clone, plan)
        # Whoever creates a task so moves the version; here it did not, and only the unique key prevented it.
        Workstream.objects.update(version=9)
        assert found(fixed(clone)) == ["C-12", "C-13"]
        assert statuses()["WP-1-T03"] == "done"


class TestOneTransaction:
    def test_everything_or_nothing(self, clone: Clone) -> None:
        mirrored(clone)
        clone.write(B, workplan("WP-2", [("T01", "todo")]))
        edit(clone, "status: todo", "status: done")
        edit(clone, "title: Workplan WP-1", "title: First")
        plan = compared(clone)
        assert found(plan) == ["C-12", "C-11", "C-07"]
        advance(find_task(T02), "done", SOMEBODY)
        before = hub_rows()
        with pytest.raises(VersionConflictError):
            applied(clone, plan)
        assert hub_rows() == before

    def test_versions_are_those_of_the_rows(self, clone: Clone) -> None:
        mirrored(clone)
        clone.write(B, workplan("WP-2", [("T01", "todo")]))
        edit(clone, "status: todo", "status: done")
        synced = fixed(clone)
        assert synced.versions == {str(row.pk): row.version for row in Workstream.objects.all()}
        assert sorted(synced.versions.values()) == [1, 2]
        kept = {row.path: row.version for row in LedgerEntry.objects.all()}
        assert kept == {FILE: 2, B: 1}

    def test_every_kind_of_change_in_one_run(self, clone: Clone) -> None:
        mirrored(clone, {FILE: TEXT, B: workplan("WP-2", [("T01", "todo"), ("T02", "todo")])})
        at_first = dict(Task.objects.values_list("key", "status_changed_at"))
        edit(clone, "status: todo", "status: done")
        edit(clone, "status: active", "status: done")
        edit(clone, "title: Workplan WP-1", "title: First\nowner: me\ncreated: 2026-01-02")
        moved = task("WP-2-T02", "in_progress", priority="high", title="Moved")
        clone.write(FILE, clone.read(FILE).decode() + "\n" + moved + "\n" + task("WP-1-T03", "blocked"))
        clone.write(B, workplan("WP-2", [("T01", "todo")]))
        publish(clone)
        synced = fixed(clone)
        assert sorted(found(synced)) == ["C-09", "C-11", "C-11", "C-11", "C-12", "C-12"]
        rows = Task.objects.order_by("key").values_list("key", "workstream__key", "title", "status", "priority")
        assert list(rows) == [
            ("WP-1-T01", "WP-1", f"Task {T01}", "done", "medium"),
            ("WP-1-T02", "WP-1", f"Task {T02}", "in_progress", "medium"),
            ("WP-1-T03", "WP-1", "Task WP-1-T03", "blocked", "medium"),
            ("WP-2-T01", "WP-2", "Task WP-2-T01", "todo", "medium"),
            ("WP-2-T02", "WP-1", "Moved", "in_progress", "high"),
        ]
        one, two = Workstream.objects.order_by("key")
        assert (one.title, one.owner, one.created, one.status, one.version) == ("First", "me", "2026-01-02", "done", 2)
        assert (two.title, two.status, two.version) == ("Workplan WP-2", "active", 2)
        moves = StatusChange.objects.order_by("task__key").values_list("task__key", "old", "new", "who", "commit")
        assert list(moves) == [
            ("WP-1-T01", "todo", "done", AUTHOR, clone.head), ("WP-2-T02", "todo", "in_progress", AUTHOR, clone.head),
        ]  # fmt: skip
        now = dict(Task.objects.values_list("key", "status_changed_at"))
        assert {key for key, at in now.items() if at != at_first.get(key)} == {"WP-1-T01", "WP-2-T02", "WP-1-T03"}
        assert found(compared(clone)) == []


def _retitled(row: Task) -> None:
    Task.objects.filter(pk=row.pk).update(title="Other")


def _moved(row: Task) -> None:
    Task.objects.filter(pk=row.pk).update(workstream=Workstream.objects.get(key="WP-2"))


def _back_again(row: Task) -> None:
    advance(row, "in_progress", SOMEBODY)
    reopen(row, "todo", "not done", SOMEBODY)


HUB_CHANGES: dict[str, Callable[[Task], object]] = {
    "advanced": lambda row: advance(row, "done", SOMEBODY),
    "back again": _back_again,
    "retitled": _retitled,
    "moved": _moved,
    "deleted": lambda row: row.delete(),
    "nothing": lambda row: None,
}


TWO = {FILE: TEXT, B: workplan("WP-2", [("T01", "todo"), ("T02", "done")])}


class TestHubThatChanged:
    """Of workstreams with another version, tasks whose rows are as the ledger has them are settled."""

    @pytest.mark.parametrize("change", HUB_CHANGES.values(), ids=HUB_CHANGES)
    def test_comparison_is_that_with_all_rows(
        self, clone: Clone, monkeypatch: pytest.MonkeyPatch, change: Callable[[Task], object]
    ) -> None:
        mirrored(clone, TWO)
        change(find_task("WP-1-T01"))
        Workstream.objects.update(version=F("version") + 1)
        monkeypatch.setattr("consistency.runs.sync.new_uuids", lambda: map(str, itertools.count()))
        found = compared(clone)
        settled = {key for item in found.scan.side.known for key in item.settled}
        assert settled == {"WP-1-T01", "WP-1-T02", "WP-2-T01", "WP-2-T02"} - (
            set() if change is HUB_CHANGES["nothing"] else {"WP-1-T01"}
        )
        monkeypatch.setattr("consistency.runs.sync._agreed", lambda *_: {})
        assert compared(clone).comparison == found.comparison

    def test_times_of_every_precision(self, clone: Clone) -> None:
        mirrored(clone, TWO)
        for number, row in enumerate(Task.objects.order_by("key")):
            at = datetime(2026, 1, 2, 3, 4, 5, [0, 1, 120000, 999999][number], tzinfo=UTC)
            Task.objects.filter(pk=row.pk).update(status_changed_at=at)
        rows = read_tasks_of([str(pk) for pk in Workstream.objects.values_list("pk", flat=True)])
        assert sorted(rows, key=lambda row: row.key) == [
            HubTask(
                str(row.pk), str(row.workstream_id), row.key, row.title, row.status, row.priority, row.status_changed_at
            )
            for row in Task.objects.order_by("key")
        ]

    def test_file_and_hub_that_both_changed(self, clone: Clone) -> None:
        mirrored(clone, TWO)
        edit(clone, "status: todo", "status: done")
        advance(find_task("WP-1-T02"), "done", SOMEBODY)
        found = compared(clone)
        assert [item.settled for item in found.scan.side.known] == [frozenset()]

    def test_two_files_with_one_id(self, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        mirrored(clone, TWO)
        clone.write("workplans/copy.md", TEXT)
        clone.commit("Copy")
        clone.push()
        fixed(clone)
        Workstream.objects.update(version=F("version") + 1)
        found = compared(clone)
        monkeypatch.setattr("consistency.runs.sync._agreed", lambda *_: {})
        assert compared(clone).comparison == found.comparison


class TestFileThatIsBehind:
    """The row of a file that is only to be written back is written once: when it is known whether it was."""

    def test_its_row_stays_until_then(self, clone: Clone) -> None:
        mirrored(clone)
        before = list(LedgerEntry.objects.values())
        advance(find_task("WP-1-T01"), "done", SOMEBODY)
        fixed(clone)
        assert list(LedgerEntry.objects.values()) == before

    def test_row_of_one_that_was_not_written(self, clone: Clone) -> None:
        mirrored(clone)
        (before,) = LedgerEntry.objects.all()
        advance(find_task("WP-1-T01"), "done", SOMEBODY)
        fix("--no-writeback", "--path", clone.path)
        (after,) = LedgerEntry.objects.all()
        assert (after.digest, after.version) == (before.digest, None)
        assert load(FILE, after.content) == load(FILE, before.content)._replace(
            since={"WP-1-T02": Task.objects.get(key="WP-1-T02").status_changed_at}
        )

    def test_row_of_one_from_which_the_hub_took_something(self, clone: Clone) -> None:
        mirrored(clone)
        edit(clone, "status: todo", "status: done")
        advance(find_task("WP-1-T02"), "done", SOMEBODY)
        fixed(clone)
        (after,) = LedgerEntry.objects.all()
        assert (after.version, load(FILE, after.content).taken) == (
            None,
            {"WP-1-T01": "done", "WP-1-T02": "in_progress"},
        )


class TestFileThatChanged:
    """Changes of a file that the ledger has: statuses alone are read without the parser."""

    def test_statuses_are_read_without_the_parser(self, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        mirrored(clone)
        edit(clone, "status: todo", "status: in_progress")
        parsed = compared_without_ledger(clone)
        monkeypatch.setattr("consistency.core.workplan.parse.parse_workplan", None)
        assert compared(clone).scan.side.known == parsed

    @pytest.mark.parametrize(
        ("old", "new"), [("status: todo", "status: 'done'"), ("status: todo", "status: done\npriority: high")]
    )
    def test_anything_else_is_parsed(self, clone: Clone, old: str, new: str) -> None:
        mirrored(clone)
        edit(clone, old, new)
        assert compared(clone).scan.side.known == compared_without_ledger(clone)

    def test_so_is_what_takes_too_much_memory(self, clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
        mirrored(clone)
        edit(clone, "status: todo", "status: in_progress")
        expected = compared(clone)
        assert expected.scan.changed == {FILE: (clone.path / FILE).read_bytes()}
        monkeypatch.setattr("consistency.runs.scan.MAX_CHANGED", 0)
        found = compared(clone)
        assert (found.scan.changed, found.scan.side, found.comparison) == ({}, expected.scan.side, expected.comparison)

    def test_file_that_is_no_workplan_now(self, clone: Clone) -> None:
        mirrored(clone)
        clone.write(FILE, "# Notes\n")
        scan = compared(clone).scan
        assert (scan.other, scan.side.known, scan.contents) == ({FILE}, (), {})


def test_plan_that_regresses_is_refused_by_the_database(clone: Clone) -> None:
    mirrored(clone)
    row, home = Task.objects.get(key=T02), Workstream.objects.get()
    for action in (
        AdvanceTask(str(row.pk), str(home.pk), "in_progress", "todo"),
        AdvanceTask(str(row.pk), str(home.pk), "blocked", "done"),
        AdvanceTask(str(row.pk), str(home.pk), "blocked", "in_progress"),
        AdvanceWorkstream(str(home.pk), "active", "draft"),
    ):
        with pytest.raises(VersionConflictError), transaction.atomic():
            apply([action], home.repo_id, {str(home.pk): home.version}, A_RUN, timezone.now())
    assert (statuses()[T02], Workstream.objects.get().status) == ("in_progress", "active")


def test_many_values_in_one_list(clone: Clone) -> None:
    """More workstreams than are asked for by their ids."""
    files = {f"workplans/{number}.md": workplan(f"WP-{number}", [("T01", "todo")]) for number in range(510)}
    mirrored(clone, files)
    for path, text in files.items():
        clone.write(path, text.replace("status: todo", "status: done"))
    assert found(fixed(clone)) == ["C-11"] * 510
    assert set(statuses().values()) == {"done"}
