"""The forge's webhooks: each push is announced once, again and again, late, with a forgery before it, or not at all."""

from __future__ import annotations

import hashlib
import heapq
import hmac
import json
import time
from collections import Counter
from http.client import HTTPConnection, HTTPException
from random import Random
from threading import Event

from tests.fleet.world import World

FATES = ("once", "repeated", "late", "forged", "lost")
REFUSED = frozenset({401, 429})
_UNAVAILABLE = frozenset({0, 503})


class Deliveries:
    """Announces the pushes that the hooks of the forge's repositories have recorded."""

    def __init__(self, world: World, port: int, seed: int) -> None:
        self.name, self._world, self._port = "forge", world, port
        self._chance = Random(f"{seed}-forge")
        self.is_reliable = False
        """Whether each push is announced once, as soon as it comes."""
        self._read = 0
        self._late: list[tuple[float, str]] = []
        self.did: Counter[str] = Counter()
        self.wrongs: list[str] = []

    def work(self, stop: Event) -> None:
        """Deliver until *stop*; as soon as that is reliable, for each repo once more."""
        was_reliable = False
        while not stop.wait(0.05):
            if self.is_reliable and not was_reliable:
                was_reliable = True
                self._late = [(0.0, slug) for slug in self._world.origins]
            for slug in self._new():
                self._announce(slug)
            while self._late and self._late[0][0] <= time.monotonic():
                self._deliver(heapq.heappop(self._late)[1])

    def _new(self) -> list[str]:
        """Return the slugs of pushes since the last call."""
        text = self._world.pushes.read_bytes()[self._read :]
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.decode().split()

    def _announce(self, slug: str) -> None:
        (fate,) = self._chance.choices(FATES, weights=(50, 15, 15, 10, 10))
        fate = "once" if self.is_reliable else fate
        self.did[fate] += 1
        if fate == "late":
            heapq.heappush(self._late, (time.monotonic() + 4 * self._chance.random(), slug))
        elif fate == "forged":
            self._deliver(slug, is_forged=True)
        elif fate != "lost":
            for _ in range(4 if fate == "repeated" else 1):
                self._deliver(slug)

    def _deliver(self, slug: str, *, is_forged: bool = False) -> None:
        path, secret = self._world.webhooks[slug]
        body = json.dumps({"ref": "refs/heads/main"}).encode()
        key = b"guessed" if is_forged else secret.encode()
        headers = {"X-Statehub-Signature-256": f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"}
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse().status
        except (OSError, HTTPException):
            answer = 0
        finally:
            connection.close()
        self.did[f"answered {answer}"] += 1
        if answer not in _UNAVAILABLE and answer not in (REFUSED if is_forged else {202}):
            self.wrongs.append(f"a {'forged ' if is_forged else ''}delivery for {slug} was answered {answer}")
