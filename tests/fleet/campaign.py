"""A campaign: all at work at once for a time, while things go wrong; then until everything is at rest."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection

from consistency.models import Finding
from statehub.models import Checkout, Task
from testing.server import PRODUCTION, serving
from tests.fleet.deliveries import Deliveries
from tests.fleet.faults import Faults
from tests.fleet.people import Maintainer, Person
from tests.fleet.reporters import Reopens, Reporter
from tests.fleet.world import POLL_SECONDS, World
from web.api import tokens

REST_SECONDS = 240
"""The longest time until everything is at rest. A killed worker counts as dead after one minute."""

QUIET_SECONDS = 3 * POLL_SECONDS

Picture = dict[str, Any]


@dataclass
class Campaign:
    """Record of a campaign."""

    world: World
    people: list[Person]
    reporters: list[Reporter]
    maintainer: Maintainer
    deliveries: Deliveries
    faults: Faults
    before: dict[str, str]
    wrongs: list[str] = field(default_factory=list)
    seconds: float = 0
    rest_seconds: float = 0
    exits: list[int] = field(default_factory=list)
    server_log: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """Return what was done, by name."""
        people = sum((person.did for person in self.people), Counter[str]())
        answers = sum((reporter.answers for reporter in self.reporters), Counter[int]())
        return {
            **{f"people: {name}": number for name, number in sorted(people.items())},
            **{f"proposals: {name}": number for name, number in sorted(self.maintainer.did.items())},
            **{f"reports answered {code or 'nothing'}": number for code, number in sorted(answers.items())},
            **{f"webhooks: {name}": number for name, number in sorted(self.deliveries.did.items())},
            **{f"faults: {name}": number for name, number in sorted(self.faults.did.items())},
        }


def run(
    world: World,
    seconds: float,
    seed: int,
    people: int = 4,
    reporters: int = 4,
    pause: float = 0.6,
    fault_pause: float = 3.0,
) -> Campaign:
    """Let all work for *seconds*, then bring everything to rest."""
    secrets = [tokens.create(f"reporter-{number}")[1] for number in range(reporters)]
    before = dict(Task.objects.values_list("key", "status"))
    connection.close()
    began = time.monotonic()
    with ExitStack() as stack:
        settings = {**PRODUCTION, **world.environment("web")}
        server = stack.enter_context(serving(settings, world.folder, threads=8))
        reopens = Reopens()
        campaign = Campaign(
            world,
            [Person(f"person-{number}", world, seed, pause) for number in range(people)],
            [
                Reporter(f"reporter-{number}", server.port, secret, world.tasks, reopens, seed, pause)
                for number, secret in enumerate(secrets)
            ],
            Maintainer(world, seed),
            Deliveries(world, server.port, seed),
            Faults(world, stack, seed, fault_pause),
            before,
        )
        with _delivering(campaign):
            _work(campaign, seconds)
            campaign.seconds = time.monotonic() - began
            _rest(campaign)
        campaign.rest_seconds = time.monotonic() - began - campaign.seconds
        campaign.exits = [worker.stop() for _, worker in campaign.faults.workers]
        log: Path = server.log
    campaign.server_log = log.read_text(errors="replace")
    return campaign


def _work(campaign: Campaign, seconds: float) -> None:
    workers: list[Any] = [*campaign.people, *campaign.reporters, campaign.maintainer, campaign.faults]
    stop = Event()
    with ThreadPoolExecutor(len(workers)) as pool:
        jobs = [pool.submit(worker.work, stop) for worker in workers]
        stop.wait(seconds)
        stop.set()
        for worker, job in zip(workers, jobs, strict=True):
            if (error := job.exception()) is not None:
                campaign.wrongs.append(f"{worker.name} came to grief: {error!r}")


@contextmanager
def _delivering(campaign: Campaign) -> Iterator[None]:
    """Let the forge announce pushes until the end of the block."""
    stop = Event()
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(campaign.deliveries.work, stop)
        try:
            yield
        finally:
            stop.set()
    if (error := job.exception()) is not None:
        campaign.wrongs.append(f"the forge came to grief: {error!r}")


def _rest(campaign: Campaign) -> None:
    """Wait until everything agrees and stays as it is; merge proposals, and decide on tasks that go back and forth."""
    deadline, quiet_since = time.monotonic() + REST_SECONDS, time.monotonic()
    before: Picture | None = None
    reasons: list[str] = []
    campaign.deliveries.is_reliable = True
    while time.monotonic() < deadline:
        for slug in sorted(campaign.world.proposing):
            campaign.maintainer.merge(slug)
        try:
            _decide(campaign)
            now, reasons = _picture(campaign.world), unrest(campaign.world)
        except DatabaseError:
            connection.close()
            now, reasons = {}, ["the database does not answer"]
        if reasons or now != before:
            quiet_since, before = time.monotonic(), now
        elif time.monotonic() - quiet_since > QUIET_SECONDS:
            return
        time.sleep(0.5)
    campaign.wrongs += [f"not at rest after {REST_SECONDS} s: {reason}" for reason in reasons or ["something changes"]]


def _decide(campaign: Campaign) -> None:
    """Decide as a person: take the hub's status for the tasks that go back and forth."""
    standing = list(
        Finding.objects.filter(resolved_at=None, code="C-20").values_list("checkout__repo__slug", "task").distinct()
    )
    for slug in {slug for slug, _ in standing}:
        tasks = {task for repo, task in standing if repo == slug}
        statuses = dict(Task.objects.filter(key__in=tasks).values_list("key", "status"))
        campaign.people[0].decide(slug, statuses)
        campaign.people[0].did["decided"] += len(tasks)


def unrest(world: World) -> list[str]:
    """Return what is not at rest: a job, a repo that the hub does not have as it is, or a task that differs."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, status, args::text, worker_id, scheduled_at::text, attempts FROM procrastinate_jobs"
            " WHERE task_name = 'run_checkout' AND (status <> 'todo' OR priority >= 0)"
        )
        found = [f"job {row}" for row in cursor.fetchall()]
    tips = {slug: origin.git("rev-parse", "refs/heads/main") for slug, origin in world.origins.items()}
    for slug, host, tip in Checkout.objects.values_list("repo__slug", "host", "tip"):
        if tip != tips[slug]:
            found.append(f"{slug} of {host} is at {tip}, its remote at {tips[slug]}")
    hub: dict[str, dict[str, str]] = {slug: {} for slug in world.origins}
    for slug, key, status in Task.objects.values_list("workstream__repo__slug", "key", "status"):
        hub[slug][key] = status
    for slug, origin in world.origins.items():
        files = world.statuses(slug)
        for task in sorted({*hub[slug], *files}):
            ours, theirs = hub[slug].get(task), files.get(task)
            found += [f"{task} of {slug} is {ours} in the hub and {theirs} on the remote"] if ours != theirs else []
        if slug in world.proposing and origin.git("for-each-ref", "refs/heads/statehub"):
            found.append(f"{slug} has a proposal")
    return found


def _picture(world: World) -> Picture:
    return {
        "tasks": dict(Task.objects.values_list("key", "status")),
        "refs": {slug: origin.git("for-each-ref") for slug, origin in world.origins.items()},
    }
