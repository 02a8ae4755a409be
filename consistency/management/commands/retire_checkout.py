"""Takes checkouts out of all runs, and keeps their history."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from consistency.cli.retiring import retire
from consistency.cli.selection import RegistrationError, checkouts_of_repo, checkouts_on_host, checkouts_to_retire
from statehub.management.base import HubCommand
from statehub.models import Checkout


class Command(HubCommand):
    """Retires the checkouts of a repo on a host, one at a path, all of a host, or all of a repo."""

    help = (
        "Retire checkouts: they are no longer run or shown as overdue, and their history stays. "
        "register_repo brings one back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "target", nargs="?", metavar="SLUG|PATH", help="a repo's checkouts on the host, or the one at a path there"
        )
        parser.add_argument(
            "--host", help="the host they are on (default: this one); alone: all checkouts of that host"
        )
        parser.add_argument("--repo", metavar="SLUG", help="all checkouts of this repo, on every host")

    def work(self, options: dict[str, Any]) -> int:
        try:
            found = self._checkouts(options)
        except RegistrationError as error:
            raise CommandError(str(error)) from error
        done = {checkout.pk for checkout in retire(found)}
        for checkout in found:
            name = f"'{checkout.repo.slug}' on {checkout.host}: {checkout.path}"
            self.say(f"retired {name}" if checkout.pk in done else f"retired already: {name}")
        if not found:
            self.say(f"'{options['repo']}' has no checkout")
        return 0

    def _checkouts(self, options: dict[str, Any]) -> list[Checkout]:
        target, host, repo = options["target"], options["host"], options["repo"]
        if repo is not None:
            if target is not None or host is not None:
                raise CommandError("--repo SLUG retires the repo on every host: give it alone")
            return checkouts_of_repo(repo)
        if target is not None:
            here: str = settings.STATEHUB_HOST
            return checkouts_to_retire(target, host or here, is_here=host in (None, here))
        if host is None:
            raise CommandError(
                "say what to retire: SLUG or PATH (--host HOST for another host), --repo SLUG, or --host HOST"
            )
        return checkouts_on_host(host)
