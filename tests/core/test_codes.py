"""The table of codes against the design's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from consistency.core import codes
from consistency.core.codes import CODES, SEVERITIES, Kind, Severity, codes_of, collect_remedies, find_remedy
from consistency.core.finding import Finding

ROOT = Path(__file__).resolve().parents[2]
LITERAL = re.compile(r"""["'](C-\d\d)["']""")
NAMES = {value: name for name, value in vars(codes).items() if isinstance(value, str) and value in CODES}
"""Code → the name of its constant."""


def test_codes_are_those_of_the_design_in_their_order() -> None:
    assert list(CODES) == [f"C-{number:02}" for number in range(1, 30)]
    assert all(code.id == id and code.title and code.remedy.endswith(".") for id, code in CODES.items())


def test_severities_are_those_of_the_design() -> None:
    failing = {code.id for code in CODES.values() if code.severity is Severity.FAIL}
    assert failing == {"C-01", "C-02", "C-03", "C-04", "C-05", "C-06", "C-17", "C-19", "C-20"}
    assert [code.id for code in CODES.values() if code.severity is Severity.INFO] == ["C-27"]
    assert SEVERITIES == (Severity.INFO, Severity.WARN, Severity.FAIL)


def test_severity_of_an_unknown_code_is_an_error() -> None:
    with pytest.raises(KeyError):
        _ = Finding("C-99", "m").severity


def test_no_remedy_advises_deletion_of_a_workplan() -> None:
    # A file may come back: from a branch, a stash, a disk. A block may, too, until its removal is pushed.
    assert [code.id for code in CODES.values() if "delete" in code.remedy.lower()] == ["C-10"]


def test_remedy_of_a_writeback_is_what_the_repo_allows() -> None:
    pushed, proposed, off = (find_remedy("C-13", writeback, "T01") for writeback in ("push", "propose", "off"))
    assert pushed == find_remedy("C-13", "", "T01") == CODES["C-13"].remedy
    assert ("Run fix_consistency" in proposed, "merge the proposal" in proposed) == (False, True)
    assert ("Run fix_consistency" in off, "set the status in the file" in off) == (False, True)
    assert (find_remedy("C-15", "propose", "T01"), find_remedy("C-15", "off", "T01")) == (proposed, off)
    own = "The hub never writes a workplan's own status: set it in the front matter."
    assert {find_remedy(code, "push", None) for code in ("C-13", "C-15")} == {own}
    assert find_remedy("C-11", "off", "T01") == CODES["C-11"].remedy


def test_remedies_of_several_repos_are_joined() -> None:
    found = [("C-13", "off", "T01"), ("C-05", "", None), ("C-13", "push", "T01"), ("C-13", "push", "T02")]
    off = find_remedy("C-13", "off", "T01")
    assert collect_remedies(found) == {"C-05": CODES["C-05"].remedy, "C-13": f"{CODES['C-13'].remedy} {off}"}
    assert collect_remedies([]) == {}


def test_kinds_are_those_of_the_design() -> None:
    assert codes_of(Kind.GATE) == ("C-14", "C-18", "C-19", "C-21", "C-22")
    assert codes_of(Kind.WRITEBACK) == ("C-13", "C-15")
    assert codes_of(Kind.NOTE) == ("C-27",)
    assert codes_of(Kind.DRIFT) == ("C-07", "C-08", "C-09", "C-10", "C-11", "C-12")
    assert sum(len(codes_of(kind)) for kind in Kind) == len(CODES)
    assert codes.STATUS_CODES == ("C-11", "C-13", "C-15")
    assert codes.GONE_WORKPLAN_CODES == ("C-08", "C-27")


def test_every_code_has_a_constant_and_is_named_by_it_alone() -> None:
    assert list(NAMES) == list(CODES)
    product = [file for folder in ("statehub", "consistency", "web") for file in (ROOT / folder).rglob("*.py")]
    found = [
        (str(file.relative_to(ROOT)), code)
        for file in product
        if file != Path(codes.__file__) and "migrations" not in file.parts
        for code in LITERAL.findall(file.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize("code", CODES)
def test_table_names_the_modules_that_write_a_message(code: str) -> None:
    makers = "Finding|Problem|_report|_problem|_without_file"
    makes = re.compile(rf"\b(?:{makers})\([^()]*\b{NAMES[code]}\b")
    package = ROOT / "consistency"
    texts = {
        ".".join(file.relative_to(package).with_suffix("").parts): file.read_text("utf-8")
        for file in package.rglob("*.py")
    }
    named = set(CODES[code].messages)
    assert {module for module, text in texts.items() if makes.search(text)} <= named <= texts.keys()
    assert any(NAMES[code] in texts[module] for module in named)
