"""A repo's pattern, which says which files are workplans: git's globs, one per line; `:!` begins an excluding one."""

from __future__ import annotations

from collections.abc import Iterable

DEFAULT_WORKPLANS = "workplans/**/*.md"

_EXCLUDE = ":!"


def join_globs(included: Iterable[str], excluded: Iterable[str]) -> str:
    """Build the pattern of these globs."""
    return "\n".join([*included, *(f"{_EXCLUDE}{glob}" for glob in excluded)])


def included_globs(pattern: str) -> list[str]:
    """List the globs of files that are workplans."""
    return [glob for glob in pattern.split("\n") if not glob.startswith(_EXCLUDE)]


def excluded_globs(pattern: str) -> list[str]:
    """List the globs of excluded files."""
    return [glob.removeprefix(_EXCLUDE) for glob in pattern.split("\n") if glob.startswith(_EXCLUDE)]
