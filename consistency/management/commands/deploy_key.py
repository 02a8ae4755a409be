"""Shows the public part of a repo's deploy key, to be pasted at its server."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from consistency.git.remote_url import parse_remote_url
from consistency.runs.managed import deploy_keys, key_comment
from statehub.errors import StateHubError
from statehub.management.base import HubCommand
from statehub.models import Checkout


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
            help="make another key; the last one is used too, until the server no longer takes it",
        )

    def work(self, options: dict[str, Any]) -> int:
        slug, host = options["slug"], settings.STATEHUB_HOST
        rows = Checkout.objects.active().select_related("repo").filter(managed=True, repo__slug=slug, host=host)
        checkout = rows.first()
        if checkout is None:
            raise CommandError(
                f"the hub has no clone of its own of '{slug}' on host '{host}': register_repo --remote URL"
            )
        keys, repo = deploy_keys(), checkout.repo
        try:
            if not parse_remote_url(repo.remote).is_ssh:
                raise CommandError(f"'{slug}' is not cloned by ssh, and needs no key")
            make = keys.rotate if options["rotate"] else keys.ensure
            self.say(make(repo.pk, key_comment(repo)))
        except StateHubError as error:
            raise CommandError(str(error)) from error
        if options["rotate"]:
            self.warn(f"paste the new key at the server of '{slug}'; then remove the last one there")
        return 0
