"""Makes the webhook of a repo."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from consistency.db.queue import has_workers
from statehub.management.base import HubCommand
from statehub.models import Checkout, Forge, Repo
from web.hooks.instructions import forge_name, list_fields
from web.hooks.webhooks import PREVIOUS_LIFETIME, create_webhook, get_path, rotate_secret
from web.models import Webhook


class Command(HubCommand):
    """Print path and secret to stdout, and what to do with them to stderr."""

    help = (
        "Make a webhook for the repo SLUG and print its path and, once, its secret. With it the forge announces "
        "pushes, and the hub fetches at once and not only when it polls."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the repo, its forge, the format, and the wish for a new secret."""
        parser.add_argument("slug", metavar="SLUG", help="slug of the repo")
        forges = ", ".join(Forge.values)
        forge_help = f"the software that signs the deliveries: {forges} (default: by the repo's address)"
        parser.add_argument("--forge", choices=Forge.values, metavar="FORGE", help=forge_help)
        hours = int(PREVIOUS_LIFETIME.total_seconds() / 3600)
        parser.add_argument(
            "--rotate", action="store_true", help=f"make a new secret; the one before is accepted for {hours} hours"
        )
        parser.add_argument("--format", choices=["text", "json"], default="text", help="default: text")

    def work(self, options: dict[str, Any]) -> int:
        """Make the webhook or replace its secret, and print them."""
        repo = Repo.objects.filter(slug=options["slug"]).first()
        if repo is None:
            raise CommandError(f"no repo '{options['slug']}' in the hub (the admin lists them)")
        webhook, secret = create_webhook(repo, options["forge"] or "")
        if options["rotate"] and not secret:
            secret = rotate_secret(webhook)
        if options["format"] == "json":
            self.stdout.write(json.dumps({"path": get_path(webhook), "secret": secret or None}))
        else:
            self.say(f"path    {get_path(webhook)}")
            if secret:
                self.say(f"secret  {secret}")
        self._explain(repo, webhook, secret)
        return 0

    def _explain(self, repo: Repo, webhook: Webhook, secret: str) -> None:
        """Write to stderr what to do next, and what would keep a delivery from having an effect."""
        if not secret:
            self.warn("The secret was shown when it was made. A new one: --rotate.")
        else:
            self.warn(f"The secret is shown only once. At {forge_name(webhook.forge)}:")
            for name, value in list_fields(webhook.forge, f"https://HUB{get_path(webhook)}", "the secret"):
                self.warn(f"  {name}: {value}")
            if webhook.previous_until is not None:
                self.warn(f"The secret before is accepted until {webhook.previous_until:%Y-%m-%d %H:%M} UTC.")
        if not has_workers():
            self.warn(
                "This hub's database is SQLite, which has no queue: deliveries are recorded, and cron runs the repo."
            )
        elif not Checkout.objects.served().filter(repo=repo).exists():
            self.warn("No worker runs a checkout of this repo yet: deliveries are recorded, and nothing is queued.")
