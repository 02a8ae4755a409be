"""The folder of the worlds, one after the other, each made from the same beginning."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consistency.cli.registration import find_or_register
from testing.clock import replace_clock
from tests.simulation import hub, workplan
from tests.simulation.clock import Clock
from tests.simulation.machines import configure, git
from tests.simulation.promise import promise
from tests.simulation.world import HOSTS, PLANS, WITNESSES, World


class Folder:
    """The folder of one world after the other, each made from the same beginning."""

    def __init__(self, path: Path) -> None:
        """Take an empty folder."""
        self._live, self._kept = path / "live", path / "kept"
        self._live.mkdir()
        with hub.hub_at(self._live / "hub.sqlite3"):
            hub.migrate()
            self._clones()
            clock = Clock()
            with replace_clock(clock.now):
                world = World(self._live, clock)
                for host in HOSTS:
                    find_or_register(str(self._live / host), host)
                for host in WITNESSES:
                    clock.tick()
                    world.do(f"fix {host}")
                promise(world.look().hub.tasks, "the world did not begin as it should: the first fixes failed")
        shutil.copytree(self._live, self._kept)

    def _clones(self) -> None:
        first = self._live / HOSTS[0]
        git(self._live, "init", "-q", "--bare", "--template=", "origin.git")
        git(self._live, "init", "-q", "--template=", str(first))
        (first / "workplans").mkdir()
        for key, tasks in PLANS.items():
            data = workplan.text(key, dict.fromkeys(tasks, "todo"), crlf=key == "B")
            (first / f"workplans/{key.lower()}.md").write_bytes(data)
        (first / "README.md").write_text("A repo\n")
        (first / ".gitignore").write_text("*.log\n")
        git(first, "add", ".")
        git(first, "commit", "-q", "-m", "Plan")
        git(first, "remote", "add", "origin", str(self._live / "origin.git"))
        git(first, "push", "-q", "-u", "origin", "main")
        for host in HOSTS[1:]:
            git(self._live, "clone", "-q", "--template=", "origin.git", host)
        for host in HOSTS:
            configure(self._live / host)
        git(self._live / "origin.git", "config", "uploadpack.allowFilter", "true")

    @contextmanager
    def world(self) -> Iterator[World]:
        """Yield a new world, which exists until the context ends."""
        shutil.rmtree(self._live)
        shutil.copytree(self._kept, self._live)
        clock = Clock()
        with hub.hub_at(self._live / "hub.sqlite3"), replace_clock(clock.now):
            for _ in WITNESSES:
                clock.tick()
            yield World(self._live, clock)
