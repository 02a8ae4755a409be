"""Runs git: the only module that does. Explicit folder, scrubbed environment, time limit, typed errors.

Whatever git does by itself on the way (a partial clone fetches what it lacks at almost any command) has the same
protocols, asks nobody, and starts no program that a run can do without. GitPython's runner starts the process; nothing
else of it is used.
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
"""Seconds that a local git command may take before it is given up."""

KILL_GRACE_SECONDS = 2.0
"""Seconds that a stopped git has to take its lock files with it."""

LAST_PART = 0.25
"""Of its time limit: whether a git that runs out of it was still receiving is seen by this last part."""

PROTOCOLS = "file:git:http:https:ssh"
"""What a remote may speak, as git names it (git, "GIT_ALLOW_PROTOCOL"), unless STATEHUB_GIT_PROTOCOLS says otherwise.

Any other would be a program that the clone's own settings choose: `ext::`, or whatever git-remote-NAME is on the PATH.
"""

_ALWAYS = (
    "--literal-pathspecs",
    # Programs that a clone's own configuration may name, and that no run needs.
    "-c", "core.fsmonitor=false",
    "-c", "core.alternateRefsCommand=:",
    "-c", "log.showSignature=false",
    "-c", "push.gpgSign=false",
    "-c", "submodule.recurse=false",
    # Not ours to start: housekeeping of somebody's repository.
    "-c", "gc.auto=0",
    "-c", "maintenance.auto=false",
)  # fmt: skip

_NO_HOOKS = ("-c", "core.hooksPath=/dev/null")

_ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",  # Set but empty: no program asks for a password, whatever the configuration says.
    "SSH_ASKPASS": "",
    "SSH_ASKPASS_REQUIRE": "never",  # ssh has no terminal either: git begins a session of its own.
    "GIT_EDITOR": ":",
    "GIT_PAGER": "cat",
    "GCM_INTERACTIVE": "never",  # Git Credential Manager opens windows of its own.
    "LC_ALL": "C.UTF-8",  # English words, and hooks that can read names beyond ASCII.
}

# Of an address: a password, and with http the user as well, which may be a token.
_PASSWORD = re.compile(r"(?<=http://)[^/\s'\"]+@|(?<=https://)[^/\s'\"]+@|(?<=[a-z]://)([^/\s'\":@]*):[^/\s'\"]*@")


class GitError(StateHubError):
    """git could not be run or ended in failure; the text is git's own words, *output* what it had for programs."""

    def __init__(self, words: str, output: bytes = b"") -> None:
        super().__init__(words)
        self.output = output


class GitMissingError(GitError):
    """There is no git on this machine's PATH."""


class GitTimeoutError(GitError):
    """git took longer than its time limit and was stopped, with all it had started.

    *received* is the number of bytes that still came in during the last part of that time; 0 if git only waited.
    """

    def __init__(self, words: str, received: int = 0) -> None:
        super().__init__(words)
        self.received = received


class Git:
    """git in one folder. *git_dir* and *common_dir* are of its repository: what a stopped git leaves there goes."""

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
        """Standard output of `git ARGUMENTS`, as bytes. *timeout* is in seconds, *ok* the good exit statuses.

        *config* overrides the repository's settings. *magic_pathspecs* lets pathspecs begin with `:(…)`; else they
        are taken to the letter. *hooks* lets the repository's hooks run.
        Raises GitMissingError, GitTimeoutError, or GitError with git's own words.
        """
        options = (*(_ALWAYS[1:] if magic_pathspecs else _ALWAYS), *(() if hooks else _NO_HOOKS))
        settings = [part for item in (config or {}).items() for part in ("-c", "=".join(item))]
        environment = {**_ENVIRONMENT, "GIT_ALLOW_PROTOCOL": _protocols(), **(env or {})}
        # -C, not the runner's own folder: where that is gone, the runner would quietly start git in ours.
        command = [
            *_without_git_env(environment),
            "git",
            "-C",
            self.path,
            *options,
            *settings,
            *map(native, arguments),
        ]
        started = time.time()
        process = _start(command, environment, bool(stdin))
        try:
            output, errors = _communicate(process, stdin, timeout)
        except _TimeUpError as error:
            self._stop(process, started)
            raise GitTimeoutError(f"git {arguments[0]} did not end within {timeout:g} s", error.received) from error
        except BaseException:
            self._stop(process, started)
            raise
        if process.returncode not in ok:
            words = _words(errors) or _words(output) or f"git {arguments[0]} ended with {process.returncode}"
            raise GitError(words, output)
        return output

    def _stop(self, process: subprocess.Popen[bytes], started: float) -> None:
        _kill(process)
        if self._git_dir:
            remove_leftovers(self._git_dir, self._common_dir, started)


class _TimeUpError(StateHubError):
    """The time is up; *received* is what came in during the last part of it, in bytes."""

    def __init__(self, received: int) -> None:
        super().__init__(received)
        self.received = received


def _communicate(process: subprocess.Popen[bytes], stdin: bytes, timeout: float) -> tuple[bytes, bytes]:
    """Output and errors of *process* when it has ended. Raises _TimeUpError."""
    try:
        return process.communicate(stdin or None, timeout=timeout * (1 - LAST_PART))
    except subprocess.TimeoutExpired:
        before = bytes_read(process.pid)
    try:
        return process.communicate(timeout=timeout * LAST_PART)
    except subprocess.TimeoutExpired:
        now = bytes_read(process.pid)
    raise _TimeUpError(sum(count - before.get(pid, 0) for pid, count in now.items()))


def _protocols() -> str:
    return os.environ.get("STATEHUB_GIT_PROTOCOLS", "").strip() or PROTOCOLS


def _start(command: list[str], env: dict[str, str], piped: bool) -> subprocess.Popen[bytes]:
    if shutil.which("git") is None:
        raise GitMissingError("git is not on the PATH: install git")
    runner = _runner()
    from git.exc import GitCommandNotFound

    try:
        started = runner().execute(
            command,
            as_process=True,
            env=env,
            istream=subprocess.PIPE if piped else None,
            start_new_session=True,
        )
    except (OSError, GitCommandNotFound) as error:
        raise GitError(f"git cannot be started: {error.__cause__ or error}") from error
    process: subprocess.Popen[bytes] = started.proc  # type: ignore[assignment]
    started.proc = None  # Its own end would send signals to a process that `run` has already waited for.
    return process


@cache
def _runner() -> type[Runner]:
    # The runner's module without its package: that one loads all of GitPython, twice as slowly, and runs `git version`,
    # or whatever the caller's variables name instead.
    package = ModuleType("git")
    package.__path__ = PathFinder.find_spec("git").submodule_search_locations  # type: ignore[union-attr, assignment]
    is_ours = sys.modules.setdefault("git", package) is package
    try:
        from git.cmd import Git as Runner
    finally:
        if is_ours:
            sys.modules.pop("git", None)  # Whoever wants the package after this gets all of it.
    return Runner


def _without_git_env(ours: Mapping[str, str]) -> list[str]:
    """A prefix that drops the caller's GIT_* variables (a hook's GIT_DIR, say). `env` then becomes git itself."""
    strangers = sorted(name for name in os.environ if name.startswith("GIT_") and name not in ours)
    return ["/usr/bin/env", *(part for name in strangers for part in ("-u", name))] if strangers else []


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Stop git and what it started (ssh, hooks): they are one process group.

    The friendly signal first: at it, git takes its lock files with it.
    """
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.communicate(timeout=KILL_GRACE_SECONDS)
        except (ProcessLookupError, PermissionError):  # macOS refuses where only zombies are left.
            break
        except subprocess.TimeoutExpired:
            continue
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:  # Somebody who left the group may still hold the other end.
            stream.close()
    process.poll()


def _words(output: bytes) -> str:
    """The last lines of what git said, on one line, without its advice and without passwords in addresses."""
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines()]
    telling = [line for line in lines if line and not line.startswith("hint:")]
    return _PASSWORD.sub(_without_password, " · ".join(telling[-6:]))[:600]


def _without_password(found: re.Match[str]) -> str:
    return f"{found[1]}@" if found[1] else ""
