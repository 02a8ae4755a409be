"""Copies of a prepared start: repositories and hub rows are made once, and then copied for each test."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.models import Model

from testing.repos import Clone, Origin, make_origin

APPS = ("statehub", "consistency")


@dataclass(frozen=True)
class Template:
    """Folders below *folder* and rows, as they were in *original*; all paths in them begin with that."""

    original: Path
    folder: Path
    rows: dict[type[Model], list[dict[str, Any]]]

    def copy(self, target: Path) -> None:
        """Put the folders into *target* and the rows into the hub, which is empty, with *target* in their paths."""
        for folder in self.folder.iterdir():
            shutil.rmtree(target / folder.name, ignore_errors=True)
            shutil.copytree(folder, target / folder.name, symlinks=True)
            self._replace_paths(target, _git_folder(target / folder.name))
            if (target / folder.name / ".git").exists():  # its index knows the files of the original
                Clone(target / folder.name).git("update-index", "-q", "--refresh")
        with transaction.atomic():
            for model, rows in self.rows.items():
                model._default_manager.bulk_create(model(**self._moved_row(target, row)) for row in rows)
            with connection.cursor() as cursor:  # the ids of new rows come after those of these
                for statement in connection.ops.sequence_reset_sql(no_style(), list(self.rows)):
                    cursor.execute(statement)

    def _replace_paths(self, target: Path, git: Path) -> None:
        for file in (git / "config", git / "FETCH_HEAD"):
            if file.exists():
                file.write_text(self._moved(target, file.read_text()))

    def _moved_row(self, target: Path, row: dict[str, Any]) -> dict[str, Any]:
        return {name: self._moved(target, value) if isinstance(value, str) else value for name, value in row.items()}

    def _moved(self, target: Path, text: str) -> str:
        return text.replace(f"{self.original}/", f"{target}/")


def take_template(origin: Origin, names: Sequence[str]) -> Template:
    """Return *origin*, its clones with these *names* and the hub's rows as they are now, to be copied later."""
    original = origin.path.parent
    folder = Path(tempfile.mkdtemp(prefix="template-", dir=os.environ["HOME"]))
    for name in (origin.path.name, *names):
        shutil.copytree(original / name, folder / name, symlinks=True)
    models = [model for app in APPS for model in apps.get_app_config(app).get_models()]
    rows = {model: list(model._default_manager.values()) for model in models}
    return Template(original, folder, {model: found for model, found in rows.items() if found})


def is_fresh_clone(clone: Clone) -> bool:
    """Return whether *clone* and the origin beside it are as `testing.repos` makes them, except the folder's name."""
    origin = clone.path.with_name("origin.git")
    return origin.is_dir() and (_describe(clone.path), _describe(origin)) == _fresh(os.environ["HOME"])


@cache
def _fresh(home: str) -> tuple[object, object]:
    folder = Path(tempfile.mkdtemp(prefix="fresh-", dir=home))
    origin = make_origin(folder / "origin.git")
    return _describe(origin.clone().path), _describe(origin.path)


def _describe(repository: Path) -> object:
    """Return the names of all files of *repository*, how many objects there are, and its configuration."""
    git = _git_folder(repository)
    files = {str(file.relative_to(repository)) for file in repository.rglob("*") if not file.is_dir()}
    objects = {name for name in files if re.search(r"objects/../", name)}
    config = (git / "config").read_text().replace(str(repository.parent), "")
    return files - objects, len(objects), config


def _git_folder(repository: Path) -> Path:
    return repository / ".git" if (repository / ".git").exists() else repository
