"""Makes checkouts known to the hub."""

from __future__ import annotations

import os
from argparse import ArgumentParser, BooleanOptionalAction
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from consistency.cli.registration import Wishes, register
from consistency.cli.selection import RegistrationError, is_retired
from consistency.cli.session_protocol import check_protocol, keep_protocol
from consistency.core.comparison.unmatched import nothing_matches
from consistency.db.queue import has_workers, queue_repos
from consistency.git.clones import find_clones
from consistency.git.remote_url import looks_like_url
from consistency.git.unread import nearest
from consistency.git.worktree import WorkTree, find_worktree, list_files
from statehub.errors import StateHubError
from statehub.globs import DEFAULT_WORKPLANS
from statehub.management.base import CANNOT_RUN, HubCommand
from statehub.models import Checkout, Repo, Writeback
from statehub.text import plural

TRIGGER = "command"
"""The trigger of the runs of workers that a registration queues."""

ONLY_OF_CLONES = ("token_file", "token_variable")
ONLY_OF_PATHS = ("under", "protocol", "watch")


class Command(HubCommand):
    """Registers the work tree at each PATH for this host, those below a folder, or a clone of the hub's own."""

    unshown = frozenset({"remote", "paths"})

    help = (
        "Register the checkout at each PATH with the hub. Another clone of a known repo joins it by its address; "
        "a moved or retired checkout is known again. With --remote the hub makes a clone of its own."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="*", metavar="PATH", help="a git work tree on this machine")
        parser.add_argument(
            "--remote",
            metavar="URL",
            help="make a clone of the hub's own of the repository at URL (https, ssh, or a path), which needs no PATH",
        )
        tokens = parser.add_mutually_exclusive_group()
        tokens.add_argument("--token-file", metavar="FILE", help="the file with the token for an https URL")
        tokens.add_argument("--token-variable", metavar="NAME", help="the environment variable with that token")
        parser.add_argument(
            "--writeback",
            choices=Writeback.values,
            help="how the hub's statuses get into the files: by a push, by a proposed branch, or not at all",
        )
        parser.add_argument(
            "--watch",
            action=BooleanOptionalAction,
            default=None,
            help="let the workers of this host run the checkout at PATH; it is pushed only if that was asked for",
        )
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
        wishes = Wishes(
            options["slug"], options["workplans"], exclude, options["branch"], options["writeback"], options["watch"]
        )
        self._check(options, wishes)
        if options["remote"] is not None:
            return self._register_remote(options, wishes)
        if options["watch"] and not has_workers():
            self.warn("workers need PostgreSQL: with SQLite, cron runs fix_consistency")
        done: set[str] = set()
        failed = False
        for path in dict.fromkeys(options["paths"]):
            failed |= not self._register(path, wishes, options["protocol"], done)
        if options["under"] is not None:
            failed |= not self._register_under(options["under"], wishes, options["protocol"], done)
        return CANNOT_RUN if failed else 0

    def _check(self, options: dict[str, Any], wishes: Wishes) -> None:
        paths, under, remote = options["paths"], options["under"], options["remote"]
        if remote is not None and (paths or any(options[name] is not None for name in ONLY_OF_PATHS)):
            raise CommandError(
                "--remote URL makes a clone of the hub's own: PATH, --under, --protocol and --watch are for others"
            )
        if remote is None and any(options[name] is not None for name in ONLY_OF_CLONES):
            raise CommandError("a token is for a clone of the hub's own: give --remote URL with it")
        if not paths and under is None and remote is None:
            raise CommandError("say what to register: PATH …, --under DIR, or --remote URL")
        if any(map(looks_like_url, paths)):
            raise CommandError("a PATH is a folder of this machine; a URL is for --remote")
        if under is not None and not os.path.isdir(under):
            raise CommandError(f"{under} is not a folder")
        for name in ("slug", "branch"):
            if options[name] is not None and (under is not None or len(paths) > 1):
                raise CommandError(f"--{name} is for one repo: give one PATH with it")
        try:
            wishes.check()
        except RegistrationError as error:
            raise CommandError(str(error)) from error

    def _register_remote(self, options: dict[str, Any], wishes: Wishes) -> int:
        """Register a clone of the hub's own; what is still to be done by a person is said, and is not an error."""
        from consistency.cli.managed_registration import register_remote
        from consistency.git.credentials import TokenSource

        file = options["token_file"]
        token = TokenSource(os.path.abspath(file) if file else "", options["token_variable"] or "")
        try:
            made = register_remote(options["remote"], wishes, token)
        except StateHubError as error:
            raise CommandError(str(error)) from error
        if made.problem or made.opened.tree is None:
            self.say(f"{made.note}; it is not cloned yet")
            self.warn(f"{made.checkout.repo.slug}: {made.problem}")
            if made.server:
                self.say(f"trust_host {made.server} shows the key of the server, and pins it")
            if made.key:
                self.say("paste this deploy key at the server, with the right to write:")
                self.say(made.key)
            self.say(f"then fix_consistency {made.checkout.repo.slug}, or the next run, clones it")
        else:
            if not made.is_new:  # A new one is polled at once.
                queue_repos(repos=[made.checkout.repo_id], trigger=TRIGGER)
            self._say_files(
                made.opened.tree, made.checkout.repo.pattern, f"{made.note}; cloned into {made.checkout.path}"
            )
        if not has_workers():
            self.say("workers need PostgreSQL: with SQLite, cron runs fix_consistency --all")
        return 0

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
        if wishes.watch or wishes.writeback is not None:
            queue_repos(repos=[registered.checkout.repo_id], trigger=TRIGGER)
        self._say_files(tree, registered.checkout.repo.pattern, registered.note)
        if wishes.writeback == Writeback.PROPOSE:
            self._warn_without_clone(registered.checkout.repo)
        if protocol is not None:
            self.say(keep_protocol(tree, registered.checkout.repo, protocol))

    def _warn_without_clone(self, repo: Repo) -> None:
        """Say that nothing proposes the statuses of *repo* if the hub has no clone of its own of it."""
        if not Checkout.objects.active().filter(repo=repo, managed=True).exists():
            self.warn(
                f"{repo.slug}: proposals need a clone of the hub's own: register_repo --remote URL makes it; until "
                "then no status gets into the files"
            )

    def _say_files(self, tree: WorkTree, pattern: str, note: str) -> None:
        """Say the *note* on a registration, and how many files match."""
        listing = list_files(tree, pattern)
        number = len(listing.paths)
        self.say(f"{note} ({number} {plural(number, 'file')} {'matches' if number == 1 else 'match'})")
        if not number:
            self.warn(nothing_matches(pattern, nearest(tree, listing, pattern)).message)
