"""Registers clones for tests, and says how that went."""

from __future__ import annotations

import pytest

from consistency.cli.registration import Wishes, register
from consistency.cli.selection import RegistrationError
from consistency.git.worktree import find_worktree
from statehub.models import Checkout, Repo
from testing.environment import HOST
from testing.repos import Clone


def wishes(slug: str | None, workplans: str | None, branch: str | None) -> Wishes:
    return Wishes(slug, [] if workplans is None else [workplans], (), branch)


def registered(
    clone: Clone, slug: str | None = None, workplans: str | None = None, host: str = HOST, branch: str | None = None
) -> Checkout:
    return register(find_worktree(str(clone.path)), host, wishes(slug, workplans, branch)).checkout


def note(clone: Clone, slug: str | None = None, workplans: str | None = None, branch: str | None = None) -> str:
    return register(find_worktree(str(clone.path)), HOST, wishes(slug, workplans, branch)).note


def refusal(clone: Clone, slug: str | None = None, workplans: str | None = None, branch: str | None = None) -> str:
    """Return the reason of a refused registration; nothing has changed then."""
    before = list(Repo.objects.values()), list(Checkout.objects.values())
    with pytest.raises(RegistrationError) as caught:
        registered(clone, slug, workplans, branch=branch)
    assert (list(Repo.objects.values()), list(Checkout.objects.values())) == before
    return str(caught.value)
