"""prune_history: what it says, and what it takes for days."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from consistency.models import Finding, Mode, Run
from statehub.models import Checkout, Repo
from testing.hub import Hub
from testing.manage import Ended
from tests.cli.helpers import run
from tests.cli.test_imports import ALLOWED, OF_POSTGRESQL, loaded, top_level


def old(runs: int, findings: int, days: int = 100) -> None:
    """Create *runs* that are *days* old in addition to a present one, and findings that were resolved then."""
    checkout = Checkout.objects.create(repo=Repo.objects.create(slug="net"), host="here", path="/srv/net")
    then = timezone.now() - timedelta(days=days)
    Run.objects.create(checkout=checkout, mode=Mode.FIX)
    Run.objects.bulk_create([Run(checkout=checkout, mode=Mode.FIX, started_at=then) for _ in range(runs)])
    Finding.objects.bulk_create(
        Finding(
            checkout=checkout, fingerprint=str(number), code="C-13", severity="WARN", message="", first_seen=then,
            last_seen=then, resolved_at=then, resolution="gone",
        )
        for number in range(findings)
    )  # fmt: skip


def counts() -> tuple[int, int]:
    return Finding.objects.count(), Run.objects.count()


def test_says_what_it_deleted(hub: Hub) -> None:
    old(runs=56, findings=1_234)
    would = Ended(0, "would delete 1,234 findings and 56 runs older than 90 days\n", "")
    assert run("prune_history", "--older-than", "90", "--dry-run") == would
    assert counts() == (1_234, 57)
    did = Ended(0, "deleted 1,234 findings and 56 runs older than 90 days\n", "")
    assert hub.manage("prune_history", "--older-than", "90") == did
    assert counts() == (0, 1)
    nothing = Ended(0, "nothing to delete is older than 90 days\n", "")
    assert run("prune_history", "--older-than", "90") == nothing
    assert run("prune_history", "--older-than", "90", "--dry-run") == nothing


def test_one_of_each(hub: Hub) -> None:
    old(runs=1, findings=1)
    assert run("prune_history", "--older-than", "1").stdout == "deleted 1 finding and 1 run older than 1 day\n"


def test_younger_ones_stay(hub: Hub) -> None:
    old(runs=2, findings=2, days=89)
    assert run("prune_history", "--older-than", "90").stdout == "nothing to delete is older than 90 days\n"
    assert counts() == (2, 3)


def test_silent(hub: Hub) -> None:
    old(runs=2, findings=2)
    assert run("prune_history", "--older-than", "7", "--verbosity", "0") == Ended(0, "", "")
    assert counts() == (0, 1)


@pytest.mark.parametrize("days", ["0", "-1", "1.5", "soon", "", "²", "36501", "9" * 5_000])
def test_days_that_are_none(hub: Hub, days: str) -> None:
    words = f"argument --older-than: '{days}' is not a whole number of days from 1 to 36500 (--help shows how)"
    assert run("prune_history", f"--older-than={days}") == Ended(2, "", f"error: prune_history: {words}\n")


def test_longest_time(hub: Hub) -> None:
    assert run("prune_history", "--older-than", "36500").stdout == "nothing to delete is older than 36,500 days\n"


def test_days_must_be_given(hub: Hub) -> None:
    line = "error: prune_history: the following arguments are required: --older-than (--help shows how)\n"
    assert run("prune_history") == Ended(2, "", line)


def test_loads_only_the_two_apps(hub: Hub) -> None:
    modules = loaded(hub, "prune_history", "--older-than", "90")
    postgresql = set() if hub.url.startswith("sqlite:") else OF_POSTGRESQL
    assert top_level(modules) - ALLOWED - postgresql == set()
