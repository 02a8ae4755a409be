"""Makes a token for a remote machine."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from statehub.management.base import HubCommand
from statehub.numbers import MAX_DAYS, whole_number
from web.api.tokens import NameTakenError, create


class Command(HubCommand):
    """The secret goes to stdout, alone and once; the hub keeps its hash."""

    help = "Create an API token and print its secret once. Reports made with it are recorded under NAME."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Its name, and what it may do for how long."""
        parser.add_argument("name", metavar="NAME", help="name of the client (machine, person, agent)")
        parser.add_argument("--read-only", action="store_true", help="read-only access")
        days = whole_number(1, MAX_DAYS, "days")
        parser.add_argument("--expires", metavar="DAYS", type=days, help="days until it expires (default: never)")

    def work(self, options: dict[str, Any]) -> int:
        """Make it and print the secret."""
        name = options["name"].strip()
        if not 0 < len(name) <= 200:
            self.cannot_run("NAME must have 1 to 200 characters")
        try:
            token, secret = create(name, read_only=options["read_only"], days=options["expires"])
        except NameTakenError as error:
            self.cannot_run(str(error))
        until = f"until {token.expires_at:%Y-%m-%d %H:%M} UTC" if token.expires_at else "until it is revoked"
        may = "read" if token.read_only else "read and report"
        self.warn(f"Token '{token.name}' may {may} {until}. It is shown only once:")
        self.say(secret)
        return 0
