"""C-25: nothing matches the repo's workplan pattern."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from consistency.core.codes import NO_MATCH
from consistency.core.finding import Finding
from statehub.globs import included_globs

_SEPARATORS = re.compile(r"\s*[,;]\s*|\s+(?=\S*[/*])")
_MISTAKES = (
    (re.compile(r"\{"), "braces have no meaning in a pattern: give each form as a separate --workplans"),
    (_SEPARATORS, ""),
    (re.compile(r"\.\*|\\\."), "a pattern is a glob: `*` is any text in one name, `**/` any number of folders"),
    (re.compile(r"^\./"), "leave out the './' in front: a pattern begins at the top of the repo"),
    (re.compile(r"\\"), "the folders of a pattern are separated by '/'"),
)
"""Mistakes in globs, each with its advice."""


def nothing_matches(pattern: str, nearest: Iterable[str]) -> Finding:
    """Report C-25 for a *pattern* that no file of the work tree matches; *nearest* says what is there instead."""
    mistakes = [mistake for glob in included_globs(pattern) for mistake in _mistake(glob)]
    message = f"no file matches the repo's workplan {named(pattern)}"
    return Finding(NO_MATCH, "; ".join([message, *mistakes, *nearest]))


def named(pattern: str) -> str:
    """Name a repo's *pattern* in a sentence."""
    found = included_globs(pattern)
    return f"pattern{'s' if len(found) > 1 else ''} " + " and ".join(f"'{glob}'" for glob in found)


def _mistake(glob: str) -> list[str]:
    message = next((message for mistake, message in _MISTAKES if mistake.search(glob)), None)
    return [] if message is None else [message or _separate(glob)]


def _separate(glob: str) -> str:
    kinds = {",": "commas", ";": "semicolons"}
    kind = next((kind for sign, kind in kinds.items() if sign in glob), "blanks")
    parts = " ".join(f"--workplans {shlex.quote(part)}" for part in _SEPARATORS.split(glob) if part)
    return f"{kind} do not separate patterns: {parts}"
