"""The seam at the edge: numbers every effect of this process, and dies or fails at the one that is asked for.

It needs nothing of the product: Python's audit events tell of files that are opened for writing, renamed, linked, or
removed; processes, `os.write`, `os.fsync`, file objects and the database are wrapped at one place each.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

KILL, KILL_AFTER = "kill before", "kill after"
FAIL, FAIL_AFTER, FULL, GONE, LOCKED = "fail", "fail after", "disk full", "hub gone", "hub locked"
"""The effect fails; it is done and fails anyway; from it on the disk is full, the database is gone, or another
process holds the database's lock."""

READ, WRITE, SPAWN, QUERY, SQL, COMMIT = "read", "write", "spawn", "query", "sql", "commit"
"""Kinds of effects: a git process that only reads; a change on the disk; a git process that may write; a question to
the database; a statement in a transaction; a commit, or a statement that is one."""

READING_GIT = {
    "cat-file", "config", "diff", "diff-tree", "for-each-ref", "log", "ls-files", "ls-remote", "merge-base", "remote",
    "rev-list", "rev-parse", "status", "symbolic-ref",
}  # fmt: skip
_MADE_UP = re.compile(r"\.\d+\.|(?<=[._-])\d{3,}(?=[._-]|$)")
_OPEN_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_ON_DISK = {
    "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.chown", "os.truncate",
    "os.utime",
}  # fmt: skip
_NEEDS_ROOM = {"open", "os.mkdir", "os.link", "os.symlink", "os.rename", "write", "fsync"}


@dataclass(frozen=True)
class Plan:
    """The planned disturbance, and the number of its effect (from 1; 0: nothing happens)."""

    what: str = ""
    at: int = 0


class Hub(Protocol):
    """Disturbances of the database from outside."""

    def disconnect(self) -> bool:
        """End our connection; whether that was possible."""

    def lock(self) -> None:
        """Take the lock that every writer needs, and keep it."""


class Seam:
    """Counts, notes each effect in the file *log*, and carries out *plan*. *names* shortens paths: place → word."""

    def __init__(self, log: int, plan: Plan, names: Mapping[str, str], hub: Hub) -> None:
        self._log, self._plan, self._names, self._hub = log, plan, names, hub
        self._count, self._inside, self._over = 0, True, False
        self._write = os.write

    def install(self) -> None:
        """Count every effect of this process from now on."""
        self._wrap_files()
        self._wrap_processes()
        self._wrap_database()
        sys.addaudithook(self._audit)
        self._inside = False

    def remove(self) -> None:
        """Stop counting."""
        self._inside, self._plan, self._over = True, Plan(), True

    def _effect(self, kind: str, name: str, event: str = "") -> int:
        """Note one effect that is about to happen; die or fail here, if that is the plan. Its number."""
        if self._over:
            return 0
        self._count += 1
        number, plan, self._inside = self._count, self._plan, True
        try:
            self._write(self._log, f"{kind}\t{self._short(name)}\n".encode())
            if plan.what == KILL and number == plan.at:
                os.kill(os.getpid(), signal.SIGKILL)
            if plan.what == LOCKED and number == plan.at:
                self._hub.lock()
            if self._fails(number, kind, event or name):
                self._raise(kind)
        finally:
            self._inside = False
        return number

    def _done(self, number: int, kind: str) -> None:
        """Note that the effect *number* has happened."""
        if self._over:
            return
        self._inside = True
        try:
            if self._plan.at == number and self._plan.what == KILL_AFTER:
                os.kill(os.getpid(), signal.SIGKILL)
            if self._plan.at == number and self._plan.what == FAIL_AFTER:
                self._raise(kind)
        finally:
            self._inside = False

    def _fails(self, number: int, kind: str, event: str) -> bool:
        what, reached = self._plan.what, number >= self._plan.at
        return (
            (what == FAIL and number == self._plan.at)
            or (what == FULL and reached and (kind in (SQL, COMMIT) or event in _NEEDS_ROOM))
            or (what == GONE and reached and kind in (QUERY, SQL, COMMIT))
        )

    def _raise(self, kind: str) -> None:
        from django.db.utils import OperationalError

        full = self._plan.what == FULL
        if kind in (QUERY, SQL, COMMIT):
            if not full and self._hub.disconnect() and self._plan.what != FAIL_AFTER:
                return  # The next effect fails anyway.
            raise OperationalError("database or disk is full" if full else "disk I/O error")
        number = errno.ENOSPC if full else errno.EAGAIN if kind == SPAWN else errno.EIO
        raise OSError(number, os.strerror(number))

    def _short(self, text: str) -> str:
        for place, word in self._names.items():
            text = text.replace(place, word)
        return _MADE_UP.sub("N", text)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._inside:
            return
        if event == "open":
            path, mode, flags = arguments
            if isinstance(path, str | bytes | os.PathLike) and path != os.devnull and _writes(mode, flags):
                self._effect(WRITE, f"open {os.fsdecode(path)}", "open")
        elif event in _ON_DISK:
            paths = [os.fsdecode(each) for each in arguments if isinstance(each, str | bytes | os.PathLike)]
            self._effect(WRITE, " ".join([event.removeprefix("os."), *paths]), event)
        elif event == "fcntl.flock":
            self._effect(WRITE, "flock", event)

    def _wrap_files(self) -> None:
        seam, real_write, real_fsync, real_open = self, os.write, os.fsync, io.open

        def write(descriptor: int, data: bytes) -> int:
            number = seam._effect(WRITE, "write", "write")
            written = real_write(descriptor, data)
            seam._done(number, WRITE)
            return written

        def fsync(descriptor: int) -> None:
            number = seam._effect(WRITE, "fsync", "fsync")
            real_fsync(descriptor)
            seam._done(number, WRITE)

        class Raw(io.FileIO):
            def write(self, data: Any) -> Any:
                number = seam._effect(WRITE, "write", "write")
                written = super().write(data)
                seam._done(number, WRITE)
                return written

        def opened(file: Any, mode: str = "r", buffering: int = -1, *args: Any, **options: Any) -> Any:
            if not set(mode) & set("wax+"):
                return real_open(file, mode, buffering, *args, **options)
            raw = Raw(file, mode.replace("b", "").replace("t", ""), closefd=options.pop("closefd", True))
            buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            return buffered if "b" in mode else io.TextIOWrapper(buffered, *args, **options)

        os.write, os.fsync = cast(Any, write), cast(Any, fsync)
        io.open = builtins.open = opened

    def _wrap_processes(self) -> None:
        seam, popen = self, cast(Any, subprocess.Popen)
        real = popen._execute_child

        def execute(process: Any, args: Any, *rest: Any) -> None:
            kind, name = _command([os.fsdecode(each) for each in args])
            number = seam._effect(kind, name)
            seam._inside = True  # What the start of a process does in this one is part of it.
            try:
                real(process, args, *rest)
            finally:
                seam._inside = False
            seam._done(number, kind)

        popen._execute_child = execute

    def _wrap_database(self) -> None:
        from django.db import connections
        from django.db.backends.base.base import BaseDatabaseWrapper

        seam, wrapper = self, cast(Any, BaseDatabaseWrapper)
        real_commit, real_connect = wrapper._commit, wrapper.connect

        def execute(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            words = sql.replace('"', "").split()
            if words[0] == "SELECT":
                name = " ".join(["select", words[words.index("FROM") + 1] if "FROM" in words else ""])
                return seam._around(QUERY, name, lambda: run(sql, params, many, context))
            alone = context["connection"].get_autocommit() and words[0] not in ("BEGIN", "SAVEPOINT")
            name = " ".join(word for word in words[:3] if word.isidentifier() and word not in ("INTO", "FROM", "SET"))
            return seam._around(COMMIT if alone else SQL, name, lambda: run(sql, params, many, context))

        def commit(self: Any) -> Any:
            return seam._around(COMMIT, "COMMIT", lambda: real_commit(self)) if self.connection else None

        def connect(self: Any) -> Any:
            return seam._around(QUERY, "connect", lambda: real_connect(self))

        wrapper._commit, wrapper.connect = commit, connect
        connections["default"].execute_wrappers.append(execute)

    def _around(self, kind: str, name: str, work: Callable[[], Any]) -> Any:
        number = self._effect(kind, name)
        result = work()
        self._done(number, kind)
        return result


def _writes(mode: object, flags: object) -> bool:
    by_mode = isinstance(mode, str) and bool(set(mode) & set("wax+"))
    return by_mode or (mode is None and isinstance(flags, int) and bool(flags & _OPEN_WRITES))


def _command(arguments: list[str]) -> tuple[str, str]:
    """Return kind and name of a process: `git commit` without its options."""
    words = arguments[arguments.index("git") + 1 :] if "git" in arguments else arguments
    while words and words[0].startswith("-"):
        words = words[2 if words[0] in ("-C", "-c") else 1 :]
    name = words[0] if words else Path(arguments[0]).name
    return READ if name in READING_GIT else SPAWN, f"git {name}"
