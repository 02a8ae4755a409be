"""The consequences of a poll."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from consistency.core.comparison.reachability import HOOK_GRACE
from consistency.worker.polling import Decision, Row, decide, tick_seconds, vary, wait_after

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BEGAN = NOW - timedelta(seconds=1)
QUIET = Row(
    managed=True,
    tip="a" * 40,
    poll_failures=0,
    unannounced_at=None,
    rung_at=None,
    hook_heard_at=None,
    ran_at=NOW - timedelta(minutes=10),
)
NOTHING = Decision(run=False, urgent=False, is_news=False, unannounced=False, failures=0, wait=300.0)
NEWS = Decision(run=True, urgent=True, is_news=True, unannounced=False, failures=0, wait=300.0)


def decided(before: Row, tip: str | None = "a" * 40, after: Row | None = None, interval: float = 300.0) -> Decision:
    return decide(BEGAN, before, NOW, after or before, tip, interval)


def test_same_commit_leads_to_nothing() -> None:
    assert decided(QUIET) == NOTHING


def test_another_commit_is_run_at_once() -> None:
    assert decided(QUIET, "b" * 40) == NEWS


def test_branch_that_is_gone_is_news() -> None:
    assert decided(QUIET, "") == NEWS
    assert decided(QUIET._replace(tip=""), "") == NOTHING


def test_checkout_without_a_run_is_run_after_all_others() -> None:
    assert decided(QUIET._replace(ran_at=None)) == NOTHING._replace(run=True)


def test_checkout_is_run_once_an_hour() -> None:
    assert decided(QUIET._replace(ran_at=NOW - timedelta(minutes=59))) == NOTHING
    assert decided(QUIET._replace(ran_at=NOW - timedelta(minutes=60))) == NOTHING._replace(run=True)


def test_clone_of_a_person_is_run_at_each_poll() -> None:
    watched = QUIET._replace(managed=False, poll_failures=3)
    assert decided(watched, None) == NOTHING._replace(run=True)


def test_run_that_was_faster_than_the_answer() -> None:
    # The answer may be the commit before.
    assert decided(QUIET, "a" * 40, QUIET._replace(tip="b" * 40)) == NOTHING
    assert decided(QUIET, "c" * 40, QUIET._replace(tip="b" * 40)) == NOTHING


def test_first_failure_is_run_and_further_ones_only_wait() -> None:
    assert decided(QUIET, None) == NOTHING._replace(run=True, failures=1, wait=600.0)
    assert decided(QUIET._replace(poll_failures=1), None) == NOTHING._replace(failures=2, wait=1200.0)
    late = QUIET._replace(poll_failures=5, ran_at=NOW - timedelta(hours=1))
    assert decided(late, None) == NOTHING._replace(run=True, failures=6, wait=3600.0)


def test_answer_ends_the_failures() -> None:
    assert decided(QUIET._replace(poll_failures=5)) == NOTHING


def test_push_without_its_webhook_is_polled_again_after_the_grace() -> None:
    heard = QUIET._replace(hook_heard_at=BEGAN - timedelta(days=1))
    assert decided(heard, "b" * 40) == NEWS._replace(unannounced=True, wait=61.0)
    assert decided(heard, "b" * 40, interval=20.0) == NEWS._replace(unannounced=True, wait=20.0)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(QUIET, id="no webhook was ever heard"),
        pytest.param(QUIET._replace(hook_heard_at=BEGAN + timedelta(seconds=0.5)), id="heard during the poll"),
        pytest.param(
            QUIET._replace(hook_heard_at=BEGAN - timedelta(days=1), rung_at=BEGAN - timedelta(minutes=3)),
            id="a push is known and not taken yet",
        ),
        pytest.param(
            QUIET._replace(
                hook_heard_at=BEGAN - timedelta(days=1), unannounced_at=NOW - timedelta(hours=3), ran_at=BEGAN
            ),
            id="another one was not announced before",
        ),
    ],
)
def test_push_that_needs_no_webhook(row: Row) -> None:
    assert decided(row, "b" * 40) == NEWS


def test_run_that_answers_after_the_push_is_no_lost_webhook() -> None:
    heard = QUIET._replace(hook_heard_at=BEGAN - timedelta(days=1))
    assert decided(heard, "b" * 40, heard._replace(tip="c" * 40)) == NOTHING


def test_lost_webhook_is_reported_by_one_run_after_the_grace() -> None:
    since = NOW - HOOK_GRACE
    silent = QUIET._replace(hook_heard_at=NOW - timedelta(days=1), unannounced_at=since, ran_at=since)
    assert decided(silent) == NOTHING._replace(run=True, urgent=True)
    assert decided(silent._replace(unannounced_at=since + timedelta(seconds=1))) == NOTHING
    assert decided(silent._replace(ran_at=since + HOOK_GRACE)) == NOTHING


def test_waits_grow_up_to_an_hour() -> None:
    assert [wait_after(failures, 300) for failures in (1, 2, 3, 4, 5, 500)] == [600, 1200, 2400, 3600, 3600, 3600]
    assert wait_after(3, 7200) == 7200


def test_waits_vary_by_a_tenth() -> None:
    assert [vary(300, random) for random in (0.0, 0.5, 1.0)] == pytest.approx([270, 300, 330])


def test_ticks() -> None:
    assert [tick_seconds(interval) for interval in (1, 29, 60, 150, 300, 86400)] == [1, 1, 2, 5, 10, 10]
