"""Runs git: the only module that does. Explicit folder, scrubbed environment, time limit, typed errors.

The same holds for what git does on its own: a partial clone fetches missing objects at almost any command. It uses the
same protocols, never prompts, and starts no program that a run does not need. Of GitPython only the runner is used.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cache
from importlib.machinery import PathFinder
from types import ModuleType
from typing import TYPE_CHECKING

from consistency.git.leftovers import remove_leftovers
from consistency.git.names import native
from consistency.git.procfs import bytes_read
from statehub.errors import StateHubError

if TYPE_CHECKING:
    from git.cmd import Git as Runner

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


class Git:
    """git in one folder. Leftovers of a stopped git are removed from *git_dir* and *common_dir*."""

    def __init__(self, path: str, git_dir: str = "", common_dir: str = "") -> None:
        self.path, self._git_dir, self._common_dir = path, git_dir, common_dir

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        timeout: float = READ_TIMEOUT_SECONDS,
        env: Mapping[str, str] | None = None,
        config: Mapping[str, str] | None = None,
        magic_pathspecs: bool = False,
        hooks: bool = False,
        ok: tuple[int, ...] = (0,),
    ) -> bytes:
        """Run `git ARGUMENTS` and return its standard output. *timeout* is in seconds, *ok* lists good exit statuses.

        *config* overrides the repository's settings. *magic_pathspecs* lets pathspecs begin with `:(…)`; otherwise they
        are literal. *hooks* lets the repository's hooks run.
        Raises GitMissingError, GitTimeoutError, or GitError with git's message.
        """
        settings = [*_SETTINGS, *map("=".join, (config or {}).items())]
        if not hooks:
            settings += _NO_HOOKS
        options = [] if magic_pathspecs else ["--literal-pathspecs"]
        options += [part for setting in settings for part in ("-c", setting)]
        protocols = os.environ.get("STATEHUB_GIT_PROTOCOLS", "").strip() or PROTOCOLS
        environment = {**_ENVIRONMENT, "GIT_ALLOW_PROTOCOL": protocols, **(env or {})}
        # -C, not the runner's working directory: if that is gone, the runner would quietly start git in ours.
        command = ["git", "-C", self.path, *options, *map(native, arguments)]
        started = time.time()
        process = _start([*_without_git_env(environment), *command], environment, bool(stdin))
        try:
            output, errors = _communicate(process, arguments[0], stdin, timeout)
        except BaseException:
            _kill(process)
            if self._git_dir:
                remove_leftovers(self._git_dir, self._common_dir, started)
            raise
        if process.returncode not in ok:
            message = _message(errors) or _message(output) or f"git {arguments[0]} ended with {process.returncode}"
            raise GitError(message, output)
        return output


def _communicate(process: subprocess.Popen[bytes], command: str, stdin: bytes, timeout: float) -> tuple[bytes, bytes]:
    """Return output and errors of the git *command* once *process* has ended. Raises GitTimeoutError."""
    try:
        return process.communicate(stdin or None, timeout=timeout * (1 - LAST_PART))
    except subprocess.TimeoutExpired:
        before = bytes_read(process.pid)
    try:
        return process.communicate(timeout=timeout * LAST_PART)
    except subprocess.TimeoutExpired:
        now = bytes_read(process.pid)
    received = sum(count - before.get(pid, 0) for pid, count in now.items())
    raise GitTimeoutError(f"git {command} did not end within {timeout:g} s", received)


def _start(command: list[str], env: dict[str, str], piped: bool) -> subprocess.Popen[bytes]:
    if shutil.which("git") is None:
        raise GitMissingError("git is not on the PATH: install git")
    runner = load_runner()
    from git.exc import GitCommandNotFound

    try:
        stdin = subprocess.PIPE if piped else None
        started = runner().execute(command, as_process=True, env=env, istream=stdin, start_new_session=True)
    except (OSError, GitCommandNotFound) as error:
        raise GitError(f"git cannot be started: {error.__cause__ or error}") from error
    process: subprocess.Popen[bytes] = started.proc  # type: ignore[assignment]
    started.proc = None  # Its destructor would signal a process that `run` has already waited for.
    return process


@cache
def load_runner() -> type[Runner]:
    """Load GitPython's command runner."""
    # The runner's module without its package, which loads all of GitPython, takes twice the time, and runs
    # `git version`, or any program that the caller's variables name instead.
    package = ModuleType("git")
    package.__path__ = PathFinder.find_spec("git").submodule_search_locations  # type: ignore[union-attr, assignment]
    is_ours = sys.modules.setdefault("git", package) is package
    try:
        from git.cmd import Git as Runner
    finally:
        if is_ours:
            sys.modules.pop("git", None)  # A later import of the package gets all of it.
    return Runner


def _without_git_env(ours: Mapping[str, str]) -> list[str]:
    """Return a prefix that drops the caller's GIT_* variables, for example a hook's GIT_DIR. `env` then execs git."""
    inherited = sorted(name for name in os.environ if name.startswith("GIT_") and name not in ours)
    return ["/usr/bin/env", *(part for name in inherited for part in ("-u", name))] if inherited else []


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
