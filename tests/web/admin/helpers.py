"""Helpers of the tests of the admin."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext


def body(client: Client, address: str) -> str:
    """Return the page at *address*, which must exist."""
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    return answer.content.decode()


def streamed(client: Client, address: str) -> bytes:
    """Return the whole streamed file at *address*."""
    answer: Any = client.get(address)
    assert answer.streaming
    return b"".join(answer.streaming_content)


def queries(client: Client, address: str) -> int:
    """Return the number of queries of the page."""
    with CaptureQueriesContext(connection) as captured:
        body(client, address)
    return len(captured)
