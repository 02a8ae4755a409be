"""Runs over one checkout, below the commands."""

from __future__ import annotations

from consistency.reports.outcome import CheckoutOutcome
from consistency.runs.fetching import fetch_all
from consistency.runs.options import RunOptions
from consistency.runs.run import run_checkout
from statehub.models import Checkout


def run_alone(checkout: Checkout, options: RunOptions) -> CheckoutOutcome:
    """Check or fix *checkout*, as a command does for it alone."""
    with next(fetch_all([checkout], options, 1)) as opened:
        return run_checkout(opened, options, lambda _line: None)
