"""A repo's pattern: which files are workplans. Globs as git has them, one a line; `:!` begins one of files left out."""

from __future__ import annotations

from collections.abc import Iterable

_LEFT_OUT = ":!"


def join_globs(included: Iterable[str], excluded: Iterable[str]) -> str:
    """Write the pattern of these globs."""
    return "\n".join([*included, *(f"{_LEFT_OUT}{glob}" for glob in excluded)])


def included_globs(pattern: str) -> list[str]:
    """List the globs of files that are workplans."""
    return [glob for glob in pattern.split("\n") if not glob.startswith(_LEFT_OUT)]


def excluded_globs(pattern: str) -> list[str]:
    """List the globs of files that are left out."""
    return [glob.removeprefix(_LEFT_OUT) for glob in pattern.split("\n") if glob.startswith(_LEFT_OUT)]
