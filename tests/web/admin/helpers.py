"""What the tests of the admin share."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext


def body(client: Client, address: str) -> str:
    """The page at *address*, which must be there."""
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    return answer.content.decode()


def streamed(client: Client, address: str) -> bytes:
    """All of a streamed file at *address*."""
    answer: Any = client.get(address)
    assert answer.streaming
    return b"".join(answer.streaming_content)


def queries(client: Client, address: str) -> int:
    """How many queries the page needs."""
    with CaptureQueriesContext(
        connection,
    ) as captured:
        body(client, address)
    return len(captured)
