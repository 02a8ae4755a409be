from __future__ import annotations

import pytest

from consistency.core.finding import Action, Finding
from consistency.reports.outcome import CheckoutOutcome
from consistency.reports.phrases import action_of, count, freshness_of


@pytest.mark.parametrize(
    ("freshness", "ahead", "behind", "words"),
    (
        ("fresh", 0, 0, "up to date with its remote"),
        ("fresh", 2, 0, "2 commits ahead of its remote"),
        ("behind", 0, 1, "1 commit behind its remote"),
        ("diverged", 1, 3, "diverged from its remote, 1 commit ahead and 3 behind"),
        ("unknown", 0, 0, "remote not fetched"),
        ("unknown", 1, 0, "remote not fetched, 1 commit ahead of what is known of it"),
        ("no_upstream", 0, 0, "no upstream"),
        (None, 0, 0, ""),
    ),
)
def test_freshness_in_words(
    freshness: str | None, ahead: int, behind: int, words: str, checkout: CheckoutOutcome
) -> None:
    assert freshness_of(checkout._replace(freshness=freshness, ahead=ahead, behind=behind)) == words


@pytest.mark.parametrize(
    ("fetch", "words"),
    (
        ("not asked", "remote not asked"),
        ("fatal: no route", "remote could not be reached"),
        ("", "remote not fetched"),
    ),
)
def test_why_the_remote_is_not_known(fetch: str, words: str, checkout: CheckoutOutcome) -> None:
    assert freshness_of(checkout._replace(freshness="unknown", fetch=fetch)) == words


@pytest.mark.parametrize(
    ("code", "action", "words"),
    (
        ("C-13", Action.NONE, ""),
        ("C-09", Action.CREATED, "created in the hub"),
        ("C-12", Action.UPDATED, "the hub took the file's value"),
        ("C-11", Action.ADVANCED, "the hub advanced to todo"),
        ("C-13", Action.WRITTEN_BACK, "written back into the file: it now says done"),
        ("C-13", Action.SKIPPED, "left alone this time"),
        ("C-13", Action.FAILED, "failed, the next run tries again"),
        ("C-14", Action.SKIPPED, ""),
    ),
)
def test_action_in_words(code: str, action: Action, words: str, ahead: Finding) -> None:
    assert action_of(ahead._replace(code=code, action=action)) == words


def test_action_without_statuses_says_no_status() -> None:
    finding = Finding("C-11", "moved")

    assert action_of(finding._replace(action=Action.ADVANCED)) == "the hub advanced"
    assert action_of(finding._replace(action=Action.WRITTEN_BACK)) == "written back into the file"


def test_every_action_has_words() -> None:
    assert [action for action in Action if not action.phrase] == [Action.NONE]


@pytest.mark.parametrize(
    ("number", "noun", "words"), ((0, "task", "0 tasks"), (1, "task", "1 task"), (2, "task status", "2 task statuses"))
)
def test_count_knows_the_plural(number: int, noun: str, words: str) -> None:
    assert count(number, noun) == words
