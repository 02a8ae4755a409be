"""Whatever people, programs and fixes do to a task, in whatever order: all machines agree, and nothing is lost.

MATRIX_ONCE and MATRIX_LENGTH are the most actions of an order in which each comes once, or in which they come again.
"""

from __future__ import annotations

import os

import pytest

from testing.repos import Origin
from tests.multihost.matrix import Matrix
from tests.multihost.matrix_world import World

ON_POSTGRESQL = os.environ["DATABASE_URL"].startswith("postgres")
ONCE = int(os.environ.get("MATRIX_ONCE", "3" if ON_POSTGRESQL else "6"))
"""Most actions if each comes once."""
AGAIN = int(os.environ.get("MATRIX_LENGTH", "3" if ON_POSTGRESQL else "5"))
"""Most actions if each may come again."""
SAMPLE = 8
"""Number of states, far from the start, that are reached once more without putting anything back on the way."""

pytestmark = pytest.mark.usefixtures("hub")


@pytest.mark.parametrize("edited", ["in_progress", "cancelled"])
def test_every_order(origin: Origin, edited: str) -> None:
    world = World(origin, edited)
    once, again = Matrix(world, ONCE), Matrix(world, AGAIN, again=True)
    for name, matrix in (("each once", once), ("again", again)):
        figures = matrix.walk()
        print(f"\nA's file says {edited}; {name}: {figures}")
        assert figures.faults == []
    for order, state in once.sample(SAMPLE):
        assert world.replay(state, order), order
