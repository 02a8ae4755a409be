"""Which open findings a run may resolve."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection

import pytest

from consistency.core.codes import CODES
from consistency.core.comparison.drift import Unevaluated
from consistency.core.finding import PROPOSED, UNPUSHED
from consistency.db.finding_history import fingerprint
from consistency.db.resolution import Doubts, RunScope
from consistency.models import Finding

A = "workplans/a.md"


def finding(code: str, file: str = A, workplan: str = "WP-1", task: str = "T01") -> Finding:
    return Finding(fingerprint="f" * 64, code=code, file=file, workplan=workplan, task=task)


def compared(
    doubts: Collection[Unevaluated], due: Collection[str], *, tried: bool, unpushed: bool = False
) -> Callable[[Finding], bool]:
    """Return what a run covers that compared its checkout; *tried* says that it tried the writebacks that are *due*."""
    left = () if tried else due
    scope = RunScope(compared=True, doubts=Doubts(doubts), due=left, is_pushed=not unpushed, answered=True)
    return scope.covers


def resolved(doubts: list[Unevaluated], due: set[str] | None = None, tried: bool = True, task: str = "T01") -> set[str]:
    """Return the codes that a run resolves when it no longer sees them."""
    evaluated = compared(doubts, due or set(), tried=tried)
    return {code for code in CODES if evaluated(finding(code, task=task))}


NOTHING, GATES_ALONE = RunScope(), RunScope(inspected=True)
ALL = set(CODES)
PRESENCE = {"C-02", "C-03", "C-08", "C-23", "C-27"}
"""The results of a look for a file, whatever it contains."""


def test_run_that_saw_nothing() -> None:
    assert [code for code in CODES if NOTHING.covers(finding(code))] == ["C-29"]
    assert [code for code in CODES if NOTHING._replace(answered=True).covers(finding(code))] == ["C-26", "C-29"]


def test_run_that_was_held_back() -> None:
    assert [code for code in CODES if GATES_ALONE.covers(finding(code))] == ["C-01", "C-29"]
    assert [code for code in CODES if GATES_ALONE.covers(finding(code, file=""))] == [
        "C-01",
        "C-14",
        "C-18",
        "C-21",
        "C-29",
    ]
    answered = GATES_ALONE._replace(answered=True)
    assert [code for code in CODES if answered.covers(finding(code, file=""))] == [
        "C-01",
        "C-14",
        "C-18",
        "C-21",
        "C-22",
        "C-26",
        "C-29",
    ]


def test_run_without_an_answer_of_the_remote() -> None:
    scope = RunScope(compared=True)
    assert [code for code in CODES if not scope.covers(finding(code, file=""))] == ["C-22", "C-26"]


def test_code_of_another_version_is_over_once_all_is_compared() -> None:
    assert not GATES_ALONE.covers(finding("C-99", file=""))
    assert resolved([]) == ALL
    assert compared([], (), tried=True)(finding("C-99"))
    assert not compared([Unevaluated(file=A)], (), tried=True)(finding("C-99"))


@pytest.mark.parametrize(
    ("doubts", "codes"),
    [
        ([], ALL),
        (
            [
                Unevaluated(file="workplans/b.md"),
                Unevaluated(workplan="WP-2"),
                Unevaluated(workplan="WP-1", task="T02"),
            ],
            ALL,
        ),
        ([Unevaluated(file=A)], PRESENCE),
        ([Unevaluated(workplan="WP-1")], {*PRESENCE, "C-04"}),
        ([Unevaluated(workplan="WP-1", task="T01")], {*PRESENCE, "C-04", "C-05", "C-06", "C-17", "C-24"}),
        (
            [Unevaluated(workplan="WP-1", task="T01", there=True)],
            {*PRESENCE, "C-04", "C-05", "C-06", "C-10", "C-17", "C-24"},
        ),
    ],
)
def test_doubts(doubts: list[Unevaluated], codes: set[str]) -> None:
    assert resolved(doubts) == {*codes, "C-26", "C-29"}  # The remote answered.


def test_doubt_about_a_task_leaves_its_workplan() -> None:
    assert resolved([Unevaluated(workplan="WP-1", task="T01")], task="") == ALL


def test_names_are_compared_as_they_are_stored() -> None:
    evaluated = compared(
        [Unevaluated(file="x\udcff.md"), Unevaluated(workplan="W\0"), Unevaluated(workplan="V\0", task="T\0")],
        (),
        tried=True,
    )
    for row in (
        finding("C-12", file="x\\udcff.md"),
        finding("C-12", workplan="W\\x00"),
        finding("C-12", workplan="V\\x00", task="T\\x00"),
    ):
        assert not evaluated(row)


@pytest.mark.parametrize("unpushed", [False, True])
@pytest.mark.parametrize("due", [set[str](), {A}])
def test_push_that_failed_stands_until_nothing_is_left_to_push(unpushed: bool, due: set[str]) -> None:
    row = Finding(fingerprint=fingerprint(UNPUSHED), code="C-16")
    evaluated = compared([], due, tried=False, unpushed=unpushed)
    assert evaluated(row) is not unpushed
    assert not GATES_ALONE.covers(row)
    scopes = (RunScope(compared=True), GATES_ALONE, NOTHING)
    assert all(each._replace(is_pushed=True).covers(row) for each in scopes)
    assert not NOTHING._replace(is_pushed=True).covers(finding("C-16"))


@pytest.mark.parametrize(
    ("due", "tried"), list(itertools.product([set[str](), {A}, {"workplans/b.md"}], [False, True]))
)
def test_trouble_with_writing(due: set[str], tried: bool) -> None:
    evaluated = compared([], due, tried=tried)
    of_file = tried or A not in due
    assert [evaluated(finding(code)) for code in ("C-14", "C-16")] == [of_file, of_file]
    gate, whole = (evaluated(finding(code, file="", workplan="", task="")) for code in ("C-14", "C-16"))
    assert (gate, whole) == (True, tried or not due)


def test_proposal_that_waits_ends_once_that_is_known() -> None:
    """Whatever else the run saw."""
    row = Finding(fingerprint=fingerprint(PROPOSED), code="C-16")
    scopes = [NOTHING, GATES_ALONE, RunScope(compared=True, is_pushed=True, answered=True)]
    assert not any(each.covers(row) for each in scopes)
    assert all(each._replace(proposal_known=True).covers(row) for each in scopes)
    assert not NOTHING._replace(proposal_known=True).covers(finding("C-16"))
