"""The checkouts of a sweep, and what is measured over them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import repository
from bench.database import opened
from bench.measure import RunFailedError
from bench.sweep import DELAY_SECONDS, LOCAL, SLOW, Sweep


@pytest.fixture
def sweep(tmp_path: Path) -> Iterator[Sweep]:
    with opened("sqlite", tmp_path / "database") as database:
        sweep = Sweep(tmp_path / "sweep", database, seed=26)
        sweep.create()
        yield sweep


@pytest.mark.proof
def test_sweep_grows_and_is_measured_with_and_without_delay(sweep: Sweep) -> None:
    sweep.grow(1)
    sweep.grow(3)
    roots = {repository.git(checkout, "rev-list", "--max-parents=0", "HEAD") for checkout in sweep.checkouts}
    names = [path.name for checkout in sweep.checkouts for path in checkout.glob("workplans/**/BENCH-*.md")]
    assert (len(roots), len(names), len(set(names))) == (3, 30, 30)
    local, slow = sweep.compared(1)
    assert [(row.database, row.size, row.measure) for row in (local, slow)] == [
        ("sqlite", 3, LOCAL),
        ("sqlite", 3, SLOW),
    ]
    assert slow.pairs.ours.wall > DELAY_SECONDS
    assert slow.pairs.other.wall > DELAY_SECONDS


def test_sweep_with_something_to_do_is_not_measured(sweep: Sweep) -> None:
    sweep.grow(1)
    repository.git(sweep.checkouts[0], "config", "remote.origin.url", str(sweep.checkouts[0] / "missing"))
    with pytest.raises(RunFailedError, match="sweep: 1 of 1 checkouts, 1 busy"):
        sweep.compared(1)
