"""The addresses in STATEHUB_NOTIFY. Their paths may be secrets: only `name` is ever shown."""

from __future__ import annotations

import hashlib
from enum import Enum, auto
from typing import NamedTuple
from urllib.parse import urlsplit


class Channel(Enum):
    """How a receiver is reached."""

    MAIL = auto()
    WEBHOOK = auto()
    SLACK = auto()


class Address(NamedTuple):
    """One receiver's address: `target` is a mail address or a URL, and a secret; `name` is the part of it to show."""

    channel: Channel
    target: str
    name: str

    @property
    def hash(self) -> str:
        """The SHA-256, in hex, by which the hub knows the receiver."""
        return hashlib.sha256(f"{self.channel.name} {self.target}".encode()).hexdigest()


def parse_address(text: str) -> Address:
    """Parse one address of STATEHUB_NOTIFY, which the settings have checked."""
    scheme, _, rest = text.partition(":")
    if scheme == "mailto":
        return Address(Channel.MAIL, rest, text)
    channel = Channel.SLACK if scheme.startswith("slack+") else Channel.WEBHOOK
    return Address(channel, text.removeprefix("slack+"), f"{scheme}://{urlsplit(text).netloc}/…")
