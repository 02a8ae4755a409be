"""Files meant as a workplan or a task, but not read as one: their rows stay as they are (C-23, C-24)."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Literal

import pytest

from consistency.models import LedgerEntry
from statehub.models import Task, Workstream
from testing.repos import Clone
from testing.workplans import workplan
from tests.cli.helpers import FILE, TEXT, check, codes, edit, episodes, fix, mirrored, publish, rows, run, statuses

NOTE = "---\ntype: note\n---\n"

pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture
def agreed(clone: Clone) -> Clone:
    return mirrored(clone)


def test_nothing_is_gone_nor_lost_until_the_file_is_right_again(agreed: Clone) -> None:
    before = rows(Workstream, Task)
    edit(agreed, "---\nid", "\n---\nid")
    assert codes(fix("clone")) == codes(fix("clone")) == [("C-23", "none")]
    assert episodes()[1:] == [("C-23", "", 2)]
    assert run("set_task_status", "WP-1-T01", "done").exit == 0
    edit(agreed, "\n---\nid", "---\nid")
    assert codes(fix("clone")) == [("C-13", "written_back")]
    assert statuses()["WP-1-T01"] == "done"
    assert [row["id"] for row in rows(Workstream, Task)["Task"]] == [row["id"] for row in before["Task"]]
    assert ("C-23", "gone", 2) in episodes()


def test_a_finding_that_said_gone_ends_when_the_file_is_there(agreed: Clone) -> None:
    (agreed.path / FILE).unlink()
    assert ("C-08", "none") in codes(check("clone"))
    (agreed.path / FILE).write_text("# P\n\n" + TEXT)
    assert codes(check("clone")) == [("C-23", "none")]
    assert [(code, how) for code, how, _ in episodes() if code in ("C-08", "C-23")] == [("C-08", "gone"), ("C-23", "")]


def test_gone_block_is_resolved_once_it_is_nearly_one(agreed: Clone) -> None:
    block = TEXT[TEXT.index("```task") : TEXT.index("```\n", TEXT.index("```task") + 3) + 4]
    edit(agreed, block, "")
    assert codes(check("clone")) == [("C-10", "none")]
    (agreed.path / FILE).write_text(TEXT.replace(block, "".join(f"> {line}\n" for line in block.splitlines())))
    assert codes(check("clone")) == [("C-24", "none")]
    assert [(code, how) for code, how, _ in episodes()[1:]] == [("C-10", "gone"), ("C-24", "")]


def test_corrected_block_is_no_news(agreed: Clone) -> None:
    edit(agreed, "```task\nid: WP-1-T02", "```{task}\nid: WP-1-T02")
    publish(agreed)
    assert codes(fix("clone")) == [("C-24", "none")]
    assert run("reopen_task", "WP-1-T02", "todo", "--reason", "again").exit == 0
    edit(agreed, "```{task}", "```task")
    publish(agreed)
    assert codes(fix("clone")) == [("C-15", "written_back")]
    assert statuses()["WP-1-T02"] == "todo"


def test_a_workplan_that_moved_leaves_no_trace_where_it_was(agreed: Clone) -> None:
    (agreed.path / "workplans/new.md").write_text(TEXT)
    (agreed.path / FILE).write_text(NOTE)
    publish(agreed)
    assert codes(fix("clone")) == [("C-12", "updated")]
    assert codes(fix("clone")) == []
    assert list(LedgerEntry.objects.values_list("path", flat=True)) == ["workplans/new.md"]


def test_another_machine_that_never_read_it_says_the_same(agreed: Clone, tmp_path: Path) -> None:
    edit(agreed, "type: workplan", "type: note")
    publish(agreed)
    LedgerEntry.objects.all().delete()
    assert codes(fix("clone")) == [("C-23", "none")]
    Workstream.objects.all().delete()
    assert codes(fix("clone")) == []


def test_what_never_was_a_workplan_stays_quiet(agreed: Clone) -> None:
    for name, text in (
        ("README.md", f"# Plans\n\n{TEXT}"),
        ("note.md", NOTE),
        ("new.md", ""),
        ("x.md", "```tasks\nnot done\n```\n"),
    ):
        (agreed.path / "workplans" / name).write_text(text)
    assert codes(check("clone")) == []


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_an_id_is_the_same_however_it_was_typed(clone: Clone, form: Literal["NFC", "NFD"]) -> None:
    other: Literal["NFC", "NFD"] = "NFD" if form == "NFC" else "NFC"
    text = workplan("Plän", [("Prüfung", "todo")])
    mirrored(clone, {FILE: unicodedata.normalize(form, text)})
    assert statuses() == {unicodedata.normalize("NFC", "Plän-Prüfung"): "todo"}
    (clone.path / FILE).write_text(unicodedata.normalize(other, text))
    publish(clone)
    assert codes(fix("clone")) == [("C-12", "updated"), ("C-12", "updated")]  # Titles are kept as they are written.
    for typed in (unicodedata.normalize("NFC", "Plän-Prüfung"), unicodedata.normalize("NFD", "Plän-Prüfung")):
        assert run("set_task_status", typed, "done").exit == 0
    assert codes(fix("clone")) == [("C-13", "written_back")]
    assert Task.objects.count() == Workstream.objects.count() == 1
