"""Creates a user of the admin."""

from __future__ import annotations

import secrets
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import transaction

from statehub.management.base import HubCommand
from web.roles import Role, give_role


class Command(HubCommand):
    """Print only the password to stdout; the hub keeps its hash."""

    help = "Create an account for the admin and print its first password once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the name and the role of the user."""
        parser.add_argument("name", metavar="NAME", help="the name to log in with")
        roles = "; ".join(str(role.label) for role in Role)
        parser.add_argument("--role", choices=Role.values, default=Role.VIEWER.value, help=f"{roles} (default: viewer)")

    def work(self, options: dict[str, Any]) -> int:
        """Create the user and print the password."""
        role, password = Role(options["role"]), secrets.token_urlsafe(15)
        user = User(username=options["name"])
        user.set_password(password)
        try:
            user.full_clean()
        except ValidationError as error:
            raise CommandError("NAME: " + " ".join(error.messages)) from error
        with transaction.atomic():
            give_role(user, role)
        self.warn(f"{role.label.partition(':')[0]} '{user.username}' logs in with this password, shown only once:")
        self.say(password)
        return 0
