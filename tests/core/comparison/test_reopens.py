"""The table of `age_of`, row by row, and where rows meet."""

from __future__ import annotations

from typing import Any

import pytest

from consistency.core.comparison.reopens import Age, Bringing, Evidence, Statement, age_of

NOW = 1_000_000
X = Statement("x", NOW - 500, "the file")
"""The statement that the hub had taken: commit x."""
EVIDENCE = Evidence(NOW, [X], own={"o", "w"}, later={"w"})


def commit(**facts: Any) -> Bringing:
    return Bringing(**{"commit": "c", "authored": NOW + 10, "digest": "its own", **facts})


def tree(**facts: Any) -> Bringing:
    """The work tree."""
    return Bringing(**{"digest": "its own", **facts})


BEFORE = {"authored": NOW - 10}
HOLES = {"complete": False}
SHALLOW = {"complete": False, "cut": True}
COPY = {"digest": "the file"}

CASES = [
    ("known", commit(known=True), Age.OLD),
    ("known, dated after", commit(known=True, authored=NOW + 86_400), Age.OLD),
    ("known, upon the writeback", commit(known=True, ancestors={"w"}), Age.OLD),
    ("the hub's own", commit(commit="o"), Age.OLD),
    ("the date of a statement", commit(authored=X.authored), Age.OLD),
    ("the date of a statement, upon the writeback", commit(authored=X.authored, ancestors={"w"}), Age.OLD),
    (
        "the date of a statement, upon the writeback, in a shallow clone",
        commit(authored=X.authored, ancestors={"w"}, **SHALLOW),
        Age.NEWS,
    ),
    ("the date of a statement that is below", commit(authored=X.authored, ancestors={"x"}), Age.NEWS),
    ("no date", commit(authored=None), Age.NEWS),
    ("the file of a statement", commit(**COPY), Age.OLD),
    ("the file of a statement, upon the writeback", commit(**COPY, ancestors={"w"}), Age.NEWS),
    ("the file of a statement that is below", commit(**COPY, ancestors={"x"}), Age.NEWS),
    ("the file of a statement, once more", commit(**COPY, again=True), Age.NEWS),
    ("the file of a statement, in a clone with holes", commit(**COPY, **HOLES), Age.OLD),
    ("the file of a statement, in a shallow clone", commit(**COPY, **SHALLOW), Age.NEWS),
    ("the file of a statement, in a shallow clone, dated before", commit(**COPY, **SHALLOW, **BEFORE), Age.OLD),
    ("upon the writeback", commit(ancestors={"w"}), Age.NEWS),
    ("upon the writeback, in a shallow clone, dated before", commit(ancestors={"w"}, **SHALLOW, **BEFORE), Age.NEWS),
    ("never seen, dated before", commit(**BEFORE), Age.NEWS),
    ("never seen, in a clone with holes", commit(**HOLES), Age.NEWS),
    ("never seen, in a clone with holes, dated before", commit(**HOLES, **BEFORE), Age.UNKNOWN),
    ("never seen, in a shallow clone, dated before", commit(**SHALLOW, **BEFORE), Age.UNKNOWN),
    ("never seen, in a shallow clone, dated at that very second", commit(**SHALLOW, authored=NOW), Age.UNKNOWN),
    ("never seen, in a shallow clone, without a date", commit(**SHALLOW, authored=None), Age.UNKNOWN),
    ("uncommitted", tree(), Age.NEWS),
    ("uncommitted, in a shallow clone", tree(**SHALLOW), Age.NEWS),
    ("uncommitted, the file of a statement", tree(**COPY), Age.OLD),
    ("uncommitted, the file of a statement, upon the writeback", tree(**COPY, ancestors={"w"}), Age.NEWS),
    ("uncommitted, the file of a statement that is below", tree(**COPY, ancestors={"x"}), Age.NEWS),
    ("uncommitted, the file is not known", tree(digest=""), Age.NEWS),
]  # fmt: skip


@pytest.mark.parametrize(("bringing", "age"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_age_of_one(bringing: Bringing, age: Age) -> None:
    assert age_of([bringing], EVIDENCE) is age


def test_age_of_what_nobody_knows() -> None:
    assert age_of([], EVIDENCE) is Age.UNKNOWN


OLD, NEW, UNCLEAR = commit(known=True), commit(), commit(**HOLES, **BEFORE)


@pytest.mark.parametrize(
    ("merged", "age"),
    [([OLD, NEW], Age.NEWS), ([UNCLEAR, NEW], Age.NEWS), ([OLD, UNCLEAR], Age.UNKNOWN), ([OLD, OLD], Age.OLD)],
)
def test_age_of_merged_branches(merged: list[Bringing], age: Age) -> None:
    assert age_of(merged, EVIDENCE) is age


def test_statements_without_date_or_file_match_nothing() -> None:
    evidence = Evidence(NOW, [Statement("head of an old run")])
    assert age_of([commit(authored=None, digest="")], evidence) is Age.NEWS


def test_without_any_evidence_it_is_news() -> None:
    assert age_of([commit(**BEFORE)], Evidence(NOW)) is Age.NEWS
