"""Serves the tools for assistants on stdin and stdout."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections

from consistency.mcp.protocol import INTERNAL_ERROR, INVALID_REQUEST, ProtocolError, Reply, answer, refuse
from consistency.mcp.tools import Caller
from statehub.database_errors import explain_database_error
from statehub.management.base import HubCommand, current_user
from statehub.models import Source

MAX_LINE_BYTES = 1024 * 1024
"""Bytes of the longest message, as over HTTP."""


class Command(HubCommand):
    """Answers one message a line until stdin ends; nothing else goes to stdout."""

    help = (
        "Serve the hub's tools for coding assistants (Model Context Protocol) on stdin and stdout. Assistants start "
        "this themselves; connect_assistant prints their configuration. STATEHUB_USER, or the login name, takes tasks."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--read-only", action="store_true", help="only the tools that change nothing")

    def work(self, options: dict[str, Any]) -> int:
        caller = Caller(current_user(), Source.COMMAND, settings.STATEHUB_HOST, is_read_only=options["read_only"])
        stdin = sys.stdin.buffer
        while line := stdin.readline(MAX_LINE_BYTES + 1):
            if len(line) > MAX_LINE_BYTES:
                while line and not line.endswith(b"\n"):
                    line = stdin.readline(MAX_LINE_BYTES)
                reply = refuse(ProtocolError(INVALID_REQUEST, f"a message has at most {MAX_LINE_BYTES} bytes"))
            elif not line.strip():
                continue
            else:
                reply = self._answer(line, caller)
            if reply.body is not None:
                self.stdout.write(reply.text)
                self.stdout.flush()
        return 0

    def _answer(self, line: bytes, caller: Caller) -> Reply:
        close_old_connections()  # The database may have restarted since the last message.
        try:
            return answer(line, caller)
        except DatabaseError as error:
            explained = explain_database_error(error)
            self.warn(f"error: {explained.line}")
            return refuse(ProtocolError(INTERNAL_ERROR, explained.public), json.loads(line))
