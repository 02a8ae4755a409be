"""Prints how to create the first user."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model

from statehub.management.base import HubCommand


class Command(HubCommand):
    """Print nothing if a user can log in."""

    help = "Print how to create the first user of the admin, if there is none."

    def work(self, options: dict[str, Any]) -> int:  # noqa: ARG002 - the base's signature
        """Look for a user with access to the admin."""
        if not get_user_model().objects.filter(is_active=True, is_staff=True).exists():
            self.say("No one can log in yet. Create the first user in another terminal:")
            self.say("    .venv/bin/python manage.py create_user NAME --role administrator")
            self.say("Create further users in the same way or in the admin; each has a role.")
        return 0
