"""Makes a checkout known to the hub."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings

from consistency.checkout.git import GitError
from consistency.checkout.worktree import NotAWorkTree, files, locate
from consistency.registry import RegistryError, register
from statehub.command import HubCommand
from statehub.models import DEFAULT_WORKPLANS


class Command(HubCommand):
    """Registers the work tree at PATH for this host."""

    help = "Make the checkout at PATH known to the hub. Another clone of a known repo joins it by its origin."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where it is, and what it is called."""
        parser.add_argument("path", metavar="PATH", help="a git work tree on this machine")
        parser.add_argument("--slug", help="the repo's name in the hub (default: the folder's name)")
        parser.add_argument("--workplans", metavar="GLOB", help=f"where workplans are (default: {DEFAULT_WORKPLANS})")

    def work(self, options: dict[str, Any]) -> int:
        """Register it and say what is there."""
        try:
            tree = locate(options["path"])
            registered = register(tree, settings.STATEHUB_HOST, slug=options["slug"], workplans=options["workplans"])
            number = len(files(tree, registered.checkout.repo.workplans))
        except (NotAWorkTree, RegistryError, GitError) as error:
            self.cannot_run(str(error))
        matching = "1 file matches" if number == 1 else f"{number} files match"
        self.say(f"{registered.note} ({matching})")
        return 0
