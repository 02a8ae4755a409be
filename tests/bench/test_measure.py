"""Timing a command."""

import os
import sys
from pathlib import Path

import pytest

from bench.measure import Cost, Pairs, RunFailedError, Sample, timed

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def test_timed_charges_children_and_memory_to_the_command(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    program = f"import subprocess, sys; kept = b'x' * 60_000_000; subprocess.run([sys.executable, '-c', {burn!r}])"
    sample = timed([sys.executable, "-c", program], environment=ENVIRONMENT, folder=tmp_path)
    assert sample.cpu > 0.2
    assert sample.wall > 0.2
    assert sample.peak > 60_000_000


def test_timed_does_not_charge_the_caller_s_memory(tmp_path: Path) -> None:
    held = b"x" * 100_000_000
    assert timed(["git", "--version"], environment=ENVIRONMENT, folder=tmp_path).peak < len(held) / 2


def test_timed_failing_command_tells_its_last_words(tmp_path: Path) -> None:
    program = "import sys; sys.exit('no such slug')"
    with pytest.raises(RunFailedError, match="exited with 1: no such slug"):
        timed([sys.executable, "-c", program], environment=ENVIRONMENT, folder=tmp_path)


def test_cost_is_best_and_median() -> None:
    cost = Cost((Sample(3.0, 2.0, 10), Sample(1.0, 0.9, 30), Sample(1.5, 0.8, 20)))
    assert (cost.wall, cost.wall_median, cost.cpu, cost.cpu_median, cost.peak) == (1.0, 1.5, 0.8, 0.9, 30)


def test_pairs_compare_each_run_with_the_one_after_it() -> None:
    ours = [Sample(3.0, 2.0, 10), Sample(1.0, 0.8, 30), Sample(1.5, 0.9, 20)]
    others = [Sample(2.0, 1.0, 5), Sample(1.0, 1.0, 5), Sample(0.5, 0.3, 5)]
    pairs = Pairs.of(list(zip(ours, others, strict=True)))
    assert pairs == Pairs(Cost(tuple(ours)), Cost(tuple(others)))
    assert (pairs.wall_ratios, pairs.cpu_ratio) == ((1.0, 1.5, 3.0), 2.0)
