"""Tells how to make the first user, where there is none."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model

from statehub.management.base import HubCommand


class Command(HubCommand):
    """Says nothing where somebody can log in."""

    help = "Print how to create the first user of the admin, if there is none."

    def work(self, options: dict[str, Any]) -> int:  # noqa: ARG002 - the base's signature
        """Look for a user who may enter the admin."""
        if not get_user_model().objects.filter(is_active=True, is_staff=True).exists():
            self.say("No one can log in yet. Create the first user in another terminal:")
            self.say("    .venv/bin/python manage.py create_user NAME --role administrator")
            self.say("Create further users in the same way or in the admin; each has a role.")
        return 0
