"""The company at work: repos, clones, runs and reports; all effects on the hub come by the product's own functions."""

from __future__ import annotations

from collections import Counter
from typing import NoReturn

from consistency.cli.registration import Wishes, register
from consistency.git.process import Git
from consistency.git.worktree import find_worktree
from consistency.models import Mode, RunState
from consistency.reports.outcome import CheckoutOutcome
from consistency.runs.fetching import fetch_all
from consistency.runs.options import RunOptions
from consistency.runs.preflight import Warn
from consistency.runs.run import run_checkout
from demo.data.catalog import LAPTOP, Team
from demo.data.clock import Clock
from demo.data.desk import Desk
from demo.data.place import Place
from statehub.models import Checkout, Task
from statehub.transitions import Actor, StatusRegressionError, advance, reopen

PATIENCE = 2
"""Number of consecutive blocked runs after which a person looks after the clone."""


class _Killed(BaseException):
    """Raised in a run whose process is killed; nothing handles it."""


class Company:
    """Setting of the story."""

    def __init__(self, place: Place, here: str, clock: Clock) -> None:
        """Take an empty place; *here* is this machine's host name."""
        self.here, self.clock = here, clock
        self._place = place
        self._desks: dict[tuple[str, str], Desk] = {}
        self._checkouts: dict[tuple[str, str], Checkout] = {}
        self._held: Counter[tuple[str, str]] = Counter()
        self.troubled: set[tuple[str, str]] = set()
        """Clones in which no one works at this moment."""

    def found(self, team: Team, hosts: tuple[str, ...]) -> None:
        """Make the team's repo with its clones, and register them."""
        origin = self._place.origin(team.slug)
        origin.mkdir(parents=True)
        Git(str(origin)).run("init", "--quiet", "--bare", "--template=", "--initial-branch=main")
        for host in hosts:
            desk = self._desks[host, team.slug] = Desk.cloned(origin, self._place.checkout(host, team.slug))
            if host == hosts[0]:  # Through it the origin gets its first commit, so that the others have an upstream.
                self._begin(team, desk)
            self._checkouts[host, team.slug] = register(find_worktree(str(desk.path)), host, Wishes(team.slug)).checkout

    def _begin(self, team: Team, desk: Desk) -> None:
        desk.write("README.md", f"# {team.slug}\n\nOwner: {team.owner}. Workplans are in `workplans/`.\n".encode())
        desk.commit(team.lead, self.clock.now(), "Begin")
        desk.push()

    def hosts(self, team: Team) -> list[str]:
        """Return the hosts that have a clone, this machine first."""
        return [host for host, slug in self._desks if slug == team.slug]

    def desk(self, host: str, team: Team) -> Desk:
        """Return the clone on *host*."""
        return self._desks[host, team.slug]

    def workplace(self, wanted: str, team: Team) -> Desk:
        """Return the clone on the host *wanted*, or the one here if that cannot be worked in."""
        usable = (wanted, team.slug) in self._desks and (wanted, team.slug) not in self.troubled
        return self._desks[wanted if usable else self.here, team.slug]

    def run(
        self,
        host: str,
        team: Team,
        mode: Mode = Mode.FIX,
        *,
        user: str = "statehub",
        trigger: str = "cron",
        pull: bool = False,
        dry_run: bool = False,
    ) -> None:
        """Check or fix the clone on *host*; a writeback is pushed."""
        at = host, team.slug
        if self._held[at] >= PATIENCE and host != LAPTOP:
            self._desks[at].catch_up()
        options = RunOptions.from_settings(mode, user, host=host, trigger=trigger, pull=pull, dry_run=dry_run)
        outcome = _run(self._checkouts[at], options, lambda _line: None)
        self._held[at] = self._held[at] + 1 if outcome.outcome == RunState.SKIPPED else 0
        if outcome.writeback_commit:
            self._desks[at].push()

    def run_killed(self, host: str, team: Team) -> None:
        """Kill a fix when its pull finds no origin: its row says `running` for ever."""

        def die(_line: str) -> NoReturn:
            raise _Killed

        try:
            options = RunOptions.from_settings(Mode.FIX, "statehub", host=host, trigger="cron", pull=True)
            _run(self._checkouts[host, team.slug], options, die)
        except _Killed:
            return

    def report(self, task: str, status: str, origin: Actor) -> None:
        """Advance a task in the hub; a report that comes too late is refused by the hub, and that is that."""
        for found in Task.objects.filter(key=task):
            try:
                advance(found, status, origin)
            except StatusRegressionError:
                return

    def reopen(self, task: str, status: str, reason: str, origin: Actor) -> None:
        """Move a task back that has ended."""
        for found in Task.objects.filter(key=task, status__in=("done", "cancelled")):
            reopen(found, status, reason, origin)

    def nudge(self, team: Team, origin: Actor) -> None:
        """Let the hub move by one task of the team: begin one, else end one, else reopen the last."""
        tasks = Task.objects.filter(workstream__repo__slug=team.slug).order_by("workstream__status", "key")
        waiting, begun = tasks.filter(status="todo").first(), tasks.exclude(status__in=("done", "cancelled")).first()
        ended = tasks.last()
        if waiting is not None:
            advance(waiting, "in_progress", origin)
        elif begun is not None:
            advance(begun, "done", origin)
        elif ended is not None:
            reopen(ended, "todo", "The customer found one more case.", origin)

    def origin_goes(self, team: Team) -> None:
        """Take down the server with the team's origin."""
        origin = self._place.origin(team.slug)
        origin.rename(origin.with_suffix(".down"))

    def origin_returns(self, team: Team) -> None:
        """Bring the server up again."""
        origin = self._place.origin(team.slug)
        origin.with_suffix(".down").rename(origin)


def _run(checkout: Checkout, options: RunOptions, warn: Warn) -> CheckoutOutcome:
    with next(fetch_all([checkout], options, 1)) as opened:
        return run_checkout(opened, options, warn)
