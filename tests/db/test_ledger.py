"""The ledger: what is settled costs nothing, what was taken is not forgotten, a check leaves it alone."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from consistency.core.comparison.gates import NOT_ASKED
from consistency.db.ledger import GONE, batches, delete_entries, mark_gone, read_contents
from consistency.git.remote import Fetched
from consistency.git.status import read_status
from consistency.git.worktree import find_worktree
from consistency.models import LedgerEntry
from consistency.runs.sync import fix_hub
from statehub.models import Checkout, Task, Workstream
from statehub.task_lookup import find_task
from statehub.transitions import advance, reopen
from testing.repos import Clone
from testing.repos import Origin as Bare
from testing.samples import SOMEBODY, T01, T02
from testing.workplans import workplan
from tests.cli.helpers import FILE, TEXT, check, codes, edit, fix, mirrored, publish, rows, statuses
from tests.cli.options import fixing

B = "workplans/b.md"

pytestmark = pytest.mark.usefixtures("hub")


def ledger() -> dict[str, dict[str, object]]:
    found = LedgerEntry.objects.values("path", "key", "digest", "version", "workstream")
    return {row["path"]: {**row} for row in found}


def test_batches() -> None:
    assert [list(batch) for batch in batches(range(7), 3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(batches([])) == []


def test_settled_file_is_neither_parsed_nor_loaded(clone: Clone) -> None:
    mirrored(clone, {FILE: TEXT, B: workplan("WP-2", [("T01", "todo")])})
    # Whoever reads what is kept of the file, or its tasks, would see nonsense.
    LedgerEntry.objects.filter(path=FILE).update(content="no JSON {")
    Task.objects.filter(key=T01).update(title="Not what the file says")
    edit(clone, "status: todo", "status: done", B)
    with CaptureQueriesContext(connection) as queries:
        assert codes(fix("clone")) == [("C-11", "advanced")]
    assert codes(fix("clone")) == codes(check("clone")) == []
    home = str(Workstream.objects.get(key="WP-1").pk)
    assert not [query["sql"] for query in queries if home in query["sql"] or home.replace("-", "") in query["sql"]]
    assert LedgerEntry.objects.get(path=FILE).content == "no JSON {"


def test_nothing_to_do_loads_no_task_and_no_content(clone: Clone) -> None:
    mirrored(clone)
    with CaptureQueriesContext(connection) as queries:
        assert codes(check("clone")) == codes(fix("clone")) == []
    read = [query["sql"] for query in queries if query["sql"].startswith("SELECT")]
    assert not [sql for sql in read if Task._meta.db_table in sql or '"content"' in sql]


def test_same_bytes_other_version_are_compared_from_memory(clone: Clone) -> None:
    mirrored(clone)
    kept = LedgerEntry.objects.get()
    assert kept.version == Workstream.objects.get().version
    # The file would now say something else to a parser that reads it again.
    kept.content = kept.content.replace('"Workplan WP-1"', '"Kept title"')
    kept.save()
    advance(find_task(T01), "done", SOMEBODY)
    assert codes(check("clone")) == [("C-12", "none"), ("C-13", "none")]


def test_check_writes_neither_hub_rows_nor_ledger(clone: Clone) -> None:
    clone.write(FILE, TEXT)
    assert check("--path", clone.path).exit == 0
    assert rows(LedgerEntry, Workstream, Task) == {"LedgerEntry": [], "Workstream": [], "Task": []}


def test_rows_agree_in_digest_and_version_when_a_fix_has_ended(clone: Clone) -> None:
    mirrored(clone)
    before = ledger()
    advance(find_task(T01), "done", SOMEBODY)
    assert codes(fix("clone", "--no-writeback")) == [("C-13", "skipped")]
    assert ledger() == {FILE: {**before[FILE], "version": None}}
    assert codes(fix("clone")) == [("C-13", "written_back")]
    after = ledger()[FILE]
    assert (after["version"], after["digest"] == before[FILE]["digest"]) == (2, False)


def test_row_of_a_file_that_is_gone_is_kept_for_its_return(clone: Clone) -> None:
    mirrored(clone, {FILE: TEXT, B: workplan("WP-2")})
    before, content = ledger(), LedgerEntry.objects.get(path=FILE).content
    (clone.path / FILE).unlink()
    check("clone")
    assert ledger() == before
    for _ in range(2):
        assert codes(fix("clone")) == [("C-08", "none")]
        assert ledger() == {FILE: {**before[FILE], "digest": GONE, "version": None}, B: before[B]}
        assert LedgerEntry.objects.get(path=FILE).content == content
    clone.write(FILE, TEXT)
    assert codes(fix("clone")) == []
    assert ledger() == before


def test_row_of_a_gone_file_whose_workplan_is_elsewhere(clone: Clone) -> None:
    mirrored(clone, {FILE: TEXT, B: workplan("WP-2")})
    (clone.path / FILE).unlink()
    assert codes(fix("clone")) == [("C-08", "none")]
    clone.write("workplans/c.md", TEXT)
    assert codes(fix("clone")) == [("C-12", "updated")]
    assert set(ledger()) == {B, "workplans/c.md"}


def test_row_of_a_file_that_cannot_be_read_is_kept(clone: Clone) -> None:
    mirrored(clone)
    before = ledger()
    clone.write(FILE, b"\xff" + TEXT.encode())
    clone.write(FILE, TEXT.encode() + b"\xff")
    assert codes(fix("clone")) == [("C-02", "none")]
    assert ledger() == before
    clone.write(FILE, TEXT)
    assert codes(fix("clone")) == []


def test_file_that_is_no_workplan_has_no_row(clone: Clone) -> None:
    mirrored(clone, {FILE: TEXT, B: "# Words\n", "workplans/c.md": TEXT.replace("type: workplan", "type: note")})
    assert set(ledger()) == {FILE}


def test_more_paths_than_a_statement_takes(clone: Clone) -> None:
    mirrored(clone)
    checkout, paths = Checkout.objects.get().pk, [f"{number}.md" for number in range(100_000)]
    assert read_contents(checkout, paths) == {}
    assert set(read_contents(checkout, [*paths, FILE])) == {FILE}
    mark_gone(checkout, [*paths, FILE], GONE)
    assert [(row["digest"], row["version"]) for row in ledger().values()] == [(GONE, None)]
    delete_entries(checkout, [*paths, FILE])
    assert ledger() == {}


def test_file_moved_to_another_name(clone: Clone) -> None:
    mirrored(clone)
    clone.git("mv", FILE, B)
    assert codes(fix("clone")) == [("C-12", "updated")]
    assert set(ledger()) == {B}
    assert Workstream.objects.get().path == B
    assert codes(fix("clone")) == []


class TestReopen:
    """C-15: the same file status as at the last sync is not news, whatever happened to the file since then."""

    @pytest.fixture
    def reopened(self, clone: Clone) -> Clone:
        mirrored(clone)
        edit(clone, "status: todo", "status: done")
        publish(clone)
        assert codes(fix("clone")) == [("C-11", "advanced")]
        reopen(find_task(T01), "todo", "not yet", SOMEBODY)
        return clone

    def test_stays_until_it_is_written_back(self, reopened: Clone) -> None:
        for _ in range(2):
            assert codes(fix("clone", "--no-writeback")) == [("C-15", "skipped")]
        edit(reopened, "# Workplan WP-1", "# Another heading")
        assert codes(fix("clone")) == [("C-15", "skipped"), ("C-14", "none")]
        reopened.commit()
        assert codes(fix("clone")) == [("C-15", "written_back")]
        assert (b"status: done" in reopened.read(FILE), statuses()[T01]) == (False, "todo")

    def test_done_again_after_the_writeback_is_news(self, reopened: Clone) -> None:
        fix("clone")
        edit(reopened, "status: todo", "status: done")
        assert codes(fix("clone")) == [("C-11", "advanced")]

    def test_other_status_is_news(self, reopened: Clone) -> None:
        edit(reopened, "status: done", "status: cancelled")
        assert codes(fix("clone")) == [("C-11", "advanced")]

    @pytest.mark.parametrize(
        ("good", "broken"),
        [
            ("status: done", "status: finisched"),
            ("status: done", "status: done\nstatus: done"),
            (f"id: {T01}", "id: [unclosed"),
            (f"id: {T01}", f"id: {T02}"),
        ],
        ids=["unknown status", "key twice", "no id", "shared id"],
    )
    def test_block_that_is_broken_for_a_while_is_remembered(self, reopened: Clone, good: str, broken: str) -> None:
        edit(reopened, good, broken)
        for _ in range(2):
            found = codes(fix("clone"))
            assert ("C-11", "advanced") not in found
            assert found
        reopened.write(FILE, reopened.read(FILE).decode().replace(broken, good, 1))
        assert codes(fix("clone")) == [("C-15", "written_back")]

    def test_block_that_is_gone_for_a_while_is_remembered(self, reopened: Clone) -> None:
        text = reopened.read(FILE).decode()
        reopened.write(FILE, workplan("WP-1", [("T02", "in_progress")]))
        assert codes(fix("clone")) == codes(fix("clone")) == [("C-10", "none")]
        reopened.write(FILE, text)
        assert codes(fix("clone")) == [("C-15", "written_back")]

    def test_block_that_moved_to_another_workplan(self, reopened: Clone) -> None:
        reopened.write(B, workplan("WP-2", [{"id": T01, "status": "done"}]).replace("WP-2-WP-1", "WP-1"))
        reopened.write(FILE, workplan("WP-1", [("T02", "in_progress")]))
        publish(reopened)
        assert codes(fix("clone")) == [("C-07", "created"), ("C-12", "updated"), ("C-15", "written_back")]
        assert statuses()[T01] == "todo"
        assert codes(fix("clone")) == []

    def test_workplan_that_moved_to_another_path(self, reopened: Clone) -> None:
        reopened.git("mv", FILE, B)
        publish(reopened)
        assert codes(fix("clone")) == [("C-12", "updated"), ("C-15", "written_back")]
        assert (statuses()[T01], codes(fix("clone"))) == ("todo", [])

    @pytest.mark.parametrize("path", [FILE, B])
    def test_workplan_that_is_gone_for_a_while_is_remembered(self, reopened: Clone, path: str) -> None:
        text = reopened.read(FILE).decode()
        (reopened.path / FILE).unlink()
        for _ in range(2):
            assert codes(fix("clone", "--allow-missing")) == [("C-25", "none"), ("C-08", "none")]
        reopened.write(path, text)
        publish(reopened)
        moved = [] if path == FILE else [("C-12", "updated")]
        assert codes(fix("clone")) == [*moved, ("C-15", "written_back")]
        assert statuses()[T01] == "todo"

    def test_workplan_that_shares_its_id_for_a_while_is_remembered(self, reopened: Clone) -> None:
        reopened.write(B, workplan("WP-1"))
        reopened.git("add", B)
        assert codes(fix("clone")) == [("C-04", "none"), ("C-04", "none")]
        (reopened.path / B).unlink()
        assert codes(fix("clone")) == [("C-15", "written_back")]

    def test_other_clone_has_a_ledger_of_its_own(self, origin: Bare, clone: Clone) -> None:
        mirrored(clone)
        edit(clone, "status: todo", "status: done")
        publish(clone)
        other = origin.clone("other")
        assert codes(fix("clone")) + codes(fix("--path", other.path)) == [("C-11", "advanced")]
        reopen(find_task(T01), "todo", "not yet", SOMEBODY)
        assert codes(fix("--path", other.path)) == [("C-15", "written_back")]
        assert codes(fix("--path", clone.path)) == [("C-15", "written_back")]
        assert clone.head == other.head


class TestWriteback:
    """A written file leaves more in the ledger than the status that was written."""

    def test_status_that_the_hub_could_not_take_is_still_news(self, clone: Clone) -> None:
        mirrored(clone)
        edit(clone, "status: in_progress", "status: done")
        clone.write(B, workplan("WP-2", [{"id": T02, "status": "todo"}]).replace("WP-2-WP-1", "WP-1"))
        publish(clone)
        advance(find_task(T01), "done", SOMEBODY)
        assert codes(fix("clone")) == [
            ("C-13", "written_back"),
            ("C-06", "none"),
            ("C-07", "created"),
            ("C-06", "none"),
        ]
        assert statuses()[T02] == "in_progress"
        (clone.path / B).unlink()
        assert ("C-11", "advanced") in codes(fix("clone"))
        assert (statuses()[T02], clone.read(FILE).count(b"status: done")) == ("done", 2)

    def test_status_that_the_hub_took_before_is_no_news(self, clone: Clone) -> None:
        mirrored(clone)
        edit(clone, "status: in_progress", "status: done")
        publish(clone)
        fix("clone")
        edit(clone, "status: done", "status: finisched")
        publish(clone)
        advance(find_task(T01), "done", SOMEBODY)
        reopen(find_task(T02), "todo", "not yet", SOMEBODY)
        assert codes(fix("clone")) == [("C-13", "written_back"), ("C-05", "none")]
        edit(clone, "status: finisched", "status: done")
        publish(clone)
        assert codes(fix("clone")) == [("C-15", "written_back")]

    def test_statuses_behind_one_that_became_longer(self, clone: Clone) -> None:
        mirrored(clone, {FILE: TEXT.replace("status: in_progress", "status: 'in_progress'  # why")})
        for task, status in ((T01, "in_progress"), (T02, "done"), (T01, "cancelled")):
            advance(find_task(task), status, SOMEBODY)
            assert codes(fix("clone")) == [("C-13", "written_back")]
        written = TEXT.replace("status: todo", "status: cancelled").replace("in_progress", "'done'  # why")
        assert clone.read(FILE).decode() == written

    def test_file_that_a_hook_changes_is_read_again(self, clone: Clone, settings: Settings) -> None:
        settings.STATEHUB_COMMIT_HOOKS = True
        mirrored(clone)
        hook = clone.path / ".git/hooks/post-commit"
        hook.write_text(f"#!/bin/sh\nsed -i s/^title:.*/title:\\ Hooked/ {FILE}\n")
        hook.chmod(0o755)
        advance(find_task(T01), "done", SOMEBODY)
        assert codes(fix("clone")) == [("C-13", "written_back")]
        assert codes(fix("clone")) == [("C-12", "updated")]
        assert Workstream.objects.get().title == "Hooked"


class TestCrash:
    """A run that dies after the hub has taken the files' news, and before it ends."""

    def test_reopen_after_the_crash_is_still_seen(self, clone: Clone) -> None:
        mirrored(clone)
        edit(clone, "status: todo", "status: done")
        publish(clone)
        self._run_that_dies_after_its_commit(clone)
        assert statuses()[T01] == "done"
        reopen(find_task(T01), "todo", "not yet", SOMEBODY)
        assert codes(fix("clone")) == [("C-15", "written_back")]
        assert statuses()[T01] == "todo"

    def test_hub_that_is_ahead_is_written_back_by_the_next_run(self, clone: Clone) -> None:
        mirrored(clone)
        advance(find_task(T01), "done", SOMEBODY)
        self._run_that_dies_after_its_commit(clone)
        assert codes(fix("clone")) == [("C-13", "written_back")]

    @staticmethod
    def _run_that_dies_after_its_commit(clone: Clone) -> None:
        tree, checkout = find_worktree(str(clone.path)), Checkout.objects.select_related("repo").get()
        fix_hub(checkout, tree, read_status(tree, checkout.repo.workplans, None, Fetched(NOT_ASKED), ""), fixing())


def test_times_are_those_of_the_rows_on_which_both_sides_agree(clone: Clone) -> None:
    def times() -> tuple[dict[str, datetime], dict[str, datetime], bool]:
        ((known, _),) = read_contents(Checkout.objects.get().pk, [FILE]).values()
        found = dict(Task.objects.values_list("key", "status_changed_at"))
        return dict(known.since), found, known.status_since == Workstream.objects.get().status_changed_at

    def agree() -> bool:
        kept, found, same = times()
        return kept == found and same

    mirrored(clone)
    assert agree()
    edit(clone, "status: todo", "status: blocked")
    assert codes(fix("clone")) == [("C-11", "advanced")]
    assert agree()
    clone.commit("Work")
    advance(find_task(T01), "done", SOMEBODY)
    assert codes(fix("clone", "--no-writeback")) == [("C-13", "skipped")]
    kept, found, same = times()
    assert (kept, same) == ({T02: found[T02]}, True)
    assert codes(fix("clone")) == [("C-13", "written_back")]
    assert agree()
    edit(clone, "status: active", "status: done")
    assert codes(fix("clone")) == [("C-11", "advanced")]
    assert agree()
