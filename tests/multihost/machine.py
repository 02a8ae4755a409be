"""A machine with one clone: what a person, a program or cron does there, in this process, under the machine's name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from django.test import override_settings

from consistency.models import Run
from statehub.models import Source
from statehub.task_lookup import find_task
from statehub.transitions import Actor, advance
from statehub.transitions import reopen as move_back
from testing.hub import Hub
from testing.manage import Ended
from testing.repos import Clone
from testing.repos import Origin as Bare
from testing.samples import T01, T02
from testing.templates import make_once
from tests.cli.helpers import FILE, TEXT, run

PLACES = {T01: 14, T02: 21}
"""The lines of the statuses in TEXT, from 1."""


@dataclass(frozen=True)
class Machine:
    """One host and its clone."""

    name: str
    clone: Clone

    def manage(self, command: str, *args: str | Path) -> Ended:
        """Run a command there."""
        with override_settings(STATEHUB_HOST=self.name):
            return run(command, *args)

    def fix(self, *args: str) -> Ended:
        """Return a fix of the clone, reported as JSON."""
        return self.manage("fix_consistency", "--format", "json", "--path", str(self.clone.path), *args)

    def check(self, *args: str) -> Ended:
        """Return a check of the clone, reported as JSON."""
        return self.manage("check_consistency", "--format", "json", "--path", str(self.clone.path), *args)

    def edit(self, task: str, status: str) -> None:
        """Set a task's status in the file, as a person would."""
        lines = self.clone.read(FILE).decode().split("\n")
        place = PLACES[task] - 1
        lines[place] = f"status: {status}"
        self.clone.write(FILE, "\n".join(lines))

    def commit(self, message: str = "Work") -> str:
        """Commit what is there."""
        return self.clone.commit(message)

    def push(self) -> None:
        """Push as a person would."""
        self.clone.push()

    def pull(self) -> None:
        """Pull as a person would, by fast-forward."""
        self.clone.pull()

    def statuses(self) -> dict[str, str]:
        """Return the statuses in the file: task → status."""
        lines = self.clone.read(FILE).decode().split("\n")
        return {task: lines[place - 1].removeprefix("status: ") for task, place in PLACES.items()}

    @property
    def last_run(self) -> Run:
        """The newest run on this machine."""
        return Run.objects.filter(checkout__host=self.name).latest("started_at")


@dataclass(frozen=True)
class Host(Machine):
    """A machine whose commands are processes of their own, on the hub that all share."""

    hub: Hub

    def manage(self, command: str, *args: str | Path) -> Ended:
        """Run a command there."""
        return self.hub.manage(command, *args, env={"STATEHUB_HOST": self.name})


def machine(bare: Bare, name: str) -> Machine:
    """Return a machine with a fresh clone of *bare*, registered."""
    made = Machine(name, bare.clone(name))
    assert made.manage("register_repo", str(made.clone.path)).exit == 0
    return made


def make_machines(bare: Bare, *names: str) -> list[Machine]:
    """Return machines with up-to-date clones of a repo with TEXT at FILE, which the hub knows from each of them."""
    make_once("machines", bare, names, partial(_make_machines, bare, *names))
    return [Machine(name, Clone(bare.path.with_name(name))) for name in names]


def _make_machines(bare: Bare, *names: str) -> None:
    first = Machine(names[0], bare.clone(names[0]))
    first.clone.write(FILE, TEXT)
    first.commit("Plan")
    first.push()
    assert first.fix().exit == 0
    others = [machine(bare, name) for name in names[1:]]
    for other in others:
        assert other.fix().exit == 0


def report(task: str, status: str, who: str = "remote") -> None:
    """Report a status to the hub, as any program."""
    advance(find_task(task), status, Actor(who, Source.API))


def reopen(task: str, status: str, who: str = "anna") -> None:
    """Move a task back on purpose, as a person."""
    move_back(find_task(task), status, "not done after all", Actor(who, Source.ADMIN))


def repo(ended: Ended) -> dict[str, Any]:
    """Return the one repo's part of a JSON report."""
    document: dict[str, Any] = json.loads(ended.stdout)
    (only,) = document["repos"]
    return dict(only)
