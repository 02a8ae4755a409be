"""The record of a repo's proposal, which several hosts keep."""

from __future__ import annotations

import pytest

from consistency.db.proposals import may_be_proposed, read_proposal, record_attempt
from consistency.models import Proposal
from statehub.models import Repo

pytestmark = pytest.mark.django_db


def test_two_hosts_propose_for_the_first_time_at_once() -> None:
    repo = Repo.objects.create(slug="net")
    here, there = read_proposal(repo.pk), read_proposal(repo.pk)
    assert not may_be_proposed(Repo.objects.get())
    record_attempt(here, "statehub/main", "a" * 40)
    record_attempt(there, "statehub/main", "b" * 40)
    assert [(row.repo, row.base) for row in Proposal.objects.all()] == [(repo, "b" * 40)]
    assert may_be_proposed(Repo.objects.get())
