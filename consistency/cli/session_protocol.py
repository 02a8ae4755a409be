"""Keeps the session protocol in a file of a checkout; commits nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from consistency.cli.repo_files import RepoFileError, errors_of, locate_file, read_file, write_file
from consistency.core.marked_section import SectionError, render, replace_section
from consistency.git.lock import locked
from consistency.git.worktree import WorkTree
from statehub.models import Repo

TEMPLATE = settings.BASE_DIR / "templates/project_rules/session-protocol.template"


def check_protocol(tree: WorkTree, file: str) -> None:
    """Raise RepoFileError if `keep_protocol` would, as far as that is known without writing."""
    full, path = locate_file(tree, file)
    with _errors_of(path):
        replace_section(read_file(full, path) or b"", _section(Repo(slug="slug")))


def keep_protocol(tree: WorkTree, repo: Repo, file: str) -> str:
    """Put the session protocol of *repo* into *file*, a path below the top of *tree*; return one sentence on it.

    A link inside the work tree is followed. Raises RepoFileError, and nothing is written then.
    """
    full, path = locate_file(tree, file)
    with _errors_of(path), locked(tree):
        old = read_file(full, path)
        placed = replace_section(old or b"", _section(repo))
        if placed.data == old:
            return f"{path}: the session protocol is up to date"
        write_file(full, old, placed.data)
        if old is None:
            done = "created with the session protocol"
        else:
            done = f"the session protocol was {'updated' if placed.found else 'added'}"
    return f"{path}: {done}; commit it"


@contextmanager
def _errors_of(path: str) -> Iterator[None]:
    """Turn every error of reading or replacing *path* into a RepoFileError."""
    with errors_of(path):
        try:
            yield
        except SectionError as error:
            raise RepoFileError(f"{path}, line {error.line}: {error}") from error


def _section(repo: Repo) -> str:
    return render(TEMPLATE.read_text("utf-8"), repo.slug, repo.workplans.replace("\n", ", "))
