"""`python -m rehearsal`: set up a team's hub by docs/deployment.md. Exits 1 if the page does not hold."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from rehearsal.stage import RehearsalError
from rehearsal.story import PROXIES, play
from testing.postgres import UnavailableError

SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"  # not in every user's PATH


def main() -> int:
    """Play it in a temporary folder."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that all that was started goes then, too
    for name in [name for name in os.environ if name.startswith(("STATEHUB_", "GIT_", "PG", "MAKE"))]:
        del os.environ[name]  # nothing of the caller's own hub
    if missing := [name for name in ("curl", "openssl", "sshd", "ssh-keyscan", options.proxy) if not _find(name)]:
        print(f"rehearsal: missing: {', '.join(missing)}", file=sys.stderr)
        return 2
    started = time.monotonic()
    # Below /tmp whatever TMPDIR says: a socket's path may have about 100 bytes.
    folder = Path(tempfile.mkdtemp(prefix="statehub-rehearsal-", dir="/tmp"))
    try:
        play(folder, options.proxy, lambda line: print(line, flush=True))
    except RehearsalError as error:
        print(f"rehearsal: {error}", file=sys.stderr)
        return 1
    except UnavailableError as error:
        print(f"rehearsal: {error}", file=sys.stderr)
        return 2
    finally:
        if options.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{time.monotonic() - started:5.1f} s  all of docs/deployment.md holds")
    return 0


def _find(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path=SYSTEM_FOLDERS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rehearsal", description=__doc__)
    installed = next((name for name in PROXIES if _find(name)), PROXIES[0])
    parser.add_argument("--proxy", choices=PROXIES, default=installed, help=f"here {installed}")
    parser.add_argument("--keep", action="store_true", help="leave the folder there, to look at")
    return parser


if __name__ == "__main__":
    sys.exit(main())
