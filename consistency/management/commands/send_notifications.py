"""Sends the notifications that are due."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings

from consistency.notify.notifier import read_secrets, replace_secrets, send_notifications
from statehub.management.base import HubCommand


class Command(HubCommand):
    """For cron, so that messages also go out when no run follows."""

    help = "Send the notifications that are due to the receivers in STATEHUB_NOTIFY. Runs do the same when they end."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--show-secrets", action="store_true", help="print the secret of each webhook's signature; send nothing"
        )
        parser.add_argument(
            "--new-secrets",
            action="store_true",
            help="give each webhook a new secret and print it; for a day messages are signed with both; send nothing",
        )

    def work(self, options: dict[str, Any]) -> int:
        if options["show_secrets"] or options["new_secrets"]:
            for name, secret in replace_secrets() if options["new_secrets"] else read_secrets():
                self.say(f"{name} {secret}")
            return 0
        if not settings.STATEHUB_NOTIFY:
            return self._report("no one is to be notified: STATEHUB_NOTIFY is not set", options)
        results = send_notifications()
        for result in results:
            for subject in result.sent:
                self._report(f"{result.name}: {subject}", options)
            if result.retry_at:
                again = f"{result.retry_at:%Y-%m-%d %H:%M} UTC"
                self._report(f"{result.name}: not tried before {again}, it failed: {result.error}", options)
            elif result.error:
                self.warn(f"error: {result.name}: {result.error}")
        if not results:
            self._report("nothing is due", options)
        return int(any(result.error for result in results))

    def _report(self, line: str, options: dict[str, Any]) -> int:
        if options["verbosity"]:
            self.say(line)
        return 0
