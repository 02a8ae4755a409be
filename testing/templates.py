"""Copies of a prepared start: repositories and hub rows are made once, and then copied for each test."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.models import Model

from statehub.models import Repo
from testing.repos import Origin, Repository, make_origin

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
            copied = Repository(target / folder.name)
            self._replace_paths(target, copied.git_folder)
            if copied.git_folder != copied.path:  # its index knows the files of the original
                copied.git("update-index", "-q", "--refresh")
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


_templates: dict[Hashable, Template] = {}


def make_once(key: Hashable, origin: Origin, names: Sequence[str], make: Callable[[], object]) -> None:
    """Call *make*, which fills the hub, *origin* and its clones with these *names*; later calls with *key* copy that.

    It is copied only under the same settings of the hub, and if the hub is empty and *origin* and those of the clones
    that are there are as `testing.repos` makes them.
    """
    if Repo.objects.exists() or not _are_fresh(origin, names):
        make()
        return
    # A folder of the test, such as that of the hub's own clones, is the same in each.
    values = [str(getattr(settings, name)) for name in dir(settings) if name.startswith("STATEHUB_")]
    key = (key, *names, *(value.replace(f"{origin.path.parent}/", "") for value in values))
    if key in _templates:
        _templates[key].copy(origin.path.parent)
        return
    make()
    _templates[key] = _take_template(origin, names)


def _take_template(origin: Origin, names: Sequence[str]) -> Template:
    """Return *origin*, its clones with these *names* and the hub's rows as they are now, to be copied later."""
    original = origin.path.parent
    folder = Path(tempfile.mkdtemp(prefix="template-", dir=os.environ["HOME"]))
    for name in (origin.path.name, *names):
        shutil.copytree(original / name, folder / name, symlinks=True)
    models = [model for app in APPS for model in apps.get_app_config(app).get_models()]
    rows = {model: list(model._default_manager.values()) for model in models}
    return Template(original, folder, {model: found for model, found in rows.items() if found})


def _are_fresh(origin: Origin, names: Sequence[str]) -> bool:
    if not origin.path.is_dir():
        return False
    new_origin, new_clone = _fresh(os.environ["HOME"])
    clones = [Repository(path) for path in map(origin.path.with_name, names) if path.exists()]
    return _describe(origin) == new_origin and all(_describe(clone) == new_clone for clone in clones)


@cache
def _fresh(home: str) -> tuple[object, object]:
    origin = make_origin(Path(tempfile.mkdtemp(prefix="fresh-", dir=home)) / "origin.git")
    return _describe(origin), _describe(origin.clone())


def _describe(repository: Repository) -> object:
    """Return the names of all files of *repository*, how many objects there are, and its configuration."""
    path = repository.path
    files = {str(file.relative_to(path)) for file in path.rglob("*") if not file.is_dir()}
    objects = {name for name in files if re.search(r"objects/../", name)}
    config = (repository.git_folder / "config").read_text().replace(str(path.parent), "")
    return files - objects, len(objects), config
