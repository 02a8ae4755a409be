"""The same promises in the states that real clones get into: each variant takes every order of what can happen there.

MATRIX_VARIANT_LENGTH=4 takes them further.
"""

from __future__ import annotations

import os

import pytest

from testing.repos import Origin
from tests.multihost.matrix import Matrix
from tests.multihost.matrix_variants import VARIANTS, Variant
from tests.multihost.matrix_world import World

ON_POSTGRESQL = os.environ["DATABASE_URL"].startswith("postgres")
LENGTH = int(os.environ.get("MATRIX_VARIANT_LENGTH", "2" if ON_POSTGRESQL else "3"))
"""The most actions of an order; each comes once."""
SAMPLE = 2
"""Number of states, far from the start, that are reached once more without putting anything back on the way."""

pytestmark = pytest.mark.usefixtures("hub")


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_every_order_in_a_state(origin: Origin, variant: type[Variant]) -> None:
    world = World(origin, "in_progress", variant())
    matrix = Matrix(world, LENGTH + variant.further)
    figures = matrix.walk()
    print(f"\n{variant.name}: {figures}")
    assert not figures.faults, "\n".join(figures.faults)
    for order, state in matrix.sample(SAMPLE):
        assert world.replay(state, order), order
