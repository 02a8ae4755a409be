"""Those who report statuses through the API, and who repeat a report with its key until it is answered."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from random import Random
from threading import Event, Lock
from typing import Any

from statehub.statuses import TASK_STATUSES, rank

REOPENS = 2
"""Of one task at most."""

ANSWER_SECONDS = 120
"""The time until one report is answered, whatever happens to the hub."""

_UNAVAILABLE = 503


@dataclass(frozen=True)
class Report:
    """One report and its answer; `mark` is recorded as its commit."""

    mark: str
    task: str
    status: str
    reopen: bool
    answer: int


class Reopens:
    """Counts how often each task was reopened, for all reporters."""

    def __init__(self) -> None:
        self._lock, self._counts = Lock(), Counter[str]()

    def take(self, task: str) -> bool:
        """Return whether *task* may be reopened once more, and count it."""
        with self._lock:
            self._counts[task] += 1
            return self._counts[task] <= REOPENS


class Reporter:
    """One of them."""

    def __init__(
        self, name: str, port: int, secret: str, tasks: list[str], reopens: Reopens, seed: int, pause: float
    ) -> None:
        self.name, self._port, self._secret, self._tasks, self._reopens = name, port, secret, tasks, reopens
        self._chance, self._pause = Random(f"{seed}-{name}"), pause
        self._last: dict[str, str] = {}
        self.reports: list[Report] = []
        self.answers: Counter[int] = Counter()
        self.wrongs: list[str] = []

    def work(self, stop: Event) -> None:
        """Report until *stop*."""
        while not stop.is_set():
            self._report()
            stop.wait(self._chance.random() * self._pause)

    def _report(self) -> None:
        task, mark = self._chance.choice(self._tasks), uuid.UUID(int=self._chance.getrandbits(128)).hex
        last = rank(self._last.get(task, "todo"))
        reopen = last > 0 and self._chance.random() < 0.1 and self._reopens.take(task)
        statuses = [status for status in TASK_STATUSES if (rank(status) < last if reopen else rank(status) >= last)]
        status = self._chance.choice(statuses)
        body = {
            "status": status,
            "commit": mark,
            **({"reopen": True, "reason": "not done after all"} if reopen else {}),
        }
        answer, document = self._call(f"/api/tasks/{task}/", body, mark)
        self.answers[answer] += 1
        if answer not in {200, 409}:
            self.wrongs.append(f"{self.name} was answered {answer}: {document}")
        shown = document.get("task") or document
        self._last[task] = shown.get("status", "todo")
        self.reports.append(Report(mark, task, status, reopen, answer))

    def _call(self, path: str, body: Any, key: str) -> tuple[int, dict[str, Any]]:
        headers = {
            "Authorization": f"Bearer {self._secret}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        }
        deadline, answer, text = time.monotonic() + ANSWER_SECONDS, 0, b"{}"
        while time.monotonic() < deadline:
            connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
            try:
                connection.request("PATCH", path, json.dumps(body), headers)
                response = connection.getresponse()
                answer, text = response.status, response.read()
            except (OSError, HTTPException):
                answer = 0
            finally:
                connection.close()
            if answer and answer != _UNAVAILABLE:
                break
            self.answers[answer] += 1
            time.sleep(0.3)
        return answer, json.loads(text or b"{}")
