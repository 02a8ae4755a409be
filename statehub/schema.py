"""Compares the database's migrations with those of this version of State Hub."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import NamedTuple

from django.apps import apps
from django.db import connection

from statehub.text import name_some

Migration = tuple[str, str]
"""An app's label and a migration's name."""


class Schema(NamedTuple):
    """The migrations that the database lacks, and those that are unknown to this version, as `app.name`."""

    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def mismatch(self) -> str:
        """One line on the difference and how to fix it; '' if there is none."""
        if self.unknown:
            return (
                f"the hub's database is newer than this State Hub: it has {name_some(self.unknown)}, which this "
                "version does not know; update State Hub on this machine (nothing was done)"
            )
        if self.missing:
            return f"the hub's database is not migrated, it lacks {name_some(self.missing)}: run manage.py migrate"
        return ""


def read_schema() -> Schema:
    """Compare the database's migrations with this version's, with one query. Raises django.db.Error."""
    known = known_migrations()
    labels = {app for app, _ in known}
    applied = {(app, name) for app, name in _applied() if app in labels}
    if applied == known:
        return Schema()
    squashes = _squashes()  # Slow to load: a squashed migration and those that it replaces are equivalent.
    unknown = applied - known - set[Migration]().union(*squashes.values())
    done = applied | {new for new, olds in squashes.items() if olds <= applied}
    done = done.union(*(olds for new, olds in squashes.items() if new in applied))
    return Schema(_named(known - done), _named(unknown))


def _applied() -> list[Migration]:
    # Not Django's recorder, which looks for its table first, with another query each time.
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        return list(cursor.fetchall())


@cache
def known_migrations() -> frozenset[Migration]:
    """List all migrations of the installed apps by the names of their files, without importing them."""
    found = set[Migration]()
    for config in apps.get_app_configs():
        try:
            package = import_module(f"{config.name}.migrations")
        except ModuleNotFoundError:
            continue
        modules = pkgutil.iter_modules(package.__path__)
        found |= {(config.label, each.name) for each in modules if not each.ispkg and each.name[0] not in "_~"}
    return frozenset(found)


@cache
def _squashes() -> dict[Migration, set[Migration]]:
    """Map each squashed migration of this version to those that it replaces."""
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(None, replace_migrations=False)
    return {new: set(migration.replaces) for new, migration in loader.disk_migrations.items() if migration.replaces}


def _named(migrations: Iterable[Migration]) -> tuple[str, ...]:
    return tuple(sorted(f"{app}.{name}" for app, name in migrations))
