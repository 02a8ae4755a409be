"""Programs that fix the checkouts of one host again and again, as cron would: each run is a process of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from threading import Event
from typing import Any

from testing.manage import Ended
from tests.concurrency.world import Place, World, environment

Json = dict[str, Any]

_LOCKED = re.compile(r"error: \w+: another run is working on \S+; try again when it has ended")
_DROPPED = re.compile(
    r"\S+: dropped \d+ commits? of State Hub's own that had diverged from \S+; what they wrote is written again on"
    r" top of it"
)


@dataclass(frozen=True)
class Fixed:
    """Result of one run. `document` is its JSON report, None if every checkout was locked."""

    fixer: str
    host: str
    ended: Ended
    document: Json | None = None

    @property
    def repos(self) -> list[Json]:
        """The report's part of each checkout."""
        return self.document["repos"] if self.document else []

    @property
    def findings(self) -> Iterator[tuple[Json, Json]]:
        """Every finding, after the checkout that it is of."""
        return ((repo, finding) for repo in self.repos for finding in repo["findings"])

    @property
    def dropped(self) -> int:
        """How often commits of its own were dropped, since others were faster."""
        return sum(bool(_DROPPED.fullmatch(line)) for line in self.ended.stderr.splitlines())

    @property
    def wrongs(self) -> list[str]:
        """List exit statuses and lines that no run may end with."""
        lines = self.ended.stderr.splitlines()
        locked = any(map(_LOCKED.fullmatch, lines))
        odd = [line for line in lines if not _LOCKED.fullmatch(line) and not _DROPPED.fullmatch(line)]
        exits = {2} if locked else {0, 1}
        said = [f"{self.fixer} said: {line}" for line in odd]
        return said if self.ended.exit in exits else [f"{self.fixer} ended with {self.ended.exit}", *said]


@dataclass
class Fixer:
    """One program on one host; `runs` are all of its runs."""

    world: World
    host: Place
    name: str
    seed: int = 0
    runs: list[Fixed] = field(default_factory=list)

    def work(self, stop: Event) -> None:
        """Fix until *stop*; at least twice."""
        chance = Random(f"{self.seed}-{self.name}")
        while len(self.runs) < 2 or not stop.is_set():
            self.fix()
            stop.wait(chance.random() / 2)

    def fix(self) -> Fixed:
        """Run a fix over all checkouts of the host."""
        ended = self.world.hub.manage(
            "fix_consistency", "--all", "--pull", "--push", "--format", "json",
            env=environment(self.world, self.host, self.name),
        )  # fmt: skip
        document = json.loads(ended.stdout) if ended.stdout else None
        self.runs.append(Fixed(self.name, self.host.name, ended, document))
        return self.runs[-1]
