"""The command `statehub-lint`: exit status 0 without findings, 1 with, 2 if it could not run."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import NoReturn

from consistency.core.comparison.unmatched import nothing_matches
from consistency.core.finding import Finding
from consistency.git.worktree import WorkTree, find_worktree
from consistency.lint.checks import check_files, check_statuses, in_order
from consistency.lint.formats import FORMATS
from consistency.lint.sources import read_paths, read_staged, read_work_tree
from statehub import __version__
from statehub.errors import StateHubError
from statehub.globs import DEFAULT_WORKPLANS, join_globs
from statehub.numbers import DEFAULT_FILE_SIZE
from statehub.text import describe_os_error, escape_control, escape_unencodable

CANNOT_RUN = 2


class _Parser(ArgumentParser):
    """Python's, but with errors in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(CANNOT_RUN, f"error: {message} (--help shows how)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the workplans that *arguments* name, print what is wrong, and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        findings = _check(options)
        text = FORMATS[options.format](findings)
        sys.stdout.write(escape_unencodable(text, sys.stdout.encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has gone; Python would write there again when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CANNOT_RUN
    except OSError as error:
        return _fail(describe_os_error(error))
    except StateHubError as error:
        return _fail(str(error))
    return int(bool(findings))


def _parser() -> ArgumentParser:
    parser = _Parser(prog="statehub-lint", description="Check workplans: front matter, task blocks, ids, statuses.")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files and folders (default: the repo's workplans)")
    parser.add_argument("--staged", action="store_true", help="check what is staged, and that no status goes back")
    parser.add_argument("--format", choices=tuple(FORMATS), default="text", help="default: text")
    parser.add_argument(
        "--workplans", action="append", default=[], metavar="GLOB",
        help=f"the repo's workplans (default: {DEFAULT_WORKPLANS}); may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--exclude", action="append", default=[], metavar="GLOB",
        help="files that are not workplans although they match; may be given several times",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"statehub-lint {__version__}")
    return parser


def _check(options: Namespace) -> list[Finding]:
    """Return the findings. Raises StateHubError, OSError."""
    pattern = join_globs(options.workplans or [DEFAULT_WORKPLANS], options.exclude)
    if options.staged:
        return _check_staged(find_worktree("."), pattern, options.paths)
    if options.paths:
        return check_files(read_paths(options.paths, DEFAULT_FILE_SIZE), is_all=False)
    files = read_work_tree(find_worktree("."), pattern, DEFAULT_FILE_SIZE)
    return check_files(files) if files else [nothing_matches(pattern, ())]


def _check_staged(tree: WorkTree, pattern: str, paths: Sequence[str]) -> list[Finding]:
    """Check the staged files, of *paths* alone if there are any: whoever commits did not write the others."""
    staged = read_staged(tree, pattern, DEFAULT_FILE_SIZE)
    top = os.path.realpath(tree.top)
    named = {os.path.relpath(os.path.realpath(path), top) for path in paths}
    changed = [file for file in staged.changed if not named or file.path in named]
    mine = {file.path for file in changed}
    found = [each for each in check_files(staged.all) if each.file in mine] if mine else []
    found += check_statuses(staged.parents, changed)
    return in_order(found)


def _fail(message: str) -> int:
    sys.stderr.write(f"error: {escape_control(message)}\n")
    return CANNOT_RUN


if __name__ == "__main__":
    sys.exit(main())
