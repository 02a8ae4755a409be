"""Receivers, and a clock that the tests move on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from pytest_django import Settings

from testing.clock import replace_clock
from testing.receivers import Endpoint, Mailbox, receiving_http, receiving_mail


@dataclass
class Clock:
    """The time of the product, which `pass_` moves on."""

    time: datetime

    def now(self) -> datetime:
        return self.time

    def wait(self, **duration: float) -> None:
        """Let this time pass: `minutes=10`."""
        self.time += timedelta(**duration)


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock(datetime(2030, 1, 2, 12, tzinfo=UTC))  # a Wednesday, later than all that was made before
    with replace_clock(clock.now):
        yield clock


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with receiving_http() as endpoint:
        yield endpoint


@pytest.fixture
def mailbox(settings: Settings) -> Iterator[Mailbox]:
    """Yield the SMTP server that the settings name."""
    with receiving_mail() as mailbox:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", urlsplit(mailbox.url).port
        yield mailbox
