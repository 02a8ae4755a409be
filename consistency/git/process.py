"""Runs git: the only module that does. Explicit folder, scrubbed environment, time limit, typed errors.

The same holds for what git does on its own: a partial clone fetches missing objects at almost any command. It uses the
same protocols, never prompts, and starts no program that a run does not need.
"""

from __future__ import annotations

import os
import re
import resource
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import TypedDict, Unpack

from consistency.git.leftovers import remove_leftovers
from consistency.git.names import native
from consistency.git.procfs import bytes_read
from statehub.errors import StateHubError

READ_TIMEOUT_SECONDS = 120.0
"""Time limit of a local git command."""

KILL_GRACE_SECONDS = 2.0
"""Time that a stopped git has to remove its lock files."""

LAST_PART = 0.25
"""Last part of the time limit: bytes received in it show that a stopped git was still fetching."""

PROTOCOLS = "file:git:http:https:ssh"
"""Protocols that git may use (git, "GIT_ALLOW_PROTOCOL") unless STATEHUB_GIT_PROTOCOLS names others.

Any other would run a program that the clone's settings choose: `ext::`, or any git-remote-NAME on the PATH.
"""

_SETTINGS = (
    # Programs that a clone's configuration may name, and that no run needs.
    "core.fsmonitor=false",
    "core.alternateRefsCommand=:",
    "log.showSignature=false",
    "push.gpgSign=false",
    "submodule.recurse=false",
    # Housekeeping of a user's repository is not ours to start.
    "gc.auto=0",
    "maintenance.auto=false",
)
_NO_HOOKS = ("core.hooksPath=/dev/null",)

_ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",  # Set but empty: no program asks for a password, whatever the configuration says.
    "SSH_ASKPASS": "",
    "SSH_ASKPASS_REQUIRE": "never",  # ssh has no terminal either: git starts its own session.
    "GIT_EDITOR": ":",
    "GIT_PAGER": "cat",
    "GCM_INTERACTIVE": "never",  # Git Credential Manager opens windows.
    "LC_ALL": "C.UTF-8",  # English messages, and hooks that can read names beyond ASCII.
    "LANGUAGE": "C",
}

# Of an address: a password, and with http the user as well, which may be a token.
_PASSWORD = re.compile(r"(?<=http://)[^/\s'\"]+@|(?<=https://)[^/\s'\"]+@|(?<=[a-z]://)([^/\s'\":@]*):[^/\s'\"]*@")


class GitError(StateHubError):
    """git could not be run, or failed; the text is git's error message, *output* its standard output."""

    def __init__(self, message: str, output: bytes = b"") -> None:
        super().__init__(message)
        self.output = output


class GitMissingError(GitError):
    """git is not on the PATH."""


class GitTimeoutError(GitError):
    """git exceeded its time limit and was stopped, with all processes it had started.

    *received* is the number of bytes read during the last part of that time; 0 if git only waited.
    """

    def __init__(self, message: str, received: int = 0) -> None:
        super().__init__(message)
        self.received = received


class GitOptions(TypedDict, total=False):
    """The options of one git process.

    *stdin* is its standard input, *timeout* its time limit in seconds, *env* adds variables, *config* overrides the
    repository's settings. *magic_pathspecs* lets pathspecs begin with `:(…)`; otherwise they are literal. *hooks* lets
    the repository's hooks run. *ok* lists the good exit statuses. *file_size* limits each file that git writes, in
    bytes, on Linux; 0 for any size.
    """

    stdin: bytes
    timeout: float
    env: Mapping[str, str] | None
    config: Mapping[str, str] | None
    magic_pathspecs: bool
    hooks: bool
    ok: tuple[int, ...]
    file_size: int


class Git:
    """git in one folder. Leftovers of a stopped git are removed from *git_dir* and *common_dir*."""

    def __init__(self, path: str, git_dir: str = "", common_dir: str = "") -> None:
        self.path, self.git_dir, self.common_dir = path, git_dir, common_dir

    def start(self, *arguments: str, **options: Unpack[GitOptions]) -> GitProcess:
        """Start `git ARGUMENTS`, for a `with` block. Raises GitMissingError, or GitError if it cannot be started."""
        return GitProcess(self, arguments, options)

    def run(self, *arguments: str, **options: Unpack[GitOptions]) -> bytes:
        """Run `git ARGUMENTS` and return its standard output.

        Raises GitMissingError, GitTimeoutError, or GitError with git's message.
        """
        with self.start(*arguments, **options) as process:
            return process.output()


class GitProcess:
    """A running git. At the end of its `with` block it has ended, or it is stopped and its leftovers are removed.

    `messages` is its standard error, once `output` has returned.
    """

    def __init__(self, git: Git, arguments: tuple[str, ...], options: GitOptions) -> None:
        self._git, self._command = git, arguments[0]
        self._stdin, self._ok = options.get("stdin", b""), options.get("ok", (0,))
        self._timeout = options.get("timeout", READ_TIMEOUT_SECONDS)
        self._started, self._has_ended, self.messages = time.time(), False, b""
        self._process = _start(_command_line(git, arguments, options), options.get("env") or {}, bool(self._stdin))
        if limit := options.get("file_size"):
            _limit_files(self._process.pid, limit)

    def __enter__(self) -> GitProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._has_ended:
            _kill(self._process)
            if self._git.git_dir:
                remove_leftovers(self._git.git_dir, self._git.common_dir, self._started)

    def output(self) -> bytes:
        """Return the standard output once git has ended; the time limit counts from now.

        Raises GitTimeoutError, or GitError with git's message.
        """
        output, errors = self._communicate()
        self._has_ended, self.messages = True, errors
        if self._process.returncode not in self._ok:
            message = _message(errors) or _message(output)
            raise GitError(message or f"git {self._command} ended with {self._process.returncode}", output)
        return output

    def _communicate(self) -> tuple[bytes, bytes]:
        process, timeout = self._process, self._timeout
        try:
            return process.communicate(self._stdin or None, timeout=timeout * (1 - LAST_PART))
        except subprocess.TimeoutExpired:
            before = bytes_read(process.pid)
        try:
            return process.communicate(timeout=timeout * LAST_PART)
        except subprocess.TimeoutExpired:
            now = bytes_read(process.pid)
        received = sum(count - before.get(pid, 0) for pid, count in now.items())
        raise GitTimeoutError(f"git {self._command} did not end within {timeout:g} s", received)


def _command_line(git: Git, arguments: tuple[str, ...], options: GitOptions) -> list[str]:
    settings = [*_SETTINGS, *map("=".join, (options.get("config") or {}).items())]
    if not options.get("hooks"):
        settings += _NO_HOOKS
    switches = [] if options.get("magic_pathspecs") else ["--literal-pathspecs"]
    switches += [part for setting in settings for part in ("-c", setting)]
    # -C, not the process's working directory: git itself reports a folder that is gone.
    return ["git", "-C", git.path, *switches, *map(native, arguments)]


class _Process(subprocess.Popen[bytes]):
    """A process; to wait for its end with a time limit takes no longer than without one."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, at most *timeout* seconds. Raises subprocess.TimeoutExpired."""
        if timeout is not None and self.returncode is None:
            with suppress(AttributeError, OSError):  # Not on Linux: Popen looks again and again, with pauses.
                ended = os.pidfd_open(self.pid)
                try:
                    poll = select.poll()
                    poll.register(ended, select.POLLIN)
                    poll.poll(max(timeout, 0) * 1000)
                finally:
                    os.close(ended)
                timeout = 0
        return super().wait(timeout)


def _start(command: list[str], env: Mapping[str, str], piped: bool) -> subprocess.Popen[bytes]:
    """Start git without the caller's GIT_* variables, like a hook's GIT_DIR, as the leader of its own session."""
    # As bytes: to decode and encode all of them takes a third of the time of a start.
    inherited = {name: value for name, value in os.environb.items() if not name.startswith(b"GIT_")}
    protocols = os.environ.get("STATEHUB_GIT_PROTOCOLS", "").strip() or PROTOCOLS
    own = {**_ENVIRONMENT, "GIT_ALLOW_PROTOCOL": protocols, **env}
    try:
        return _Process(
            command,
            env={**inherited, **{os.fsencode(name): os.fsencode(value) for name, value in own.items()}},
            stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        if shutil.which("git") is None:
            raise GitMissingError("git is not on the PATH: install git") from error
        raise GitError(f"git cannot be started: {error}") from error


def _limit_files(pid: int, size: int) -> None:
    """Keep the process *pid*, and all that it starts from now on, from writing a file of more than *size* bytes."""
    with suppress(AttributeError, OSError, ValueError):  # Not on Linux, or it has ended.
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, size))


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Stop git and the processes it started (ssh, hooks): they are one process group.

    SIGTERM first: on it, git removes its lock files.
    """
    for kill_signal in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, kill_signal)
            process.communicate(timeout=KILL_GRACE_SECONDS)
        except (ProcessLookupError, PermissionError):  # macOS refuses if only zombies are left.
            break
        except subprocess.TimeoutExpired:
            continue
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:  # A process that left the group may still hold the other end.
            stream.close()
    process.poll()


def _message(output: bytes) -> str:
    """Return the last lines of git's message, on one line, without hints and without passwords in addresses."""
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines()]
    shown = [line for line in lines if line and not line.startswith("hint:")]
    return _PASSWORD.sub(lambda match: f"{match[1]}@" if match[1] else "", " · ".join(shown[-6:]))[:600]
