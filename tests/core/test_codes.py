"""The table of codes against the design's."""

from __future__ import annotations

import pytest

from consistency.core.codes import CODES, SEVERITIES, Severity, severity_of


def test_codes_are_those_of_the_design_in_their_order() -> None:
    assert list(CODES) == [f"C-{number:02}" for number in range(1, 28)]
    assert all(code.id == id and code.title and code.remedy.endswith(".") for id, code in CODES.items())


def test_severities_are_those_of_the_design() -> None:
    failing = {code.id for code in CODES.values() if code.severity is Severity.FAIL}
    assert failing == {"C-01", "C-02", "C-03", "C-04", "C-05", "C-06", "C-17", "C-19", "C-20"}
    assert [code.id for code in CODES.values() if code.severity is Severity.INFO] == ["C-27"]
    assert SEVERITIES == (Severity.INFO, Severity.WARN, Severity.FAIL)


def test_severity_of_an_unknown_code_is_an_error() -> None:
    with pytest.raises(KeyError):
        severity_of("C-99")


def test_no_remedy_advises_deletion_of_a_workplan() -> None:
    # A file may come back: from a branch, a stash, a disk. A block may, too, until its removal is pushed.
    assert [code.id for code in CODES.values() if "delete" in code.remedy.lower()] == ["C-10"]
