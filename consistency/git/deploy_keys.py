"""Makes the ssh keys of the hub's own clones: one pair per repo, of which only the public part leaves this machine."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from consistency.git.atomicfile import write_file
from statehub.errors import StateHubError
from statehub.text import describe_os_error

KEYGEN_SECONDS = 30.0
"""Time limit for ssh-keygen."""

CONNECT_SECONDS = 20
"""Time limit for ssh to connect, and to notice that a server no longer answers."""

KNOWN_HOSTS = "known_hosts"


class DeployKeyError(StateHubError):
    """A key could not be made or read."""


class DeployKeys:
    """The keys in the folder *folder*, which is made for its owner alone. Each is named by its repo's id."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    @property
    def known_hosts(self) -> Path:
        """The file of trusted host keys, which ssh reads beside the keys."""
        return self._folder / KNOWN_HOSTS

    def has(self, repo: int) -> bool:
        """Return whether there is a key of *repo*."""
        return (self._folder / str(repo)).exists()

    def ensure(self, repo: int, comment: str) -> str:
        """Return the public key of *repo*; make the pair if there is none. Raises DeployKeyError."""
        private = self._folder / str(repo)
        if not private.exists():
            self._make(private, comment)
        return self._public(private)

    def rotate(self, repo: int, comment: str) -> str:
        """Make another pair for *repo* and return its public key. Raises DeployKeyError.

        ssh offers the previous key too, until `drop_previous`. If there is one, the new pair replaces the last one,
        which was not seen to work, and the previous one stays.
        """
        private = self._folder / str(repo)
        with _reported():
            with suppress(FileExistsError, FileNotFoundError):
                os.link(private, self._previous(private))
            private.unlink(missing_ok=True)
            self._public_file(private).unlink(missing_ok=True)
        return self.ensure(repo, comment)

    def has_previous(self, repo: int) -> bool:
        """Return whether *repo* has a previous key: the server was not seen to take the new one yet."""
        return self._previous(self._folder / str(repo)).exists()

    def drop_previous(self, repo: int, works: Callable[[str], bool]) -> bool:
        """Remove the previous key of *repo* if the new one works; return whether it was removed.

        *works* gets the ssh command with the new key alone, and is not called if there is no previous one. Raises
        DeployKeyError.
        """
        private = self._folder / str(repo)
        previous = self._previous(private)
        with _reported(), suppress(FileNotFoundError):
            before = previous.stat()
            if works(self._command(private)) and os.path.samestat(before, previous.stat()):
                previous.unlink()
                return True
        return False

    def ssh_command(self, repo: int) -> str:
        """Return the ssh command of *repo*: with its key and the previous one alone, and for trusted hosts alone."""
        private = self._folder / str(repo)
        return self._command(private, *(each for each in (self._previous(private),) if each.exists()))

    def _command(self, *keys: Path) -> str:
        options = (
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            f"UserKnownHostsFile={_ssh_quoted(str(self.known_hosts))}",
            "GlobalKnownHostsFile=/dev/null",
            "StrictHostKeyChecking=yes",
            "UpdateHostKeys=no",
            "CheckHostIP=no",
            "BatchMode=yes",
            f"ConnectTimeout={CONNECT_SECONDS}",
            f"ServerAliveInterval={CONNECT_SECONDS}",
        )
        words = [
            "ssh",
            *(word for key in keys for word in ("-i", _percent(str(key)))),
            *(f"-o{option}" for option in options),
        ]
        return shlex.join(words)

    def write_known_hosts(self, text: str) -> None:
        """Replace the file of trusted host keys by *text*, unless it says that already. Raises DeployKeyError."""
        with _reported():
            self._make_folder()
            with suppress(FileNotFoundError):
                if self.known_hosts.read_text("utf-8") == text:
                    return
            write_file(str(self.known_hosts), text.encode(), 0o600)

    def _make_folder(self) -> None:
        for folder in (self._folder.parent, self._folder):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        self._folder.chmod(0o700)
        # The folder may be in a repository of a person, who commits all that is there.
        if not (ignored := self._folder / ".gitignore").exists():
            write_file(str(ignored), b"*\n", 0o600)

    def _make(self, private: Path, comment: str) -> None:
        with _reported():
            self._make_folder()
            with tempfile.TemporaryDirectory(prefix=".new-", dir=self._folder) as folder:
                made = Path(folder, "key")
                _keygen("-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(made))
                with suppress(FileExistsError):  # Another process was faster: its key counts.
                    os.link(made, private)

    def _public(self, private: Path) -> str:
        with _reported():
            file = self._public_file(private)
            with suppress(FileNotFoundError):
                return file.read_text("utf-8").strip()
            public = _keygen("-y", "-f", str(private)).strip()
            write_file(str(file), f"{public}\n".encode(), 0o600)
            return public

    @staticmethod
    def _public_file(private: Path) -> Path:
        return private.with_name(f"{private.name}.pub")

    @staticmethod
    def _previous(private: Path) -> Path:
        return private.with_name(f"{private.name}.previous")


@contextmanager
def _reported() -> Iterator[None]:
    """Turn an OSError into a DeployKeyError."""
    try:
        yield
    except OSError as error:
        raise DeployKeyError(f"{error.filename or 'the key'}: {describe_os_error(error)}") from error


def _ssh_quoted(path: str) -> str:
    """Quote *path* as ssh reads a value (ssh_config(5)): a blank would end it."""
    return f'"{_percent(path)}"'


def _percent(path: str) -> str:
    """Escape `%`, which begins a token of ssh."""
    return path.replace("%", "%%")


def _keygen(*arguments: str) -> str:
    try:
        run = subprocess.run(
            ["ssh-keygen", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=KEYGEN_SECONDS, check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise DeployKeyError("ssh-keygen is not on the PATH: install OpenSSH's client") from error
    except subprocess.TimeoutExpired as error:
        raise DeployKeyError(f"ssh-keygen did not end within {KEYGEN_SECONDS:g} s") from error
    if run.returncode:
        lines = run.stderr.strip().splitlines() or [f"it ended with {run.returncode}"]
        raise DeployKeyError(f"ssh-keygen: {lines[-1]}")
    return run.stdout
