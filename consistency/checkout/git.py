"""Runs git: the only module that does. Explicit folder, scrubbed environment, time limit, typed errors.

GitPython's runner starts the process; nothing else of it is used.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from git.cmd import Git as Runner

READ_TIMEOUT = 120.0
"""Seconds that a local git command may take before it is given up."""

_ALWAYS = (
    "--literal-pathspecs",
    # A checkout's own configuration may name a program to run on every status.
    "-c", "core.fsmonitor=false",
    # Not ours to start: housekeeping of somebody's repository.
    "-c", "gc.auto=0",
    "-c", "maintenance.auto=false",
)  # fmt: skip

_ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",  # Set but empty: no program asks for a password, whatever the configuration says.
    "SSH_ASKPASS_REQUIRE": "never",
    "GIT_EDITOR": ":",
    "GIT_PAGER": "cat",
}


class GitError(Exception):
    """git could not be run or ended in failure; the text is git's own words."""


class GitMissing(GitError):
    """There is no git on this machine's PATH."""


class GitTimeout(GitError):
    """git took longer than its time limit and was stopped, with all it had started."""


class Git:
    """git in one folder."""

    def __init__(self, path: str) -> None:
        self.path = path

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        timeout: float = READ_TIMEOUT,
        env: Mapping[str, str] | None = None,
        magic_pathspecs: bool = False,
        ok: tuple[int, ...] = (0,),
    ) -> bytes:
        """Standard output of `git ARGUMENTS`, as bytes. *timeout* is in seconds, *ok* the good exit statuses.

        *magic_pathspecs* lets pathspecs begin with `:(…)`; else they are taken to the letter.
        Raises GitMissing, GitTimeout, or GitError with git's own words.
        """
        options = _ALWAYS[1:] if magic_pathspecs else _ALWAYS
        # -C as well: where the folder is gone, the runner would quietly start git in our own.
        command = [*_scrubbed(), "git", "-C", self.path, *options, *arguments]
        process = _start(self.path, command, {**_ENVIRONMENT, **(env or {})}, bool(stdin))
        try:
            output, errors = process.communicate(stdin or None, timeout=timeout)
        except subprocess.TimeoutExpired as error:
            _kill(process)
            raise GitTimeout(f"git {arguments[0]} did not end within {timeout:g} s") from error
        except BaseException:
            _kill(process)
            raise
        if process.returncode not in ok:
            raise GitError(_words(errors) or _words(output) or f"git {arguments[0]} ended with {process.returncode}")
        return output


def _start(path: str, command: list[str], env: dict[str, str], piped: bool) -> subprocess.Popen[bytes]:
    if shutil.which("git") is None:
        raise GitMissing("git is not on the PATH: install git")
    try:
        started = _runner()(path).execute(
            command,
            as_process=True,
            env=env,
            istream=subprocess.PIPE if piped else None,
            start_new_session=True,
        )
    except OSError as error:
        raise GitError(f"git cannot be started in {path}: {error.strerror or error}") from error
    process: subprocess.Popen[bytes] = started.proc  # type: ignore[assignment]
    started.proc = None  # Its own end would send signals to a process that `run` has already waited for.
    return process


@cache
def _runner() -> type[Runner]:
    # At its import GitPython looks for git, and raises unless told to be quiet; `_start` says it better.
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    from git.cmd import Git as Runner

    return Runner


def _scrubbed() -> list[str]:
    """A prefix that drops the caller's GIT_* variables (a hook's GIT_DIR, say). `env` then becomes git itself."""
    strangers = [name for name in os.environ if name.startswith("GIT_") and name != "GIT_PYTHON_REFRESH"]
    return ["env", *(part for name in sorted(strangers) for part in ("-u", name))] if strangers else []


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Stop git and what it started (ssh, hooks): they are one process group.

    The friendly signal first: at it, git takes its lock files with it.
    """
    for sign, seconds in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(process.pid, sign)
            process.communicate(timeout=seconds)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:  # Somebody who left the group may still hold the other end.
            stream.close()
    process.poll()


def _words(output: bytes) -> str:
    """The last lines of what git said, on one line, without its advice."""
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines()]
    telling = [line for line in lines if line and not line.startswith("hint:")]
    return " · ".join(telling[-6:])[:600]
