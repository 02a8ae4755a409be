"""A campaign: reporters, fixers and people at work at once for a number of operations, then until nothing moves."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from consistency.models import Finding, Run
from statehub.models import StatusChange, Task, Workstream
from testing.server import PRODUCTION, serving
from tests.concurrency.fixers import Fixed, Fixer
from tests.concurrency.people import Odd, Person
from tests.concurrency.reporters import Journal, report_all
from tests.concurrency.world import World
from web.api import tokens

MOST_ROUNDS = 12
"""Most rounds until nothing changes; three are usual."""

Picture = dict[str, Any]


@dataclass
class Campaign:
    """Record of a campaign. `before` has the hub's state at the start; `odd` lists what went wrong on the way."""

    world: World
    before: Picture
    fixers: list[Fixer]
    people: list[Person]
    journal: Journal = field(default_factory=Journal)
    last: list[Fixed] = field(default_factory=list)
    """Runs of the round that changed nothing."""
    decided: int = 0
    """Tasks that went back and forth, on which a person decided."""
    seconds: float = 0
    rounds: int = 0
    wrongs: list[str] = field(default_factory=list)
    log: str = ""
    """Log of the server."""

    @property
    def runs(self) -> list[Fixed]:
        """Every run of every fixer."""
        return [run for fixer in self.fixers for run in fixer.runs]

    @property
    def counts(self) -> dict[str, int]:
        """Counts of the campaign."""
        people = sum((person.did for person in self.people), Counter[str]())
        done = Run.objects.filter(mode="fix", started_at__gte=self.before["at"])
        commits = {repo["writeback_commit"] for run in self.runs for repo in run.repos} - {None}
        return {
            "operations": sum(self.journal.answers.values()),
            "moves": StatusChange.objects.exclude(source="file").count(),
            "advances": StatusChange.objects.filter(source="file").count(),
            "reopens": StatusChange.objects.filter(reopen=True).count(),
            "fixes": done.count(),
            "commits": len(commits),
            "pushes": done.filter(push="ok").count(),
            "people's commits": people["commits"],
            "people's pushes": people["pushes"],
            "faster pushes": people["faster"] + sum(run.dropped for run in self.runs),
            "409": self.journal.answers[409],
            "412": self.journal.answers[412],
            "replays": self.journal.replays,
            "decided": self.decided,
        }


def run(world: World, operations: int, seed: int) -> Campaign:
    """Do *operations* through the API while all others work, then bring everything to rest."""
    odd = Odd()
    fixers = [
        Fixer(world, host, f"fixer-{number} of {host.name}", seed)
        for host in world.hosts
        for number in range(world.size.fixers)
    ]
    campaign = Campaign(world, _before(), fixers, [Person(desk, odd, seed) for desk in world.people])
    secrets = [tokens.create(f"reporter-{number}")[1] for number in range(world.size.reporters)]
    begin = time.monotonic()
    # The server's connections are its own; enough threads to keep the reporters busy.
    with serving({**PRODUCTION, "DATABASE_URL": world.hub.url}, world.folder, threads=8, keep_alive=600) as server:
        with _at_work(campaign):
            campaign.journal = report_all(server.port, secrets, world.tasks, operations, world.size.pause, seed)
        log: Path = server.log
    campaign.log = log.read_text()
    _rest(campaign)
    campaign.seconds = time.monotonic() - begin
    return campaign


@contextmanager
def _at_work(campaign: Campaign) -> Iterator[None]:
    """Run all fixers and people until the end of the block."""
    workers: list[Fixer | Person] = [*campaign.fixers, *campaign.people]
    stop = Event()
    with ThreadPoolExecutor(len(workers)) as pool:
        jobs = [pool.submit(worker.work, stop) for worker in workers]
        try:
            yield
        finally:
            stop.set()
        for worker, job in zip(workers, jobs, strict=True):
            if (error := job.exception()) is not None:
                campaign.wrongs.append(f"{worker.name} came to grief: {error}")


def _rest(campaign: Campaign) -> None:
    """Run rounds of all participants, one after the other, until one of them changes nothing."""
    first = {fixer.host.name: fixer for fixer in reversed(campaign.fixers)}
    before: Picture = {}
    while before != (before := _picture(campaign.world)):
        if campaign.rounds == MOST_ROUNDS:
            campaign.wrongs.append(f"something changes in every one of {MOST_ROUNDS} rounds")
            return
        campaign.rounds += 1
        for person in campaign.people:
            person.catch_up()
        campaign.last = [fixer.fix() for _, fixer in sorted(first.items())]
        _decide(campaign)


def _decide(campaign: Campaign) -> None:
    """Decide as a person: take the hub's status for the tasks that go back and forth."""
    standing = Finding.objects.filter(resolved_at=None, code="C-20").values_list("checkout__repo__slug", "task")
    for slug in campaign.world.origins:
        tasks = {task for repo, task in standing if repo == slug}
        if tasks:
            campaign.decided += len(tasks)
            campaign.people[0].decide(slug, dict(Task.objects.filter(key__in=tasks).values_list("key", "status")))


def _before() -> Picture:
    """Return the tasks and workstreams as they were made."""
    return {
        "at": Run.objects.latest("finished_at").finished_at,
        "tasks": {
            key: (status, at) for key, status, at in Task.objects.values_list("key", "status", "status_changed_at")
        },
        "versions": dict(Workstream.objects.values_list("key", "version")),
    }


def _picture(world: World) -> Picture:
    """Return everything that a campaign changes, in its present state."""
    return {
        "tasks": dict(Task.objects.values_list("key", "status")),
        "changes": StatusChange.objects.count(),
        "origins": {slug: origin.git("rev-parse", "refs/heads/main") for slug, origin in world.origins.items()},
        "clones": {str(clone.path): (clone.head, clone.status()) for _, clone in world.clones},
    }
