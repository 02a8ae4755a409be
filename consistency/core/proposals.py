"""Decides what becomes of the branch that holds the hub's statuses for a repo with a protected branch."""

from __future__ import annotations

from enum import StrEnum

FOLDER = "statehub"


class Step(StrEnum):
    """The next step for the proposal's branch on the remote."""

    NOTHING = "nothing"
    WAIT = "wait"
    REST = "rest"
    PUSH = "push"
    WITHDRAW = "withdraw"
    LEAVE = "leave"


def proposal_branch(branch: str) -> str:
    """Return the branch that proposes changes of the repo's *branch*."""
    return f"{FOLDER}/{branch}"


def next_step(wanted: str, recorded: str, there: str, *, own: bool, merged: bool, is_same: bool = False) -> Step:
    """Return what to do if the branch has the commit *there*, and should have *wanted*; '' is none.

    *recorded* is the commit that the hub left there; *is_same* if *wanted* says the same, on another commit of the
    repo's branch. The commit that is there is the hub's *own*, or *merged* if the repo's branch has it.

    | wanted | there | step |
    | --- | --- | --- |
    | none | an own commit | withdraw it |
    | none | none, or another commit | nothing: it is left alone |
    | a commit | the same | wait: it is proposed |
    | a commit | none, and recorded is one that says the same | rest: a person has closed it |
    | a commit | none, an own or a merged one | push |
    | a commit | another commit | leave it alone, and say so |
    """
    if not wanted:
        return Step.WITHDRAW if there and own else Step.NOTHING
    if there == wanted:
        return Step.WAIT
    if not there:
        return Step.REST if recorded == wanted or is_same else Step.PUSH
    return Step.PUSH if own or merged else Step.LEAVE
