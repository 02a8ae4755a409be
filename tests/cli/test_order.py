"""The tasks that a task depends on, its position, and who has it: through the real commands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from statehub.models import Task
from testing.repos import Clone, Origin
from testing.workplans import workplan
from tests.cli.helpers import FILE, codes, fix, mirrored, publish

pytestmark = pytest.mark.usefixtures("hub")


def rewrite(clone: Clone, files: dict[str, str]) -> None:
    for path, text in files.items():
        clone.write(path, text)
    publish(clone)


def positions() -> list[str]:
    return list(Task.objects.order_by("workstream__key", "position").values_list("key", flat=True))


def test_positions_follow_the_file(clone: Clone) -> None:
    mirrored(clone)
    assert positions() == ["WP-1-T01", "WP-1-T02"]
    rewrite(clone, {FILE: workplan("WP-1", [("T02", "in_progress"), ("T03", "todo"), ("T01", "todo")])})
    assert codes(fix("clone")) == [("C-09", "created")]
    assert positions() == ["WP-1-T02", "WP-1-T03", "WP-1-T01"]
    rewrite(clone, {FILE: workplan("WP-1", [("T03", "todo"), ("T02", "in_progress"), ("T01", "todo")])})
    assert codes(fix("clone")) == []
    assert positions() == ["WP-1-T03", "WP-1-T02", "WP-1-T01"]


def test_task_that_comes_to_another_workplan_has_its_position_there(clone: Clone) -> None:
    mirrored(clone)
    moved = workplan("WP-2", [("T01", "todo"), "```task\nid: WP-1-T02\nstatus: in_progress\n```\n"])
    rewrite(clone, {FILE: workplan("WP-1", [("T01", "todo")]), "workplans/b.md": moved})
    assert {code for code, _ in codes(fix("clone"))} == {"C-07", "C-12"}
    assert positions() == ["WP-1-T01", "WP-2-T01", "WP-1-T02"]
    assert list(
        Task.objects.filter(workstream__key="WP-2").order_by("position").values_list("position", flat=True)
    ) == [0, 1]


def test_unknown_task_is_reported_until_it_is_there(clone: Clone) -> None:
    mirrored(clone, {FILE: workplan("WP-1", [{"id": "T01", "status": "todo", "depends": "[WP-2-T01]"}])})
    assert codes(fix("clone")) == [("C-28", "none")]
    rewrite(clone, {"workplans/b.md": workplan("WP-2", [("T01", "todo")])})
    assert codes(fix("clone")) == [("C-07", "created")]
    assert codes(fix("clone")) == []
    assert list(Task.objects.values_list("key", "depends")) == [("WP-1-T01", "WP-2-T01"), ("WP-2-T01", "")]


def test_task_of_another_repo(clone: Clone, new_origin: Callable[[str], Origin]) -> None:
    other = new_origin("second").clone("other")
    mirrored(clone, {FILE: workplan("WP-1", [{"id": "T01", "status": "todo", "depends": "[other/WP-9-T01]"}])})
    assert codes(fix("clone")) == [("C-28", "none")]
    other.write(FILE, workplan("WP-9", [{"id": "T01", "status": "todo", "depends": "[clone/WP-1-T01]"}]))
    other.commit()
    assert codes(fix("--path", other.path)) == [("C-07", "created"), ("C-28", "none")]
    assert codes(fix("clone")) == [("C-28", "none")]
    other.write(FILE, workplan("WP-9", [("T01", "todo")]))
    assert codes(fix("other")) == [("C-12", "updated")]
    assert codes(fix("clone")) == []


def test_status_from_a_file_says_who_has_the_task(clone: Clone) -> None:
    mirrored(clone)
    clone.write(FILE, workplan("WP-1", [("T01", "in_progress"), ("T02", "done")]))
    clone.git("commit", "--quiet", "--all", "--message=Work", "--author=Ada <ada@example.org>")
    clone.push()
    fix("clone")
    assert list(Task.objects.order_by("key").values_list("taken_by", flat=True)) == ["Ada", ""]


def test_author_with_a_name_of_any_length_has_the_task(clone: Clone) -> None:
    mirrored(clone)
    name = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(8_000))
    clone.write(FILE, workplan("WP-1", [("T01", "in_progress"), ("T02", "done")]))
    clone.git("commit", "--quiet", "--all", "--message=Work", f"--author={name} <ada@example.org>")
    clone.push()
    assert codes(fix("clone")) == [("C-11", "advanced"), ("C-11", "advanced")]
    assert list(Task.objects.order_by("key").values_list("taken_by", flat=True)) == [name, ""]
