"""Makes checkouts known to the hub."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from consistency.cli.registration import Wishes, register
from consistency.cli.selection import RegistrationError, is_retired
from consistency.cli.session_protocol import check_protocol, keep_protocol
from consistency.core.comparison.unmatched import nothing_matches
from consistency.git.clones import find_clones
from consistency.git.unread import nearest
from consistency.git.worktree import WorkTree, find_worktree, list_files
from statehub.errors import StateHubError
from statehub.globs import DEFAULT_WORKPLANS
from statehub.management.base import CANNOT_RUN, HubCommand
from statehub.text import plural


class Command(HubCommand):
    """Registers the work tree at each PATH for this host, and those below a folder."""

    help = (
        "Register the checkout at each PATH with the hub. Another clone of a known repo joins it by its address; "
        "a moved or retired checkout is known again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="*", metavar="PATH", help="a git work tree on this machine")
        parser.add_argument("--under", metavar="DIR", help="every clone in this folder and below it")
        parser.add_argument(
            "--slug", help="the repo's name in the hub (default: the folder's name), or the one to join"
        )
        parser.add_argument(
            "--workplans",
            action="append",
            default=[],
            metavar="GLOB",
            help=f"where workplans are (default: {DEFAULT_WORKPLANS}); may be given several times",
        )
        parser.add_argument(
            "--exclude",
            action="append",
            default=[],
            metavar="GLOB",
            help="files that are not workplans although they match; may be given several times",
        )
        parser.add_argument("--no-exclude", action="store_true", help="remove all earlier exclusions")
        parser.add_argument("--branch", help="branch to mirror (default: origin's default branch)")
        parser.add_argument(
            "--protocol",
            metavar="FILE",
            help="put the session protocol into FILE of the repo, such as CLAUDE.md, or renew it there",
        )

    def work(self, options: dict[str, Any]) -> int:
        """Register each checkout; return 2 if one of them could not be registered."""
        exclude = options["exclude"] or ([""] if options["no_exclude"] else [])
        wishes = Wishes(options["slug"], options["workplans"], exclude, options["branch"])
        self._check(options, wishes)
        done: set[str] = set()
        failed = False
        for path in dict.fromkeys(options["paths"]):
            failed |= not self._register(path, wishes, options["protocol"], done)
        if options["under"] is not None:
            failed |= not self._register_under(options["under"], wishes, options["protocol"], done)
        return CANNOT_RUN if failed else 0

    def _check(self, options: dict[str, Any], wishes: Wishes) -> None:
        paths, under = options["paths"], options["under"]
        if not paths and under is None:
            raise CommandError("say what to register: PATH …, or --under DIR")
        if under is not None and not os.path.isdir(under):
            raise CommandError(f"{under} is not a folder")
        for name in ("slug", "branch"):
            if options[name] is not None and (under is not None or len(paths) > 1):
                raise CommandError(f"--{name} is for one repo: give one PATH with it")
        try:
            wishes.check()
        except RegistrationError as error:
            raise CommandError(str(error)) from error

    def _register_under(self, folder: str, wishes: Wishes, protocol: str | None, done: set[str]) -> bool:
        """Register the clones below *folder*; return whether all of them were registered."""
        found, all_registered = False, True
        for clone in find_clones(os.path.realpath(folder)):
            if clone.skipped:
                self.say(f"{clone.path} is left out: {clone.skipped}")
            elif is_retired(clone.path, settings.STATEHUB_HOST):
                found = True
                self.say(f"{clone.path} is left out: it is retired; register_repo {clone.path} brings it back")
            else:
                found = True
                all_registered &= self._register(clone.path, wishes, protocol, done)
        if not found:
            self.warn(f"error: there is no clone in {folder} or below it")
        return found and all_registered

    def _register(self, path: str, wishes: Wishes, protocol: str | None, done: set[str]) -> bool:
        """Register the work tree at *path*, unless it is in *done*; return whether it is registered."""
        try:
            tree = find_worktree(path)
            if tree.top not in done:
                done.add(tree.top)
                self._register_tree(tree, wishes, protocol)
        except StateHubError as error:
            self.warn(f"error: {error}")
            return False
        return True

    def _register_tree(self, tree: WorkTree, wishes: Wishes, protocol: str | None) -> None:
        if protocol is not None:  # First, so that nothing is registered if it is refused.
            check_protocol(tree, protocol)
        registered = register(tree, settings.STATEHUB_HOST, wishes)
        pattern = registered.checkout.repo.pattern
        listing = list_files(tree, pattern)
        number = len(listing.paths)
        self.say(f"{registered.note} ({number} {plural(number, 'file')} {'matches' if number == 1 else 'match'})")
        if not number:
            self.warn(nothing_matches(pattern, nearest(tree, listing, pattern)).message)
        if protocol is not None:
            self.say(keep_protocol(tree, registered.checkout.repo, protocol))
