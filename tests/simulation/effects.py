"""Counts what a run does to the world outside of it, so that something can happen right before its effect number n.

Effects are processes started, files written, renamed or removed, and SQL statements, as Python's audit events and
Django's wrappers tell of them (PEP 578).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

_FILES = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "shutil.rmtree"})
_PROCESS = "subprocess.Popen"
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Effects:
    """A planned event, and the effect before which it happens. Python cannot remove a hook: all share one."""

    armed: Effects | None = None
    _hooked = False

    def __init__(
        self, number: int, then: Callable[[], None], *, gently: bool, at_files: bool, word: str = ""
    ) -> None:  # fmt: skip
        """Wait for no open transaction if *gently*; *at_files* counts effects on files as well: a person would need
        to hit milliseconds between the last look at a file and its rename, and what is saved there is lost.

        With a *word*, and without *at_files*, only processes count that have it among their arguments.
        """
        self._left, self._then, self._gently, self._at_files, self._word = number, then, gently, at_files, word
        self._trouble: BaseException | None = None
        self.happened = False

    @contextmanager
    def armed_for_a_run(self) -> Iterator[None]:
        """Count from now on. Raises what went wrong in what was to happen, at the end."""
        if not Effects._hooked:
            Effects._hooked = True
            sys.addaudithook(_hook)
        Effects.armed = self
        try:
            with connection.execute_wrapper(self._statement):
                yield
        finally:
            Effects.armed = None
        if self._trouble is not None:
            raise self._trouble

    def event(self, name: str, args: tuple[Any, ...]) -> None:
        """Count an audit event."""
        if name == _PROCESS:
            counts = not self._word or self._word in args[1]
        elif name == "open":
            counts = self._at_files and _is_write(args)
        else:
            counts = self._at_files and name in _FILES and "__pycache__" not in str(args)
        if counts:
            self._count()

    def _statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if Effects.armed is self and not self._word:
            self._count()
        return execute(sql, params, many, context)

    def _count(self) -> None:
        self._left -= 1
        if self._left > 0 or (self._gently and connection.in_atomic_block):
            return
        Effects.armed, self.happened = None, True
        try:
            self._then()
        except BaseException as error:  # noqa: BLE001 - it must not become the run's trouble
            self._trouble = error


def _is_write(args: tuple[Any, ...]) -> bool:
    path, mode, flags = args
    # Python's own cache is written once, whenever that is.
    if not isinstance(path, str) or path == os.devnull or "__pycache__" in path:
        return False
    return bool(flags & _WRITING) or (isinstance(mode, str) and bool(set("wax+") & set(mode)))


def _hook(name: str, args: tuple[Any, ...]) -> None:
    if Effects.armed is not None:
        Effects.armed.event(name, args)
