"""Phrases for the values of a report: freshness, actions, numbers."""

from __future__ import annotations

from consistency.core.codes import BEHIND
from consistency.core.comparison.gates import NOT_ASKED, is_failure
from consistency.core.finding import Action, Finding
from consistency.reports.outcome import CheckoutOutcome
from statehub.text import plural


def action_of(finding: Finding) -> str:
    """Say what was done about *finding*, with the new status if there is one; may be empty."""
    phrase = finding.action.phrase
    if finding.code == BEHIND:  # Its message says what is held back.
        return ""
    if finding.action is Action.ADVANCED and finding.file_status:
        return f"{phrase} to {finding.file_status}"
    if finding.action is Action.WRITTEN_BACK and finding.db_status:
        return f"{phrase}: it now says {finding.db_status}"
    return phrase


_WITHOUT_DISTANCE = {"no_upstream": "no upstream", "gone": "its branch is gone from the remote"}


def freshness_of(repo: CheckoutOutcome) -> str:
    """Say how *repo*'s checkout compares with its upstream; empty if it was not asked."""
    # How far, git can only tell of commits that have come here.
    ahead = "some commits" if repo.ahead is None else count(repo.ahead, "commit")
    behind = f"{count(repo.behind, 'commit')} behind" if repo.behind else "behind"
    match repo.freshness:
        case "fresh":
            return f"{ahead} ahead of its remote" if repo.ahead else "up to date with its remote"
        case "behind":
            return f"{behind} its remote"
        case "diverged":
            return f"diverged from its remote, {ahead} ahead and {repo.behind or 'some'} behind"
        case "unknown":
            return _not_fetched(repo.fetch) + (f", {ahead} ahead of what is known of it" if repo.ahead else "")
        case other:
            return _WITHOUT_DISTANCE.get(other or "", other or "")


def _not_fetched(outcome: str) -> str:
    if outcome == NOT_ASKED:
        return "remote not asked"
    return "remote could not be reached" if is_failure(outcome) else "remote not fetched"


def count(number: int, noun: str) -> str:
    """Return *number* and *noun*, in the plural if needed: `1 task`, `2 tasks`, `2 statuses`."""
    return f"{number} {plural(number, noun)}"
