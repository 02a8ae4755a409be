"""Pins the host keys of an ssh server, after a person has confirmed them."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from consistency.git.host_keys import HostKey, Server, parse_server, read_keys, render_keys, scan_keys
from consistency.runs.managed import write_known_hosts
from statehub.errors import StateHubError
from statehub.management.base import CANNOT_RUN, HubCommand, current_user
from statehub.models import TrustedHost


class Command(HubCommand):
    """Asks a server for its keys, shows their fingerprints, and pins those that are confirmed, for all hosts."""

    help = (
        "Show the fingerprints of an ssh server's host keys and pin them, once you have compared them with those that "
        "the server's owner publishes. The hub's own clones talk to pinned servers only."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("server", metavar="HOST[:PORT]", help="the ssh server")
        parser.add_argument(
            "--fingerprint",
            action="append",
            default=[],
            dest="fingerprints",
            metavar="SHA256:…",
            help="pin the key with this fingerprint, and ask nothing; may be given several times",
        )

    def work(self, options: dict[str, Any]) -> int:
        try:
            server = parse_server(options["server"])
            found = scan_keys(server)
        except StateHubError as error:
            raise CommandError(str(error)) from error
        known = TrustedHost.objects.filter(name=server.name).first()
        before = read_keys(known.keys) if known else []
        for key in found:
            self.say(f"{server.name} {key.kind} {key.fingerprint}{' (pinned)' if key in before else ''}")
        if options["fingerprints"]:
            wanted = {text.rstrip("=") for text in options["fingerprints"]}
            found = [key for key in found if key.fingerprint in wanted]
            if missing := sorted(wanted - {key.fingerprint for key in found}):
                raise CommandError(f"{server.name} has no key with the fingerprint {missing[0]}: nothing is pinned")
        elif set(found) == set(before):
            self.say(f"{server.name} is trusted already, with these keys")
            self._write()
            return 0
        elif not self._is_confirmed(server, before):
            return CANNOT_RUN
        self._pin(server, found, before)
        return 0

    def _is_confirmed(self, server: Server, before: list[HostKey]) -> bool:
        """Ask the person at the terminal; without one nothing is confirmed."""
        if before:
            self.warn(f"{server.name} has other keys than those pinned: its owner must have changed them")
        if not sys.stdin.isatty():
            self.warn("error: nothing is pinned: compare the fingerprints, then give --fingerprint SHA256:…")
            return False
        self.stdout.write(
            "Are these the fingerprints that the server's owner publishes? Type yes to pin them: ", ending=""
        )
        self.stdout.flush()
        if sys.stdin.readline().strip().lower() != "yes":
            self.warn("error: nothing is pinned")
            return False
        return True

    def _pin(self, server: Server, keys: list[HostKey], before: list[HostKey]) -> None:
        values = {"keys": render_keys(server, keys), "who": current_user(), "trusted_at": timezone.now()}
        TrustedHost.objects.update_or_create(name=server.name, defaults=values)
        for key in before:
            if key not in keys:
                self.say(f"no longer pinned: {server.name} {key.kind} {key.fingerprint}")
        for key in keys:
            if key not in before:
                self.say(f"pinned: {server.name} {key.kind} {key.fingerprint}")
        self._write()

    def _write(self) -> None:
        """Write the keys to this host's file; other hosts do that before their next run."""
        try:
            write_known_hosts()
        except StateHubError as error:
            raise CommandError(str(error)) from error
