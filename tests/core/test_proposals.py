from __future__ import annotations

import pytest

from consistency.core.proposals import Step, next_step, proposal_branch


def test_branch() -> None:
    assert proposal_branch("main") == "statehub/main"


@pytest.mark.parametrize(
    ("wanted", "recorded", "there", "own", "merged", "step"),
    [
        ("", "", "", False, False, Step.NOTHING),
        ("", "a", "", False, False, Step.NOTHING),
        ("", "a", "a", True, False, Step.WITHDRAW),
        ("", "", "a", True, True, Step.WITHDRAW),
        ("", "a", "x", False, False, Step.NOTHING),
        ("", "a", "x", False, True, Step.NOTHING),
        ("b", "", "", False, False, Step.PUSH),
        ("b", "b", "b", True, False, Step.WAIT),
        ("b", "", "b", True, False, Step.WAIT),
        ("b", "b", "", False, False, Step.REST),
        ("b", "a", "", False, False, Step.PUSH),
        ("b", "a", "a", True, False, Step.PUSH),
        ("b", "b", "a", True, False, Step.PUSH),
        ("b", "a", "x", False, True, Step.PUSH),
        ("b", "b", "x", False, False, Step.LEAVE),
        ("b", "", "x", False, False, Step.LEAVE),
    ],
)
def test_next_step(wanted: str, recorded: str, there: str, own: bool, merged: bool, step: Step) -> None:
    assert next_step(wanted, recorded, there, own=own, merged=merged) is step


@pytest.mark.parametrize(
    ("wanted", "there", "own", "step"),
    [
        ("b", "", False, Step.REST),
        ("b", "a", True, Step.PUSH),
        ("b", "x", False, Step.LEAVE),
        ("", "", False, Step.NOTHING),
    ],
)
def test_next_step_if_the_same_was_said_before(wanted: str, there: str, own: bool, step: Step) -> None:
    assert next_step(wanted, "a", there, own=own, merged=False, is_same=True) is step
