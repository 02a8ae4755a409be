"""Shows the public part of a repo's deploy key, to be pasted at its server."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from consistency.git.remote_url import parse_remote_url
from consistency.runs.managed import deploy_keys, drop_previous_key, key_comment, write_known_hosts
from statehub.errors import StateHubError
from statehub.management.base import HubCommand
from statehub.models import Checkout, Repo


class Command(HubCommand):
    """Prints the public key alone on stdout; makes the pair if this host has none."""

    help = (
        "Show the public part of the deploy key of the hub's own clone of a repo on this host. Paste it at the server, "
        "with the right to write."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", metavar="SLUG", help="the repo")
        parser.add_argument(
            "--rotate",
            action="store_true",
            help="make another key; the one that works is used too, until the server takes the new one",
        )

    def work(self, options: dict[str, Any]) -> int:
        slug, host = options["slug"], settings.STATEHUB_HOST
        rows = Checkout.objects.active().select_related("repo").filter(managed=True, repo__slug=slug, host=host)
        checkout = rows.first()
        if checkout is None:
            raise CommandError(
                f"the hub has no clone of its own of '{slug}' on host '{host}': register_repo --remote URL"
            )
        repo = checkout.repo
        try:
            if not parse_remote_url(repo.remote).is_ssh:
                raise CommandError(f"'{slug}' is not cloned by ssh, and needs no key")
            if options["rotate"]:
                self._rotate(repo)
            else:
                self.say(deploy_keys().ensure(repo.pk, key_comment(repo)))
        except StateHubError as error:
            raise CommandError(str(error)) from error
        return 0

    def _rotate(self, repo: Repo) -> None:
        """Make another key of *repo*; of the keys before it, keep the one that works."""
        keys = deploy_keys()
        if keys.has_previous(repo.pk):
            write_known_hosts()
            drop_previous_key(repo, settings.STATEHUB_FETCH_TIMEOUT)
        replaces_unused = keys.has_previous(repo.pk)
        self.say(keys.rotate(repo.pk, key_comment(repo)))
        self.warn(f"paste the new key at the server of '{repo.slug}'; then remove the last one there")
        if replaces_unused:
            self.warn(
                "the server was not seen to take the key of the last --rotate: the new one replaces it, and the key "
                "before it stays until the new one works"
            )
