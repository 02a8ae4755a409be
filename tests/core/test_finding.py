"""A finding's severity, identity, and whether it is fixed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consistency.core.codes import Severity
from consistency.core.finding import Action, Finding


def test_finding_of_takes_the_severity_from_the_table() -> None:
    assert Finding.of("C-05", "m", file="a.md", line=3, mark="0:id") == Finding(
        "C-05", "m", "a.md", 3, severity=Severity.FAIL, mark="0:id"
    )
    assert Finding.of(
        "C-05", "m", file="a.md", line=3, workplan="W", task="T", db_status="done", file_status="todo", mark="x"
    ) == Finding("C-05", "m", "a.md", 3, "W", "T", "done", "todo", Action.NONE, Severity.FAIL, "x")


def test_identity_goes_by_the_workplan_and_only_without_one_by_the_file() -> None:
    finding = Finding.of("C-13", "m", file="a.md", line=3, workplan="W", task="T", db_status="done", mark="x")
    assert finding.identity == ("C-13", "W", "", "T", "x")
    assert replace(finding, message="n", line=9, file="b.md", db_status="todo").identity == finding.identity
    assert Finding.of("C-02", "m", file="a.md").identity == ("C-02", "", "a.md", "", "")


@pytest.mark.parametrize(
    ("action", "fixed"),
    [
        (Action.NONE, False), (Action.CREATED, True), (Action.UPDATED, True), (Action.ADVANCED, True),
        (Action.WRITTEN_BACK, True), (Action.SKIPPED, False), (Action.FAILED, False),
    ],
)  # fmt: skip
def test_is_fixed(action: Action, fixed: bool) -> None:
    assert replace(Finding.of("C-13", "m"), action=action).is_fixed is fixed
