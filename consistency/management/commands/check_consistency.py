"""Finds every difference between checkouts and the hub; changes neither."""

from consistency.cli.base import RunCommand
from consistency.models import Mode


class Command(RunCommand):
    """A run that changes nothing."""

    help = "Find every difference between checkouts and the hub. Changes neither files nor hub."
    mode = Mode.CHECK
