"""`python -m demo.data`: fills the hub that DATABASE_URL names; 0, or 2 with one line that says why it could not."""

import argparse
import os
import sys
import time
from collections.abc import Callable

CANNOT_RUN = 2


def main() -> int:
    """Set Django up, then fill the hub."""
    arguments = _arguments()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "statehub.settings_base")
    import django
    from django.core.exceptions import ImproperlyConfigured

    try:
        django.setup()
    except ImproperlyConfigured as error:
        return _cannot_run(str(error))
    return _fill(arguments)


def _fill(arguments: argparse.Namespace) -> int:
    from django.core.exceptions import ImproperlyConfigured
    from django.db import Error as DatabaseError

    from consistency.cli.selection import RegistrationError
    from consistency.git.process import GitError
    from demo.data.fill import fill
    from demo.data.place import NotOursError
    from demo.data.quarter import Size
    from statehub.database_errors import explain_database_error

    started = time.monotonic()
    try:
        said = fill(Size(arguments.days, arguments.repos))
    except (DatabaseError, ImproperlyConfigured) as error:
        return _cannot_run(explain_database_error(error).line)
    except (NotOursError, RegistrationError, GitError, OSError) as error:
        return _cannot_run(str(error))
    print(f"{said}, in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo.data", description=__doc__)
    parser.add_argument("--days", type=_number(7, 366), default=90, help="length of the story (default: 90)")
    parser.add_argument("--repos", type=_number(1, 6), default=6, help="how many repos (default: 6)")
    return parser.parse_args()


def _number(low: int, high: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"must be a number from {low} to {high}")
        return int(text)

    return number


def _cannot_run(why: str) -> int:
    print(f"error: {why}", file=sys.stderr)
    return CANNOT_RUN


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
