"""The log of a web server in production."""

from __future__ import annotations

import os
import subprocess
import sys

from testing.manage import ROOT
from testing.server import PRODUCTION

PROGRAM = """
import logging, django

django.setup()
logger = logging.getLogger("django.request")
logger.error("Service Unavailable: /answered", extra={"status_code": 503})
try:
    1 / 0
except ZeroDivisionError:
    logger.error("Internal Server Error: /failed", exc_info=True, extra={"status_code": 500})
"""


def test_internal_error_is_in_the_log_with_its_traceback() -> None:
    """The API says so to the caller. An answer that was given on purpose needs no line of its own."""
    environment = {**os.environ, **PRODUCTION, "DJANGO_SETTINGS_MODULE": "statehub.settings"}
    command = [sys.executable, "-c", PROGRAM]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    lines = run.stderr.splitlines()
    assert (lines[0], lines[-1]) == ("Internal Server Error: /failed", "ZeroDivisionError: division by zero")
