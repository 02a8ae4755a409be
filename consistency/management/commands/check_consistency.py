"""Finds every drift between checkouts and hub; changes neither."""

from consistency.cli.base import RunCommand
from consistency.models import Mode


class Command(RunCommand):
    """A run that only looks."""

    help = "Find every difference between checkouts and the hub. Changes neither files nor hub."
    mode = Mode.CHECK
