"""Creates an API token."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from statehub.management.base import HubCommand
from statehub.numbers import MAX_DAYS, whole_number
from web.api.tokens import NameTakenError, create


class Command(HubCommand):
    """Print only the secret to stdout; the hub keeps its hash."""

    help = "Create an API token and print its secret once. Reports made with it are recorded under NAME."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the name, access and lifetime of the token."""
        parser.add_argument("name", metavar="NAME", help="name of the client (machine, person, agent)")
        parser.add_argument("--read-only", action="store_true", help="read-only access")
        days = whole_number(1, MAX_DAYS, "days")
        parser.add_argument("--expires", metavar="DAYS", type=days, help="days until it expires (default: never)")

    def work(self, options: dict[str, Any]) -> int:
        """Create the token and print its secret."""
        name = options["name"].strip()
        if not 0 < len(name) <= 200:
            raise CommandError("NAME must have 1 to 200 characters")
        try:
            token, secret = create(name, read_only=options["read_only"], days=options["expires"])
        except NameTakenError as error:
            raise CommandError(str(error)) from error
        until = f"until {token.expires_at:%Y-%m-%d %H:%M} UTC" if token.expires_at else "until it is revoked"
        access = "read" if token.read_only else "read and report"
        self.warn(f"Token '{token.name}' may {access} {until}. It is shown only once:")
        self.say(secret)
        return 0
