"""A real sshd on loopback that serves the repositories of this machine, with keys of its own."""

from __future__ import annotations

import getpass
import itertools
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from testing.programs import need_program

START_SECONDS = 10.0

_CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_ed25519
HostKey {folder}/host_rsa
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
"""


@dataclass
class SshServer:
    """A running sshd, with its files in *folder*."""

    folder: Path
    port: int
    _process: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def name(self) -> str:
        """The server as `trust_host` takes it."""
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """The log so far."""
        return (self.folder / "log").read_text(errors="replace")

    def url(self, path: Path) -> str:
        """Return the URL of the repository at *path*."""
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{path}"

    def allow(self, *keys: str) -> None:
        """Let those in who have one of the public *keys*, and no others."""
        (self.folder / "authorized_keys").write_text("".join(f"{key}\n" for key in keys))

    def fingerprint(self, kind: str = "ed25519") -> str:
        """Return the fingerprint of a host key, as OpenSSH shows it."""
        public = self.folder / f"host_{kind}.pub"
        return _run("ssh-keygen", "-lf", str(public)).split()[1]

    def change_host_keys(self) -> None:
        """Give the server other keys, as a new machine under the old name has them."""
        self.stop()
        self.make_host_keys()
        self.start()

    def make_host_keys(self) -> None:
        """Give the server a key of each kind that it has not had; several servers may have the same."""
        for name, data in _make_keys(next(self._numbers)).items():
            file = self.folder / name
            file.touch(0o600)
            file.write_bytes(data)

    def start(self) -> None:
        """Start sshd and wait until it answers."""
        program = need_program("sshd", "openssh-server")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # Made at boot elsewhere; sshd of root needs it.
        (self.folder / "sshd_config").write_text(_CONFIG.format(port=self.port, folder=self.folder))
        with (self.folder / "log").open("ab") as log:
            command = [program, "-D", "-e", "-f", str(self.folder / "sshd_config")]
            # A group of its own: each connection is a process.
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log, start_new_session=True)
        self._process.append(process)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert process.poll() is None, self.log
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise AssertionError(f"sshd does not answer: {self.log}")

    def stop(self) -> None:
        """Stop sshd."""
        for process in self._process:
            process.terminate()
            process.wait(10)
        self._process.clear()


@contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    """Start an sshd with its files in the new *folder*; no key is allowed yet."""
    need_program("sshd", "openssh-server")
    need_program("ssh-keyscan", "openssh-client")
    folder.mkdir()
    server = SshServer(folder, free_port())
    server.make_host_keys()
    server.allow()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """Return a port of this machine that nothing uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@cache
def _make_keys(_number: int) -> dict[str, bytes]:
    """Make host keys of each kind; return their files. They are kept, because they take longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("ed25519", "rsa"):
            _run("ssh-keygen", "-q", "-t", kind, "-N", "", "-f", f"{folder}/host_{kind}")
        return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
