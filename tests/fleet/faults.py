"""Faults: workers are killed, the database restarts, a disk is full."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random
from threading import Event

from testing.workers import WorkerProcess
from tests.fleet.world import HOSTS, WORKERS, World

BUSY_SECONDS = 2
"""The time in which a worker is looked for that is at work."""

BLOCK = b"\0" * (1 << 20)


class Faults:
    """Keeps the workers of all hosts, and lets things go wrong at about every *pause* seconds."""

    def __init__(self, world: World, stack: ExitStack, seed: int, pause: float) -> None:
        self.name, self._world, self._stack, self._pause = "faults", world, stack, pause
        self._chance = Random(f"{seed}-faults")
        self.workers: list[tuple[str, WorkerProcess]] = [
            (host, world.start_worker(host, stack)) for host in HOSTS for _ in range(WORKERS)
        ]
        self.did: Counter[str] = Counter()
        self.wrongs: list[str] = []

    def work(self, stop: Event) -> None:
        """Let things go wrong until *stop*; each kind at least once."""
        kinds: list[Callable[[], None]] = [self._kill_worker, self._kill_with_children, self._restart_database]
        kinds += [self._fill_disk] if self._world.has_small_disk else []
        self._chance.shuffle(kinds)
        number = 0
        while number < len(kinds) or not stop.is_set():
            stop.wait(self._pause * (0.5 + self._chance.random()))
            (kinds[number] if number < len(kinds) else self._chance.choice(kinds))()
            number += 1

    def _kill_worker(self) -> None:
        """Kill a worker; what git does goes on."""
        place = self._choose()
        host, worker = self.workers[place]
        if worker.process.poll() is not None:
            self.wrongs.append(f"a worker of {host} ended with {worker.process.returncode}")
        worker.kill()
        time.sleep(self._chance.random() * 2)
        self.workers[place] = (host, self._world.start_worker(host, self._stack))
        self.did["killed"] += 1

    def _kill_with_children(self) -> None:
        """Kill a worker and each git that it has started, as a machine without power does."""
        place = self._choose()
        host, worker = self.workers[place]
        children = _descendants(worker.process.pid)
        worker.kill()
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self.workers[place] = (host, self._world.start_worker(host, self._stack))
        self.did["killed with git"] += 1
        self.did["git processes killed"] += len(children)

    def _choose(self) -> int:
        """Return the place of a worker that git works for, if there soon is one."""
        deadline = time.monotonic() + BUSY_SECONDS
        order = self._chance.sample(range(len(self.workers)), len(self.workers))
        while time.monotonic() < deadline:
            for place in order:
                if _descendants(self.workers[place][1].process.pid):
                    return place
            time.sleep(0.005)
        return order[0]

    def _restart_database(self) -> None:
        self._world.restart_database()
        self.did["database restarts"] += 1

    def _fill_disk(self) -> None:
        """Fill the disk of the second host for a few seconds."""
        ballast = self._world.home(HOSTS[1]) / "ballast"
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                if file.write(BLOCK) < len(BLOCK):
                    break
        time.sleep(2 + 2 * self._chance.random())
        ballast.unlink()
        self.did["full disks"] += 1


def _descendants(process: int) -> list[int]:
    """Return the processes that *process* and its threads have started, and theirs."""
    found: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            with suppress(OSError):
                found += map(int, (thread / "children").read_text().split())
    return [each for child in found for each in (child, *_descendants(child))]
