"""Hubs with workers, and clones of the hub's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.db import connection

from testing.hub import Hub
from testing.repos import Clone, Origin

if TYPE_CHECKING:  # Models can be imported only after Django's set-up.
    from statehub.models import Checkout


@pytest.fixture
def queue_hub(hub: Hub) -> Hub:
    """Return an empty hub that can have workers."""
    if connection.vendor != "postgresql":
        pytest.skip("workers need PostgreSQL")
    return hub


@pytest.fixture
def watched(queue_hub: Hub, clone: Clone) -> Checkout:
    """Return the checkout of `clone`, which has one workplan and is given to workers."""
    from statehub.models import Checkout
    from tests.cli.helpers import mirrored

    mirrored(clone)
    Checkout.objects.update(watch=True)
    return Checkout.objects.select_related("repo").get()


@pytest.fixture
def new_managed(
    queue_hub: Hub, clones: Path, new_origin: Callable[[str], Origin]
) -> Callable[[str], tuple[Checkout, Clone]]:
    """Make a clone of the hub's own that has one workplan; return it, and the clone of a person who pushes."""
    from statehub.models import Checkout
    from tests.cli.helpers import FILE, TEXT, fix, publish, run

    def make(name: str) -> tuple[Checkout, Clone]:
        origin = new_origin(name)
        person = origin.clone(name)
        person.write(FILE, TEXT)
        publish(person, "Plan")
        assert run("register_repo", "--remote", str(origin.path), "--slug", name).exit == 0
        assert fix(name).exit == 0
        return Checkout.objects.select_related("repo").get(repo__slug=name), person

    return make
