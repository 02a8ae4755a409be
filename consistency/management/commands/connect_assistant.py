"""Connects a coding assistant to the hub."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import CommandError

from consistency.cli.assistants import (
    ASSISTANTS,
    TOKEN_VARIABLE,
    make_stdio_entry,
    render_configuration,
    write_configuration,
)
from consistency.cli.selection import find_checkout, full_path
from consistency.cli.session_start import describe_session
from consistency.git.worktree import WorkTree, find_worktree
from statehub.errors import StateHubError
from statehub.management.base import HubCommand, current_user
from statehub.models import Checkout

DEFAULT_HUB = "http://127.0.0.1:8000"


class Command(HubCommand):
    """Print the configuration of an assistant or write it into a repository, and the text that begins a session."""

    help = (
        "Print what connects a coding assistant to the hub's tools, or write it into the repository at PATH; and a "
        "text for the beginning of a session. The token comes from STATEHUB_TOKEN, never from a file."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("assistant", choices=ASSISTANTS, metavar="ASSISTANT", help=", ".join(ASSISTANTS))
        parser.add_argument("--repo", metavar="PATH", help="a git work tree on this machine: write its file")
        parser.add_argument("--hub", metavar="URL", help=f"the hub's address (default: {DEFAULT_HUB})")
        parser.add_argument("--stdio", action="store_true", help="start `manage.py mcp` here instead of using HTTP")
        parser.add_argument("--session-start", action="store_true", help="print only the text, and write nothing")

    def work(self, options: dict[str, Any]) -> int:
        if options["hub"] and options["stdio"]:
            raise CommandError("give only one of --hub and --stdio")
        assistant = ASSISTANTS[options["assistant"]]
        entry = make_stdio_entry() if options["stdio"] else assistant.http(f"{_check_url(options['hub'])}/mcp")
        try:
            tree = None if options["repo"] is None else find_worktree(options["repo"])
            if options["session_start"]:
                self._say_start(tree)
                return 0
            if tree is None:
                self.stdout.write(render_configuration(assistant, entry))
                self.warn(f"Put this into {assistant.file} of a repository, or give --repo PATH.")
            else:
                self.say(f"{write_configuration(assistant, entry, tree)}; commit it if others shall use it")
        except StateHubError as error:
            raise CommandError(str(error)) from error
        if not options["stdio"]:
            self.warn(f"The assistant needs a token in {TOKEN_VARIABLE}: create_token NAME prints one.")
        self._say_start(tree)
        return 0

    def _say_start(self, tree: WorkTree | None) -> None:
        for line in describe_session(_find_active(tree), current_user()):
            self.say(line)


def _find_active(tree: WorkTree | None) -> Checkout | None:
    found = find_checkout(full_path(tree.top), settings.STATEHUB_HOST) if tree is not None else None
    return found if found is not None and found.retired_at is None else None


def _check_url(url: str | None) -> str:
    """Return the hub's address without a slash at its end. Raises CommandError."""
    parts = urlsplit(url or DEFAULT_HUB)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise CommandError(f"'{url}' is not the address of a hub, such as https://hub.example.org")
    return parts.geturl().rstrip("/")
