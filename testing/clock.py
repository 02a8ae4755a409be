"""Another time for Django, and so for the product: tests, the simulation and the demo data play days in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from types import SimpleNamespace
from typing import Any

from django.utils import timezone


@contextmanager
def replace_clock(now: Callable[[], datetime]) -> Iterator[None]:
    """Let `django.utils.timezone.now` return the result of *now*, a time with a time zone.

    The name `datetime` in Django's module is replaced: models hold the function `timezone.now` itself as a default, and
    would not see another function.
    """
    module: Any = timezone
    real = module.datetime

    def read(tz: tzinfo | None = None) -> datetime:
        return now().astimezone(tz or UTC)

    module.datetime = SimpleNamespace(now=read)
    try:
        yield
    finally:
        module.datetime = real
