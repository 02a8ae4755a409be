"""A finding's severity, key, and whether it is fixed."""

from __future__ import annotations

import pytest

from consistency.core.codes import Severity
from consistency.core.finding import Action, Finding


def test_finding_takes_the_severity_from_the_table() -> None:
    finding = Finding("C-05", "m", file="a.md", line=3, discriminator="0:id")
    assert (finding.severity, finding.action) == (Severity.FAIL, Action.NONE)
    assert finding._replace(other_severity=Severity.WARN).severity is Severity.WARN
    assert Finding(
        "C-05",
        "m",
        file="a.md",
        line=3,
        workplan="W",
        task="T",
        db_status="done",
        file_status="todo",
        discriminator="x",
    ) == Finding("C-05", "m", "a.md", 3, "W", "T", "done", "todo", Action.NONE, None, "x")


def test_dedup_key_goes_by_the_workplan_and_only_without_one_by_the_file() -> None:
    finding = Finding("C-13", "m", file="a.md", line=3, workplan="W", task="T", db_status="done", discriminator="x")
    assert finding.dedup_key == ("C-13", "W", "", "T", "x")
    assert finding._replace(message="n", line=9, file="b.md", db_status="todo").dedup_key == finding.dedup_key
    assert Finding("C-02", "m", file="a.md").dedup_key == ("C-02", "", "a.md", "", "")


@pytest.mark.parametrize(
    ("action", "fixed"),
    [
        (Action.NONE, False), (Action.CREATED, True), (Action.UPDATED, True), (Action.ADVANCED, True),
        (Action.WRITTEN_BACK, True), (Action.SKIPPED, False), (Action.FAILED, False),
    ],
)  # fmt: skip
def test_is_fixed(action: Action, fixed: bool) -> None:
    assert Finding("C-13", "m")._replace(action=action).is_fixed is fixed
