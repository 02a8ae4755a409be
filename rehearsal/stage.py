"""The rehearsal's machines: folders, each with a home, a /srv, an /etc, and stand-ins for sudo and other tools.

A machine's shell gets the page's own text, with its absolute paths put below the machine's folder, and the addresses
that it takes for granted replaced by free ports of 127.0.0.1: those of the git server's sshd, too. Git by https and the
hub's name are reached by the settings that git and curl have for that.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rehearsal.page import PAGE, Block
from rehearsal.systemctl import lives

ROOT = Path(__file__).resolve().parent.parent
NAME = "hub.example.org"
GIT_HOST = "git.example.org"
CERTIFICATE, KEY = f"/etc/ssl/{NAME}/fullchain.pem", f"/etc/ssl/{NAME}/privkey.pem"
_PATHS = re.compile(r"(?<![\w./:~-])/(?=(?:srv|etc|var|run)/)")

NGINX = """\
{user}pid {machine}/run/nginx-own.pid;
error_log {machine}/run/nginx.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {machine}/run/body;
    proxy_temp_path {machine}/run/proxy;
    fastcgi_temp_path {machine}/run/fastcgi;
    uwsgi_temp_path {machine}/run/uwsgi;
    scgi_temp_path {machine}/run/scgi;
    include {machine}/etc/nginx/sites-enabled/*;
}}
"""

STAND_INS = {
    "sudo": '[ "$1" = -u ] && shift 2; exec "$@"',
    "useradd": ":",  # the machine has one user: whoever runs the rehearsal
    "chown": ":",
    "hostname": 'echo "$MACHINE"',
    "crontab": 'case "$1" in -) cat >"$MACHINE_ROOT/crontab";; *) exit 2;; esac',
    "systemctl": f'exec "{sys.executable}" "{ROOT / "rehearsal/systemctl.py"}" "$@"',
    "nginx": 'exec "$REAL_NGINX" -c "$MACHINE_ROOT/etc/nginx/nginx.conf" "$@"',
    "caddy": 'exec "$REAL_CADDY" "$@"',
}


class RehearsalError(Exception):
    """Something is not as the page promises."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Result of a shell."""

    exit: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Addresses:
    """The page's addresses, as they are here."""

    web: int
    http: int
    https: int
    postgres: int
    password: str = field(default_factory=lambda: secrets.token_hex(16))
    git_user: str = "git"
    git_server: str = GIT_HOST
    fingerprint: str = ""

    @classmethod
    def free(cls) -> Addresses:
        """Return addresses with free ports."""
        with ExitStack() as stack:
            sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(4)]
            web, http, https, postgres = (each.getsockname()[1] for each in sockets)
        return cls(web, http, https, postgres)

    def put_in(self, text: str, root: Path) -> str:
        """Return *text* with paths below *root*, and with these addresses."""
        text = _PATHS.sub(f"{root}/", text)
        for name, value in (
            ("PASSWORD", self.password),
            (f"{NAME}:5432", f"127.0.0.1:{self.postgres}"),
            ("127.0.0.1:5432", f"127.0.0.1:{self.postgres}"),
            ("127.0.0.1:8000", f"127.0.0.1:{self.web}"),
            (f"git@{GIT_HOST}:", f"ssh://{self.git_user}@{self.git_server}{root.parent}/git/"),
            (f"trust_host {GIT_HOST}", f"trust_host {self.git_server}"),
            ("SHA256:FINGERPRINT", self.fingerprint),
        ):
            text = text.replace(name, value)
        text = re.sub(r"^ *listen \[::\].*\n", "", text, flags=re.MULTILINE)  # not every machine has IPv6
        text = re.sub(r"\blisten 80\b", f"listen 127.0.0.1:{self.http}", text)
        text = re.sub(r"\blisten 443\b", f"listen 127.0.0.1:{self.https}", text)
        # Caddy would ask for a certificate on the network.
        return text.replace(
            f"\n{NAME} {{\n",
            f"\n{{\n\tadmin off\n\thttp_port {self.http}\n\thttps_port {self.https}\n\tskip_install_trust\n}}\n"
            f"{NAME} {{\n\tbind 127.0.0.1\n\ttls {CERTIFICATE} {KEY}\n".replace("/etc", f"{root}/etc"),
        )


class Machine:
    """One computer of the team."""

    def __init__(self, stage: Path, name: str, addresses: Addresses, **environment: str) -> None:
        """Make the machine's folder below *stage*. Its shells get *environment* in addition."""
        self.name, self.root, self._addresses = name, stage / name, addresses
        home, programs = self.root / "home", self.root / "bin"
        for folder in (
            home, programs, self.root / "srv", self.root / "var/backups", self.root / "run",
            self.root / "etc/systemd/system", self.root / "etc/nginx/sites-available",
            self.root / "etc/nginx/sites-enabled", self.root / "etc/caddy",
        ):  # fmt: skip
            folder.mkdir(parents=True)
        for program, body in STAND_INS.items():
            (programs / program).write_text(f"#!/bin/sh\n{body}\n")
            (programs / program).chmod(0o755)
        user = "user root;\n" if os.geteuid() == 0 else ""
        (self.root / "etc/nginx/nginx.conf").write_text(NGINX.format(machine=self.root, user=user))
        (home / ".gitconfig").write_text(
            f'[url "file://{stage}/git/"]\n    insteadOf = https://{GIT_HOST}/\n[user]\n    name = {name}\n'
            f"    email = {name}@example.org\n[init]\n    defaultBranch = main\n[gc]\n    auto = 0\n"
        )
        (home / ".curlrc").write_text(
            f'connect-to = "{NAME}:443:127.0.0.1:{addresses.https}"\ncacert = "{stage}/tls/fullchain.pem"\n'
            'noproxy = "*"\nmax-time = 30\n'
        )
        system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self.environment = {
            "PATH": f"{programs}:{environment.pop('PATH', '')}:{os.environ.get('PATH', '')}:{system}",
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "MACHINE": name,
            "MACHINE_ROOT": str(self.root),
            "REAL_NGINX": shutil.which("nginx", path=system) or "nginx",
            "REAL_CADDY": shutil.which("caddy", path=system) or "caddy",
            **environment,
        }

    def run(self, text: str, *, answers: str = "", environment: Mapping[str, str] | None = None) -> Ended:
        """Run the commands in *text* and return the result; *answers* is a person's input."""
        ended = subprocess.run(
            ["sh", "-eu", "-c", self._addresses.put_in(text, self.root)],
            cwd=self.root / "home",
            env={**self.environment, **(environment or {})},
            input=answers,
            capture_output=True,
            text=True,
            timeout=300,
            start_new_session=True,  # no terminal: a password is asked for on stdin
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def do(self, block: Block, **options: str) -> str:
        """Run a *block* of the page, which must succeed; what it printed."""
        ended = self.run(block.text, answers=options.pop("answers", ""), environment=options)
        if ended.exit:
            raise RehearsalError(
                f"{PAGE.name}, line {block.line}, on {self.name}: exit status {ended.exit}\n{block.text}"
                f"{ended.stdout}{ended.stderr}"
            )
        self._edit_settings()
        self._provide_packages()
        return ended.stdout

    def tick(self) -> Ended:
        """Run cron's five-minute job: its first line, as cron runs it."""
        line = (self.root / "crontab").read_text().splitlines()[0]
        return self.run(line.split(None, 5)[5])

    def log(self, unit: str) -> str:
        """Return all that *unit* has written so far."""
        return (self.root / f"run/{unit}.log").read_text(errors="replace")

    def kill(self, unit: str) -> None:
        """Kill *unit* and all that it has started, as a power cut does."""
        os.killpg(int((self.root / f"run/{unit}.pid").read_text()), signal.SIGKILL)

    def stop(self) -> None:
        """End all that its systemctl has started."""
        for file in sorted((self.root / "run").glob("*.service.pid")):
            process = int(file.read_text())
            with suppress(OSError):
                os.killpg(process, signal.SIGTERM)
            deadline = time.monotonic() + 10
            while lives(process) and time.monotonic() < deadline:
                time.sleep(0.05)

    def _edit_settings(self) -> None:
        """Put addresses and paths into what was copied to /etc, as the page tells a person to do."""
        for file in (self.root / "etc").rglob("*"):
            if file.is_file() and not file.is_symlink():
                before = file.read_text()
                if str(self.root) not in before:
                    file.write_text(self._addresses.put_in(before, self.root))

    def _provide_packages(self) -> None:
        """Let State Hub's .venv be the one that runs this, so that `make` need not install everything once more."""
        project, ours = self.root / "srv/statehub", Path(sys.prefix)
        if not (project / "Makefile").exists() or (project / ".venv").exists():
            return
        (project / ".venv").mkdir()
        for part in ("bin", "lib", "pyvenv.cfg"):
            (project / ".venv" / part).symlink_to(ours / part)
        digest = "{ .venv/bin/python -V; cat requirements.txt; } 2>&1 | cksum"
        stamp = subprocess.run(digest, shell=True, cwd=project, capture_output=True, check=True)  # noqa: S602
        (project / ".venv/.runtime").write_bytes(stamp.stdout)


def make_certificate(folder: Path) -> None:
    """Create a self-signed certificate for the hub's name, and its key."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2",
            "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1",
            "-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem",
        ],
        capture_output=True,
        check=True,
    )  # fmt: skip
