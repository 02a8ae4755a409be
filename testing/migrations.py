"""Migrates a test's hub to older versions and back."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

Nodes = list[tuple[str, str]]
"""Migrations, each with the label of its app and its name."""


def migrate(targets: Nodes) -> Any:
    """Migrate to *targets*; return the models of that state."""
    MigrationExecutor(connection).migrate(targets)
    return MigrationExecutor(connection).loader.project_state(targets).apps


def latest(apps: Collection[str]) -> Nodes:
    """Return the newest migrations of *apps*."""
    return [node for node in MigrationExecutor(connection).loader.graph.leaf_nodes() if node[0] in apps]
