"""Keep-alive HTTP connections that call as fast as they are answered, and how long each answer took."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Calls = Callable[[int], Iterator[bytes]]
"""The requests of one connection, by its number, each with all its bytes; each that is taken is sent."""


@dataclass
class Measured:
    """Measurements of one load: seconds of each answer, answers by status, seconds from first to last."""

    connections: int
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: int) -> float:
        """Return the milliseconds within which that share of the answers came."""
        if len(self.latencies) == 1:
            return self.latencies[0] * 1000
        return statistics.quantiles(self.latencies, n=100, method="inclusive")[percent - 1] * 1000


def request(method: str, path: str, secret: str, body: str = "", **headers: str) -> bytes:
    """Return the bytes of one request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {secret}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body.encode())}"]
    return "\r\n".join([*lines, "", body]).encode()


def run(port: int, connections: int, calls: Calls, *, most: int, seconds: float) -> Measured:
    """Call on *connections*, until *most* answers or *seconds* are over. Raises OSError and ValueError."""
    return asyncio.run(_run(port, connections, calls, most, seconds))


async def _run(port: int, connections: int, calls: Calls, most: int, seconds: float) -> Measured:
    measured = Measured(connections)
    each, begin = -(-most // connections), time.perf_counter()
    await asyncio.gather(
        *(_connection(port, calls(number), each, begin + seconds, measured) for number in range(connections))
    )
    measured.seconds = time.perf_counter() - begin
    return measured


async def _connection(port: int, calls: Iterator[bytes], most: int, until: float, measured: Measured) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for _ in range(most):
            begin = time.perf_counter()
            if begin > until:
                break
            writer.write(next(calls))
            status = await asyncio.wait_for(_answer(reader), 60)
            measured.latencies.append(time.perf_counter() - begin)
            measured.statuses[status] = measured.statuses.get(status, 0) + 1
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> int:
    """Read one answer to its end; its status."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = next(line.partition(":")[2] for line in head.split("\r\n") if line.startswith("content-length:"))
    await reader.readexactly(int(length))
    return int(head.split(" ", 2)[1])
