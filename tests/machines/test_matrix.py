"""Whatever people, programs and fixes do to a task, in whatever order: all machines agree, and nothing is lost."""

from __future__ import annotations

import os

import pytest

from tests.machines.matrix import Matrix
from tests.machines.matrix_world import World
from tests.support.repos import Origin

LENGTH = int(os.environ.get("MATRIX_LENGTH", "3"))

pytestmark = pytest.mark.usefixtures("hub")


@pytest.mark.parametrize("edited", ["in_progress", "cancelled"])
def test_every_order(origin: Origin, edited: str) -> None:
    matrix = Matrix(World(origin, edited), LENGTH, again="AGAIN" in os.environ)
    figures = matrix.walk()
    print(f"\n{edited}: {figures}")
    print("\n".join(figures.faults))
    assert not figures.faults
    for order, state in matrix.sample(12):
        assert matrix.world.replay(state, order), order
