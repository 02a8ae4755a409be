"""Counts of checkouts, the overdue ones, and the repos that need attention."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from web.dashboard.checkouts import count, of_repos, select_overdue, worst_repos
from web.dashboard.dto import ActiveCheckout, CheckoutCounts, OverdueCheckouts

CUTOFF = datetime(2026, 3, 2, tzinfo=UTC)
LATE = CUTOFF - timedelta(microseconds=1)


def checkout(
    pk: int,
    *,
    repo: int = 1,
    finished: datetime | None = CUTOFF,
    freshness: str = "fresh",
    outcome: str = "ok",
    is_new: bool = False,
    has_finding: bool = False,
) -> ActiveCheckout:
    run = ("a", freshness, outcome, finished) if finished else ()
    return ActiveCheckout(pk, repo, f"repo-{repo}", "host", f"/{pk}", is_new, has_finding, *run)


def test_held_back_are_those_behind_diverged_or_gone() -> None:
    values = ("fresh", "no_upstream", "unknown", "", "behind", "diverged", "gone")
    rows = [checkout(pk, freshness=value) for pk, value in enumerate(values)]
    assert count([*rows, checkout(9, finished=None)]) == CheckoutCounts(total=8, held=3)
    assert count([]) == CheckoutCounts(total=0, held=0)


def test_overdue_that_never_ran_come_first_and_then_the_longest_ago() -> None:
    long_ago = CUTOFF - timedelta(days=9)
    rows = [
        checkout(1, finished=LATE),
        checkout(2, finished=long_ago),
        checkout(3, finished=None),
        checkout(4, finished=None, is_new=True),
        checkout(5),
        checkout(6, finished=long_ago, is_new=True),
        checkout(7, finished=None),
    ]
    order = [rows[index] for index in (2, 6, 1, 5, 0)]
    assert select_overdue(rows, CUTOFF, 9) == OverdueCheckouts(5, order)
    assert select_overdue(rows, CUTOFF, 2) == OverdueCheckouts(5, order[:2])
    assert select_overdue(rows[3:5], CUTOFF, 9) == OverdueCheckouts(0, [])


WORSE_AND_WORSE = [
    checkout(0),
    checkout(0, has_finding=True),
    checkout(0, finished=None),
    checkout(0, finished=None, has_finding=True),
    checkout(0, finished=LATE),
    checkout(0, finished=LATE, has_finding=True),
    checkout(0, outcome="error"),
    checkout(0, finished=LATE, outcome="error", has_finding=True),
    checkout(0, freshness="behind", outcome="error"),
    checkout(0, freshness="behind", has_finding=True),
    checkout(0, freshness="gone"),
    checkout(0, freshness="diverged", outcome="skipped", has_finding=True),
]


def test_repos_with_worse_checkouts_come_first() -> None:
    rows = [row._replace(repo=number, slug=f"repo-{number}") for number, row in enumerate(WORSE_AND_WORSE)]
    order = [(number, f"repo-{number}") for number in reversed(range(len(rows)))]
    assert worst_repos(rows, CUTOFF, 99) == order
    assert worst_repos(rows, CUTOFF, 3) == order[:3]


@pytest.mark.parametrize("turn", [1, -1])
def test_repo_is_as_bad_as_its_worst_checkout_and_the_order_stays_otherwise(turn: int) -> None:
    rows = [
        checkout(1, repo=3),
        checkout(2, repo=1),
        *[checkout(3, repo=2), checkout(4, repo=2, freshness="gone")][::turn],
        checkout(5, repo=4, freshness="diverged"),
    ]
    assert worst_repos(rows, CUTOFF, 9) == [(2, "repo-2"), (4, "repo-4"), (3, "repo-3"), (1, "repo-1")]


def test_of_repos_keeps_the_order_of_checkouts() -> None:
    rows = [checkout(1, repo=1), checkout(2, repo=2), checkout(3, repo=3), checkout(4, repo=1)]
    repos = [(3, "repo-3"), (1, "repo-1")]
    assert of_repos(rows, repos, 9) == [rows[0], rows[2], rows[3]]
    assert of_repos(rows, repos, 2) == [rows[0], rows[2]]
