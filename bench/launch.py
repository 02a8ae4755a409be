"""Runs one command and writes what it cost as JSON; itself as small as a Python process can be.

A child's peak memory counts from the moment of the fork, so what a big parent holds would be charged to the command:
that is why this is a process of its own, run as `python -I -S launch.py OUT COMMAND…`, with imports that come with the
interpreter. CPU time is the command's with all the children it waited for; the peak is that of the largest of them.
"""

import os
import sys
import time


def main(out: str, command: list[str]) -> int:
    """Run `command` and write `wall`, `cpu` (seconds), `peak` (bytes) and its exit status to the file `out`."""
    started = time.perf_counter()
    pid = os.spawnvp(os.P_NOWAIT, command[0], command)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - started
    unit = 1 if sys.platform == "darwin" else 1024
    with open(out, "w", encoding="ascii") as file:
        file.write(
            f'{{"wall": {wall:.6f}, "cpu": {usage.ru_utime + usage.ru_stime:.6f}, '
            f'"peak": {usage.ru_maxrss * unit}, "status": {os.waitstatus_to_exitcode(status)}}}'
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
