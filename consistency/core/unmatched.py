"""C-25: nothing matches the repo's workplan pattern; what is said of it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from consistency.core.finding import Finding

_SEPARATORS = re.compile(r"\s*[,;]\s*|\s+(?=\S*[/*])")
_MISTAKES = (
    (re.compile(r"\{"), "braces have no meaning in a pattern: give each form as --workplans of its own"),
    (_SEPARATORS, ""),
    (re.compile(r"\.\*|\\\."), "a pattern is a glob: `*` is any text in one name, `**/` any number of folders"),
    (re.compile(r"^\./"), "leave out the './' in front: a pattern begins at the top of the repo"),
    (re.compile(r"\\"), "the folders of a pattern are separated by '/'"),
)
"""What people write that a glob does not have."""


def nothing_matches(pattern: str, nearest: Iterable[str]) -> Finding:
    """C-25 for a *pattern* that no file of the work tree matches; *nearest* says what is there instead."""
    return Finding.of(
        "C-25", "; ".join([f"no file matches the repo's workplan pattern '{pattern}'", *_mistake(pattern), *nearest])
    )


def _mistake(pattern: str) -> list[str]:
    message = next((message for mistake, message in _MISTAKES if mistake.search(pattern)), None)
    return [] if message is None else [message or _separate(pattern)]


def _separate(pattern: str) -> str:
    kind = "commas" if "," in pattern else "semicolons" if ";" in pattern else "blanks"
    parts = " ".join(f"--workplans {shlex.quote(part)}" for part in _SEPARATORS.split(pattern) if part)
    return f"{kind} do not separate patterns: {parts}"
