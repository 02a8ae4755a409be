"""The cost of a command: samples of timed runs, best and median of them, and the ratios to another command's."""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LAUNCHER = Path(__file__).with_name("launch.py")
LAST_WORDS = 600  # characters of stderr that an error shows


class RunFailedError(RuntimeError):
    """A command that was to be measured did not end well; the text has its last words."""


@dataclass(frozen=True)
class Sample:
    """One timed run: seconds on the clock, seconds of CPU with all children, bytes at the peak (0 if not measured)."""

    wall: float
    cpu: float
    peak: int = 0


@dataclass(frozen=True)
class Cost:
    """Cost of repeated runs of the same thing. The best is the run that the machine disturbed least."""

    samples: tuple[Sample, ...]

    @property
    def wall(self) -> float:
        """Seconds of the fastest run."""
        return min(sample.wall for sample in self.samples)

    @property
    def wall_median(self) -> float:
        """Seconds of the run in the middle."""
        return statistics.median(sample.wall for sample in self.samples)

    @property
    def cpu(self) -> float:
        """CPU seconds, user and system with all children, of the cheapest run."""
        return min(sample.cpu for sample in self.samples)

    @property
    def cpu_median(self) -> float:
        """CPU seconds, user and system with all children, of the run in the middle."""
        return statistics.median(sample.cpu for sample in self.samples)

    @property
    def peak(self) -> int:
        """Bytes: the highest peak of all runs."""
        return max(sample.peak for sample in self.samples)


@dataclass(frozen=True)
class Pairs:
    """Costs of two commands that ran in turn, so that a slow minute of the machine meets both samples of a pair."""

    ours: Cost
    other: Cost

    @classmethod
    def of(cls, samples: Sequence[tuple[Sample, Sample]]) -> "Pairs":
        """Return the pairs of these samples, ours first."""
        return cls(Cost(tuple(ours for ours, _ in samples)), Cost(tuple(other for _, other in samples)))

    @property
    def wall_ratios(self) -> tuple[float, float, float]:
        """Lowest, median and highest ratio of wall time, ours to the other's, pair by pair."""
        ratios = [ours.wall / other.wall for ours, other in self._samples]
        return min(ratios), statistics.median(ratios), max(ratios)

    @property
    def cpu_ratio(self) -> float:
        """Median ratio of CPU time, ours to the other's, pair by pair."""
        return statistics.median(ours.cpu / other.cpu for ours, other in self._samples)

    @property
    def _samples(self) -> list[tuple[Sample, Sample]]:
        return list(zip(self.ours.samples, self.other.samples, strict=True))


def timed(command: Sequence[str], *, environment: Mapping[str, str], folder: Path) -> Sample:
    """Run `command` once and return its cost; raises `RunFailedError` if it exits with another status than 0."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        out = Path(scratch, "cost.json")
        launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(out), *command]
        run = subprocess.run(
            launcher, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        if run.returncode:
            raise RunFailedError(run.stderr[-LAST_WORDS:])
        cost = json.loads(out.read_text())
    if cost["status"]:
        raise RunFailedError(f"{' '.join(command)} exited with {cost['status']}: {run.stderr.strip()[-LAST_WORDS:]}")
    return Sample(wall=cost["wall"], cpu=cost["cpu"], peak=cost["peak"])
