"""Webhooks as a forge sends them: over HTTP to a server of the hub, or straight into the queue if it has none."""

from __future__ import annotations

import hashlib
import hmac
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from testing.server import serving

SECRET = "of-the-benchmark-alone"  # noqa: S105 - of this hub, which lasts as long as the benchmark
BODY = b'{"ref": "refs/heads/main"}'
SIGNATURE = f"sha256={hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()}"


class Doorbell:
    """The server's webhooks; *port* is 0 if it has none."""

    def __init__(self, port: int) -> None:
        """Ring at *port*."""
        self._port = port

    def ring(self, slug: str) -> None:
        """Announce a push to the repo *slug*. Raises RuntimeError if the hub refuses it."""
        from consistency.db.queue import queue_checkouts
        from statehub.models import Checkout, Forge, Repo
        from web.models import Webhook

        if not self._port:
            queue_checkouts([Checkout.objects.get(repo__slug=slug).pk], "webhook")
            return
        defaults = {"forge": Forge.GENERIC, "secret": SECRET}
        hook, _ = Webhook.objects.get_or_create(repo=Repo.objects.get(slug=slug), defaults=defaults)
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            headers = {"X-Statehub-Signature-256": SIGNATURE, "Content-Type": "application/json"}
            connection.request("POST", f"/hooks/{hook.pk}", BODY, headers)
            if (status := connection.getresponse().status) != 202:
                raise RuntimeError(f"a webhook was answered {status}")
        finally:
            connection.close()


@contextmanager
def open_doorbell(folder: Path) -> Iterator[Doorbell]:
    """Run the hub's server, if it has webhooks, with its log in *folder*."""
    from django.urls import Resolver404, resolve

    try:
        resolve(f"/hooks/{uuid.uuid4()}")
    except Resolver404:
        yield Doorbell(0)
        return
    with serving(os.environ, folder, workers=1) as server:
        yield Doorbell(server.port)
