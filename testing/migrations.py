"""Migrates a test's hub to older versions and back."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

Nodes = list[tuple[str, str]]
"""Migrations: an app's label and a name each."""


def migrate(targets: Nodes) -> Any:
    """Migrate there; the models as they are then."""
    MigrationExecutor(connection).migrate(targets)
    return MigrationExecutor(connection).loader.project_state(targets).apps


def latest(apps: Collection[str]) -> Nodes:
    """The newest migrations of *apps*."""
    return [node for node in MigrationExecutor(connection).loader.graph.leaf_nodes() if node[0] in apps]
