"""The world: machines with their clones, a bare origin and a hub, in one folder; steps are played in it, one by one.

A step is a line of words like `fix a pull push`, and means the same in every run: a list of them is a script. A step
that is impossible in the world's present state does nothing.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from django.db import connection

from consistency.cli.registration import register
from consistency.core.comparison.gates import is_gate
from consistency.core.finding import UNPUSHED
from consistency.db.prune import prune
from consistency.git.committer import Committer
from consistency.git.lock import CheckoutLockedError
from consistency.git.worktree import find_worktree
from consistency.models import Finding, Mode
from consistency.reports.outcome import CheckoutOutcome
from consistency.runs.options import RunOptions
from statehub.models import Checkout, Source, Task
from statehub.task_lookup import find_task
from statehub.transitions import Actor, TransitionError, advance, delete_tasks, reopen
from testing.runs import run_alone
from tests.simulation import gitfiles, hub, machines
from tests.simulation.clock import Clock
from tests.simulation.effects import Effects
from tests.simulation.look import HEADS, TOOL, Look, Run
from tests.simulation.machines import ATTIC
from tests.simulation.model import Model
from tests.simulation.person import Person
from tests.simulation.promise import BrokenPromiseError, promise

HOSTS = ("a", "b", "c")
"""Hosts. The first two know the workplans at the start; on the third no run has ever taken place."""

PLANS = {"A": ("A-T1", "A-T2", "A-T3"), "B": ("B-T1", "B-T2")}
WITNESSES = HOSTS[:2]
PLAIN = frozenset({
    "edit", "plan", "cut", "delete", "restore", "move", "copy", "stage", "commit", "amend", "push", "pull", "merge",
    "reset", "switch", "unlock", "offline", "online", "detach", "begin", "abort", "finish", "stash", "unstash",
    "untrack", "rename_remote", "may_not_push", "may_push", "call", "hooks", "follow", "attributes",
})  # fmt: skip
"""Steps that a person makes alone."""

ROUNDS = 8
"""Most rounds of fixes until all agree and nothing changes."""


class World:
    """One world, and the model that watches it."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self.clock = path, clock
        self._origin = path / "origin.git"
        kept = (*(path / host / ".git" for host in HOSTS), *(path / f"{host}.git" for host in HOSTS), path / ATTIC)
        self.store = gitfiles.Store(self._origin, *kept)
        self.people = {host: Person(host, path / host, self._origin, self.store, clock) for host in HOSTS}
        self.log: list[str] = []
        self._number = 0
        self._nested = False
        self._started = self._middle = self.look()
        self._model = Model(self.store, self._started, WITNESSES if self._started.hub.tasks else ())

    def look(self) -> Look:
        """Return a snapshot of everything."""
        clones = {host: person.look() for host, person in self.people.items()}
        return Look(clones, gitfiles.branches(self._origin), hub.snapshot())

    def do(self, line: str) -> bool:
        """Play one step; return whether it did anything. Raises Broken if a promise is."""
        self._number += 1
        if not self._nested:
            self.log.append(line)
            self.clock.tick()
        name, *words = line.split(" ")
        done: bool = self._by_a_person(name, *words) if name in PLAIN else getattr(self, f"_{name}")(*words)
        self._model.stepped(hub.snapshot())
        return done

    # ---- People ------------------------------------------------------------------------------------------------------

    def _by_a_person(self, what: str, host: str, *words: str) -> bool:
        done: bool = getattr(self.people[host], what)(*words)
        return done

    def _reword(self, host: str, key: str) -> bool:
        return self.people[host].reword(key, self._number)

    def _add(self, host: str, key: str, status: str) -> bool:
        return self.people[host].add(key, f"{key}-N{self._number}", status)

    def _scratch(self, host: str) -> bool:
        return self.people[host].scratch(self._number)

    def _clock(self, host: str, hours: str) -> bool:
        self.clock.jump(host, int(hours))
        self._model.clock_set()
        return True

    def _again(self, host: str, kind: str) -> bool:
        """Clone again, in one way or another."""
        person = self.people[host]
        if self._nested or HEADS + person.main not in gitfiles.branches(self._origin):
            return False
        machines.clone_again(person.top, self._origin, kind)
        self._model.cloned_again(host)
        return True

    # ---- The server --------------------------------------------------------------------------------------------------

    def _rename(self) -> bool:
        return machines.rename_branch(self._origin)

    def _empty(self) -> bool:
        return machines.empty(self._origin)

    # ---- The hub -----------------------------------------------------------------------------------------------------

    def _report(self, task: str, status: str) -> bool:
        return self._moved(lambda: advance(find_task(task), status, Actor("program", Source.API)))

    def _reopen(self, task: str, status: str) -> bool:
        return self._moved(lambda: reopen(find_task(task), status, "not yet", Actor("person", Source.ADMIN)))

    def _forget(self, task: str) -> bool:
        rows = Task.objects.filter(key=task)
        if not rows.exists():
            return False
        delete_tasks(rows)
        self._model.forget(task)
        return True

    def _register(self, host: str) -> bool:
        """Let the hub follow the branch to another name."""
        with self.clock.of(host):
            register(find_worktree(str(self.people[host].top)), host)
        return True

    def _prune(self) -> bool:
        """Prune the hub's history."""
        with self.clock.of("hub"):
            return prune(self.clock.now() + timedelta(days=99)).runs > 0

    def _moved(self, move: Callable[[], bool]) -> bool:
        with self.clock.of("hub"):
            try:
                return move()
            except TransitionError:  # A step back without a reopen, or no such task: that is the hub's good right.
                return False

    # ---- Runs --------------------------------------------------------------------------------------------------------

    def _check(self, host: str, *words: str) -> bool:
        return self._run(host, _options(host, Mode.CHECK, words))

    def _fix(self, host: str, *words: str) -> bool:
        return self._run(host, _options(host, Mode.FIX, words))

    def _during(self, number: str, rest: str, *words: str) -> bool:
        """Play `during 9 fix a push / commit b / push b`: the part after the first slash happens in the middle."""
        run, *meanwhile = " ".join((rest, *words)).split(" / ")
        _, host, *options = run.split(" ")
        if self._nested:
            return False
        effects = Effects(
            int(number), lambda: self._meanwhile(host, meanwhile), gently=True,
            at_files=not any(step.split(" ")[1] == host for step in meanwhile),
        )  # fmt: skip
        return self._run(host, _options(host, Mode.FIX, options), effects)

    def _meanwhile(self, host: str, steps: list[str]) -> None:
        before = self.look()
        self._nested = True
        try:
            for step in steps:
                self.do(step)
        finally:
            self._nested = False
        self._middle = self.look()
        # What the run has replaced until now, and the person may have committed, or left to the run to put back.
        for path, data in before.clones[host].files.items():
            was = self._started.clones[host].files.get(path)
            if was is not None and was != data:
                self._model.half_done(host, path, was, data)

    def _run(self, host: str, options: RunOptions, effects: Effects | None = None) -> bool:
        before = self.look()
        if not self._nested:
            self._started = before
        outcome = None
        try:
            with self.clock.of(host):
                if effects is None:
                    outcome = self._engine(host, options)
                else:
                    with effects.armed_for_a_run():
                        outcome = self._engine(host, options)
        except CheckoutLockedError:
            promise(self._nested, "a run met another one that is not there")
        if effects is not None and effects.happened:
            before = self._middle
        self._judge(host, options, before, outcome, quiet=not (effects and effects.happened))
        return True

    def _engine(self, host: str, options: RunOptions) -> CheckoutOutcome:
        checkout = Checkout.objects.select_related("repo").get(host=host)
        return run_alone(checkout, options)

    def _judge(
        self, host: str, options: RunOptions, before: Look, outcome: CheckoutOutcome | None, *, quiet: bool = True,
        killed: bool = False,
    ) -> None:  # fmt: skip
        promise(not (outcome and "internal error" in (outcome.error or "")), outcome and outcome.error)
        run = Run(
            host,
            "killed" if killed or outcome is None else outcome.outcome,
            fixing=options.mode is Mode.FIX,
            pull=options.pull,
            push=options.push,
            writeback=options.writeback,
            online=self.people[host].is_online,
            fetched=options.fetch,
            quiet=quiet,
            converged=bool(outcome and outcome.converged),
            gates=frozenset(each.code for each in outcome.findings if is_gate(each)) if outcome else frozenset(),
            hooks=options.committer.hooks,
            says_unpushed=any(each.dedup_key == UNPUSHED.dedup_key for each in outcome.findings) if outcome else False,
        )
        self._model.ran(run, before, self.look())

    # ---- Trouble -----------------------------------------------------------------------------------------------------

    def _crash(self, host: str, number: str, *words: str) -> bool:
        """Kill a fix right before its effect *number*."""
        effects = Effects(int(number), lambda: os.kill(os.getpid(), signal.SIGKILL), gently=False, at_files=True)
        return self._in_a_process(host, _options(host, Mode.FIX, words), effects)

    def _kill(self, host: str, *words: str) -> bool:
        """Kill a fix in the middle of its commit, and git with it, whose lock stays."""
        lock = self.people[host].git_dir / "index.lock"

        def die() -> None:
            lock.touch()
            os.kill(os.getpid(), signal.SIGKILL)

        effects = Effects(1, die, gently=False, at_files=False, word="read-tree")
        return self._in_a_process(host, _options(host, Mode.FIX, words), effects)

    def _in_a_process(self, host: str, options: RunOptions, effects: Effects) -> bool:
        if self._nested:
            return False
        before, words = self.look(), self._path / "last-words"
        connection.close()
        child = os.fork()
        if child == 0:
            self._as_child(host, options, effects, words)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            raise BrokenPromiseError(f"the run failed on its own:\n{words.read_text()}")
        self._judge(host, options, before, None, killed=True)
        return os.WIFSIGNALED(status)

    def _as_child(self, host: str, options: RunOptions, effects: Effects, words: Path) -> None:
        try:
            with self.clock.of(host), effects.armed_for_a_run():
                self._engine(host, options)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the other process tells it
            words.write_text(traceback.format_exc())
            os._exit(3)

    # ---- Quiescence --------------------------------------------------------------------------------------------------

    def _settle(self) -> bool:
        """Bring everyone home and share; fix until nothing changes, and then all must agree."""
        if self._nested:
            return False
        self.clock.set_right()
        for person in self.people.values():
            person.come_home()
        for person in (*self.people.values(), *self.people.values()):
            person.share()
        if self.look().hub.branch != HEADS + self.people["a"].main:
            self._register("a")
        for _ in range(ROUNDS):
            before = self.look()
            for host in HOSTS:
                self.clock.tick()
                self._run(host, _options(host, Mode.FIX, ("pull", "push", "missing")))
            if not self._decide() and before == self.look():
                self._model.agreed(before)
                return True
        raise BrokenPromiseError(f"after {ROUNDS} rounds of fixes things still change")

    def _decide(self) -> bool:
        """Decide, as a person, about a task that goes back and forth: the hub gets the file's status."""
        decided = False
        for finding in Finding.objects.filter(resolved_at=None, code="C-20").select_related("checkout"):
            status = self.people[finding.checkout.host].look().statuses.get(finding.task)
            if status is not None:
                decided |= self._reopen(finding.task, status)
        return decided


def _options(host: str, mode: Mode, words: tuple[str, ...] | list[str]) -> RunOptions:
    return RunOptions(
        mode=mode,
        host=host,
        user="simulation",
        committer=Committer("State Hub", TOOL, 60, hooks="hooks" in words),
        version="simulation",
        fetch="nofetch" not in words,
        writeback="nowrite" not in words,
        pull="pull" in words,
        push="push" in words,
        allow_missing="missing" in words,
    )
