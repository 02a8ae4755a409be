"""Stands in for systemctl on a machine of the rehearsal: starts what a unit says, and nginx. A script of its own.

Of a unit it takes WorkingDirectory, Environment, ExecStart, Type and Restart=always; how far it is shut in is for
systemd-analyze.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

MACHINE = Path(os.environ.get("MACHINE_ROOT", "."))
START_SECONDS = 60

RESTARTING = """
trap 'kill $child; wait $child; exit' TERM
while :; do
    "$@" &
    child=$!
    wait $child
    sleep 1
done
"""
"""A script that starts its arguments again whenever they end; sooner than RestartSec."""


def main(words: list[str]) -> int:
    """Do what systemctl is asked to do."""
    status = 2
    match words:
        case ["daemon-reload"]:
            status = 0
        case ["enable", "--now", *units] | ["start", *units]:
            status = max(map(_start, units))
        case ["stop", *units]:
            status = max(map(_stop, units))
        case ["restart", *units]:
            status = max(_stop(unit) or _start(unit) for unit in units)
        case ["reload", "nginx.service"]:
            status = _start_process("nginx.service", ["nginx", "-g", "daemon off;"], MACHINE)
        case ["reload", "caddy.service"]:
            command = ["caddy", "run", "--adapter", "caddyfile", "--config", "etc/caddy/Caddyfile"]
            status = _start_process("caddy.service", command, MACHINE)
        case _:
            sys.stderr.write(f"systemctl of the rehearsal does not know: {' '.join(words)}\n")
    return status


def _start(unit: str) -> int:
    settings: dict[str, list[str]] = {}
    for line in (MACHINE / "etc/systemd/system" / unit).read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            settings.setdefault(name, []).append(value)
    environment = dict(each.split("=", 1) for each in settings.get("Environment", []))
    notify = settings.get("Type") == ["notify"]
    command = shlex.split(settings["ExecStart"][-1])
    if settings.get("Restart") == ["always"]:
        command = ["sh", "-c", RESTARTING, "sh", *command]
    return _start_process(unit, command, Path(settings["WorkingDirectory"][-1]), environment, notify=notify)


def _start_process(
    unit: str, command: list[str], folder: Path, more: dict[str, str] | None = None, *, notify: bool = False
) -> int:
    kept = ("PATH", "HOME", "LC_ALL", "MACHINE_ROOT", "REAL_NGINX", "REAL_CADDY", "GUNICORN_CMD_ARGS")
    environment = {name: os.environ[name] for name in kept if name in os.environ} | (more or {})
    # A socket's path may have about 100 bytes, and the machine's folder may be deep.
    with tempfile.TemporaryDirectory(dir="/tmp") as place, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(f"{place}/notify")
        told.settimeout(0.2)
        if notify:
            environment["NOTIFY_SOCKET"] = f"{place}/notify"
        with (MACHINE / f"run/{unit}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        (MACHINE / f"run/{unit}.pid").write_text(str(process.pid))
        deadline = time.monotonic() + START_SECONDS
        while notify and process.poll() is None and time.monotonic() < deadline:
            try:
                notify = b"READY=1" not in told.recv(4096)
            except TimeoutError:
                continue
    if process.poll() is None and not notify:
        return 0
    sys.stderr.write(f"{unit} did not start:\n{(MACHINE / f'run/{unit}.log').read_text(errors='replace')[-2000:]}\n")
    return 1


def _stop(unit: str) -> int:
    file = MACHINE / f"run/{unit}.pid"
    process = int(file.read_text())
    with suppress(ProcessLookupError):  # It may have been killed.
        os.kill(process, signal.SIGTERM)
    deadline = time.monotonic() + START_SECONDS
    while lives(process):
        if time.monotonic() > deadline:
            return 1
        time.sleep(0.05)
    file.unlink()
    return 0


def lives(process: int) -> bool:
    """Return whether *process* runs; one that has ended and was not waited for (a zombie) does not."""
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except OSError:
        return Path("/proc/self").exists() is False  # no /proc here: the signal has proved it


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
