"""Moves the hub's own clones from one host to another."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from consistency.cli.managed_registration import move_clones
from consistency.cli.moving import check_host
from consistency.cli.selection import find_other_hosts
from consistency.git.remote_url import parse_remote_url
from consistency.runs.managed import deploy_keys, key_comment
from statehub.errors import StateHubError
from statehub.management.base import HubCommand
from statehub.models import Checkout


class Command(HubCommand):
    """For a host that is gone: its clones are made again on another one, and nothing of their history is lost."""

    help = "Give the hub's own clones on one host to another, which makes them at its next run. Clones of people stay."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", required=True, dest="source", metavar="HOST", help="the host that has them")
        parser.add_argument("--to", dest="target", metavar="HOST", help="the host that gets them (default: this one)")

    def work(self, options: dict[str, Any]) -> int:
        here = settings.STATEHUB_HOST
        try:
            source, target = check_host(options["source"]), check_host(options["target"] or here)
            if source == target:
                raise CommandError(f"the clones of '{source}' are there already")
            others = find_other_hosts(target)
            for note in move_clones(source, target):
                self.say(note)
            if others is not None:  # Most likely a typing error: their runs would wait for ever.
                known = ", ".join(others)
                self.warn(
                    f"warning: no checkout and no worker was on host '{target}' until now (known: {known}): "
                    f"start run_worker there, or take the clones back by move_checkouts --from {target} --to HOST"
                )
            if target == here:
                self._say_keys(here)
            else:
                self.say(f"on {target}: deploy_key SLUG shows a key to paste, if the folder .keys is not copied there")
        except StateHubError as error:
            raise CommandError(str(error)) from error
        return 0

    def _say_keys(self, host: str) -> None:
        """Show the public keys that this host has made just now: their servers do not know them."""
        rows = Checkout.objects.active().select_related("repo").filter(managed=True, host=host).order_by("repo__slug")
        keys = deploy_keys()
        for checkout in rows:
            repo = checkout.repo
            if parse_remote_url(repo.remote).is_ssh and not keys.has(repo.pk):
                self.say(f"paste this deploy key at the server of '{repo.slug}', with the right to write:")
                self.say(keys.ensure(repo.pk, key_comment(repo)))
