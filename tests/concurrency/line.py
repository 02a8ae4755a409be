"""One keep-alive connection to the API, and what is answered there."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from bench.api.load import request

Json = dict[str, Any]

PATIENCE = 60
"""Seconds for one answer."""


@dataclass(frozen=True)
class Answer:
    """An answer; `replayed` says that an earlier call with the same key has had it."""

    status: int
    json: Any
    replayed: bool = field(default=False, compare=False)

    @property
    def kind(self) -> str:
        """The name of the problem; '' for a good answer."""
        return str(self.json.get("type", "")).rpartition("#")[2] if self.status >= 400 else ""

    @property
    def tasks(self) -> list[Json]:
        """The tasks that it shows."""
        if isinstance(self.json, list):
            return self.json
        shown = self.json.get("task") if self.status >= 400 else self.json
        return [shown] if shown else []


class Line:
    """A caller with a token, on one connection at a time."""

    def __init__(self, port: int, secret: str) -> None:
        self._port, self._secret = port, secret
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Call below /api/. Raises OSError, EOFError or TimeoutError if there is no answer."""
        reader, writer = await self._open()
        writer.write(self._request(method, path, body, headers))
        return await asyncio.wait_for(_answer(reader), PATIENCE)

    async def hang_up_on(self, after: float, method: str, path: str, body: Any = None, **headers: str) -> None:
        """Call, and hang up *after* that many seconds, whatever is answered."""
        _, writer = await self._open()
        writer.write(self._request(method, path, body, headers))
        await asyncio.sleep(after)
        self.close()

    def close(self) -> None:
        """Hang up; the next call opens another connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        return self._streams

    def _request(self, method: str, path: str, body: Any, headers: dict[str, str]) -> bytes:
        return request(method, f"/api/{path}", self._secret, "" if body is None else json.dumps(body), **headers)


async def _answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
    body = await reader.readexactly(int(fields["content-length"]))
    return Answer(int(head.split(" ", 2)[1]), json.loads(body), "idempotent-replayed" in fields)
