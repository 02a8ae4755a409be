"""Tracked files come first."""

from __future__ import annotations

import pytest

from consistency.core.comparison.copies import without_copies
from consistency.core.comparison.snapshot import Copy, FileSnapshot, HubWorkstream, ParsedWorkplan, Settled
from consistency.core.workplan.model import Problem, Unreadable
from tests.core.values import block, codes, files, findings, hub, plan, task, uid, ws


def untracked(side: FileSnapshot, *paths: str, rows: tuple[HubWorkstream, ...] = ()) -> FileSnapshot:
    return without_copies(side._replace(untracked=frozenset(paths)), rows)


ORIGINAL, COPY = plan("W", path="1.md"), plan("W", path="1 (copy).md")
BROKEN = Unreadable("1.md", (Problem("C-03", "no title"),), "W")
NAMELESS = Unreadable("1.md", (Problem("C-02", "not UTF-8"),))


@pytest.mark.parametrize(
    ("side", "left"),
    [
        (files(COPY, ORIGINAL), files(ORIGINAL)),
        (files(COPY, settled=[Settled("1.md", "W", uid(1))]), files(settled=[Settled("1.md", "W", uid(1))])),
        (files(ORIGINAL, settled=[Settled("1 (copy).md", "W", uid(1))]), files(ORIGINAL)),
        (files(COPY, unreadable=[BROKEN]), files(unreadable=[BROKEN])),
        (files(COPY, unreadable=[NAMELESS]), files(unreadable=[NAMELESS])),
    ],
    ids=["both read", "original settled", "copy settled", "original without its title", "original not readable"],
)
def test_untracked_copy_is_set_apart(side: FileSnapshot, left: FileSnapshot) -> None:
    apart = untracked(side, "1 (copy).md", rows=(ws(1, "W", path="1.md"),))
    expected = left._replace(copies=(Copy("1 (copy).md", "W", "1.md"),), untracked=frozenset({"1 (copy).md"}))
    assert apart == expected


def test_two_untracked_copies() -> None:
    apart = untracked(files(COPY, ORIGINAL, plan("W", path="old/1.md")), "1 (copy).md", "old/1.md")
    assert apart.known == (ParsedWorkplan(ORIGINAL),)
    assert apart.copies == (Copy("1 (copy).md", "W", "1.md"), Copy("old/1.md", "W", "1.md"))


def test_neither_is_tracked() -> None:
    side = files(COPY, ORIGINAL)
    assert untracked(side, "1 (copy).md", "1.md") == side._replace(untracked=frozenset({"1 (copy).md", "1.md"}))


def test_both_are_tracked() -> None:
    side = files(COPY, ORIGINAL)
    assert untracked(side) == side


def test_unreadable_file_of_another_workplan() -> None:
    side = files(COPY, unreadable=[NAMELESS])
    assert untracked(side, "1 (copy).md", rows=(ws(1, "V", path="1.md"),)).known == (ParsedWorkplan(COPY),)


def test_copy_is_named_and_the_original_goes_on() -> None:
    side = untracked(files(plan("W", path="1.md", status="done"), COPY), "1 (copy).md")
    found = findings(side, hub(ws(1, "W", path="1.md")))
    assert [(each.code, each.severity, each.file, each.message) for each in found] == [
        (
            "C-04", "WARN", "1 (copy).md",
            "workplan id 'W' is that of 1.md; this copy, untracked by git, is left out",
        ),
        ("C-11", "WARN", "1.md", "file is ahead of workstream 'Plan W' (db=active, file=done)"),
    ]  # fmt: skip


class TestTasks:
    """A draft that was begun as a copy, with an id of its own, and still has the task ids of the original."""

    def test_block_of_the_tracked_file_goes_on(self) -> None:
        side = untracked(files(plan("W", block("T", "done")), plan("V", block("T", line=20))), "V.md")
        found = findings(side, hub(ws(1, "W"), task(11, 1, "T")))
        assert [(each.code, each.severity, each.file, each.task) for each in found] == [
            ("C-07", "WARN", "V.md", None),
            ("C-06", "WARN", "V.md", "T"),
            ("C-11", "WARN", "W.md", "T"),
        ]
        assert found[1].message == (
            "task id 'T' is also that of W.md:10; this block, in a file untracked by git, is left out"
        )

    def test_settled_original(self) -> None:
        side = untracked(files(plan("V", block("T")), settled=[Settled("W.md", "W", uid(1))]), "V.md")
        found = findings(side, hub(ws(1, "W"), task(11, 1, "T")))
        assert [(each.code, each.severity, each.file, each.task) for each in found] == [
            ("C-07", "WARN", "V.md", None),
            ("C-06", "WARN", "V.md", "T"),
        ]

    def test_two_tracked_files_are_a_fault_for_all(self) -> None:
        side = untracked(files(*(plan(key, block("T")) for key in "UVW")), "V.md")
        found = findings(side, hub(*(ws(number, key) for number, key in enumerate("UVW", 1)), task(11, 1, "T")))
        assert [(each.code, each.severity, each.file) for each in found] == [
            ("C-06", "FAIL", f"{key}.md") for key in "UVW"
        ]

    def test_two_untracked_files_are_a_fault(self) -> None:
        side = untracked(files(plan("V", block("T")), plan("W", block("T"))), "V.md", "W.md")
        assert codes(side, hub(ws(1, "V"), ws(2, "W"))) == [("C-06", "T"), ("C-06", "T")]
