"""Makes a checkout known to the hub."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings

from consistency.checkout.git import GitError
from consistency.checkout.unread import nearest
from consistency.checkout.worktree import NotAWorkTree, list_files, locate
from consistency.core.unmatched import nothing_matches
from consistency.protocol import ProtocolError, check_protocol, keep_protocol
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
        parser.add_argument("--branch", help="the one that is mirrored (default: the one that origin calls its own)")
        parser.add_argument(
            "--protocol",
            metavar="FILE",
            help="put the session protocol into FILE of the repo, such as CLAUDE.md, or renew it there",
        )

    def work(self, options: dict[str, Any]) -> int:
        """Register it and say what is there; put the protocol into its file."""
        protocol = options["protocol"]
        try:
            tree = locate(options["path"])
            if protocol is not None:  # First, so that nothing is registered where it is refused.
                check_protocol(tree, protocol)
            asked = {name: options[name] for name in ("slug", "workplans", "branch")}
            registered = register(tree, settings.STATEHUB_HOST, **asked)
            pattern = registered.checkout.repo.workplans
            listing = list_files(tree, pattern)
            number = len(listing.paths)
            self.say(f"{registered.note} ({'1 file matches' if number == 1 else f'{number} files match'})")
            if not number:
                self.warn(nothing_matches(pattern, nearest(tree, listing, pattern)).message)
            if protocol is not None:
                self.say(keep_protocol(tree, registered.checkout.repo, protocol))
        except (NotAWorkTree, RegistryError, GitError, ProtocolError) as error:
            self.cannot_run(str(error))
        return 0
