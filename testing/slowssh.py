"""Replaces ssh to another machine: runs the command here, and passes its output on slowly, or not to its end.

Arguments: BYTES_PER_SECOND (0: no limit), TOTAL_BYTES (0: no limit; after these it hangs), and then the arguments that
git gives to ssh.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

STEP_SECONDS = 0.05


def slow_ssh(rate: int = 0, stop_after: int = 0) -> str:
    """Return the value of `core.sshCommand` for such a remote."""
    return f"'{sys.executable}' -I -S '{Path(__file__).resolve()}' {rate} {stop_after}"


def main(rate: int, stop_after: int, command: str) -> None:
    with subprocess.Popen(["/bin/sh", "-c", command], stdout=subprocess.PIPE) as process:
        assert process.stdout
        answer, passed = process.stdout.fileno(), 0
        step = int(rate * STEP_SECONDS) or 65536
        while data := os.read(answer, min(step, stop_after - passed) if stop_after else step):
            os.write(1, data)
            passed += len(data)
            if rate:
                time.sleep(STEP_SECONDS)
            if passed == stop_after:
                time.sleep(3600)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[-1])
