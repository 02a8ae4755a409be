"""The least that any check of a checkout costs: `python -m bench.floor CHECKOUT`.

One process: the start-up of a management command under the commands' settings that only opens the database
(no system checks, no application code), `git status`, and reading and hashing every file of the work tree.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
from django.core.management.base import BaseCommand, CommandParser

from bench.counted import SETTINGS

STATUS = ("status", "--porcelain=v2", "--branch", "-z")


class Command(BaseCommand):
    """Opens the database, asks git for its status, reads and hashes every file."""

    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the checkout's path."""
        parser.add_argument("checkout", type=Path)

    def handle(self, *_: Any, **options: Any) -> None:
        """Do the least, and print how many files that were."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        checkout: Path = options["checkout"]
        subprocess.run(["git", "-C", str(checkout), *STATUS], check=True, stdout=subprocess.PIPE)
        digests = {path: _digest(path) for path in _files(checkout)}
        self.stdout.write(f"{len(digests)} files")


def _files(checkout: Path) -> Iterator[str]:
    for folder, names, files in os.walk(checkout):
        names[:] = [name for name in names if name != ".git"]
        yield from (os.path.join(folder, name) for name in files)


def _digest(path: str) -> bytes:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).digest()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    django.setup()
    Command().run_from_argv(["manage.py", "floor", *sys.argv[1:]])
