"""A worker's checkout is the same as by Django's own query."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext

from consistency.db.checkouts import read_served
from consistency.models import Proposal
from statehub.models import Checkout, Repo

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 28, 12, 0, 0, 123456, tzinfo=UTC)


def values(row: Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


@pytest.fixture
def checkout() -> Checkout:
    repo = Repo.objects.create(slug="net", aliases=["a", "b"], first_commits=["c" * 40], hook_heard_at=NOON)
    return Checkout.objects.create(repo=repo, host="h", path="/net", managed=True, head="d" * 40, poll_at=NOON)


def test_all_of_it_in_one_query(checkout: Checkout) -> None:
    proposal = Proposal.objects.create(repo=checkout.repo, branch="statehub/main", withdrawn=["e" * 40])
    with CaptureQueriesContext(connection) as queries:
        found = read_served(checkout.pk)
        assert found is not None
        read = [values(found), values(found.repo), values(found.repo.proposal)]
    assert len(queries) == 1
    expected = [Checkout.objects.get(), Repo.objects.get(), Proposal.objects.get()]
    assert read == [values(row) for row in expected]
    assert found == checkout
    assert found.repo.proposal == proposal


def test_without_a_proposal(checkout: Checkout) -> None:
    found = read_served(checkout.pk)
    assert found is not None
    with CaptureQueriesContext(connection) as queries:
        assert not hasattr(found.repo, "proposal")
    assert len(queries) == 0


@pytest.mark.parametrize("change", [{"managed": False}, {"retired_at": NOON}])
def test_checkout_that_workers_do_not_run(checkout: Checkout, change: dict[str, Any]) -> None:
    Checkout.objects.update(**change)
    assert read_served(checkout.pk) is None
    assert read_served(checkout.pk + 1) is None
