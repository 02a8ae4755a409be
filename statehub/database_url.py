"""Reads DATABASE_URL with the library django-environ, and refuses values that it would misread."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from statehub.environment import FALSE, TRUE, read_text, refusal

WANTED = "sqlite:///PATH or postgres://USER:PASSWORD@HOST:PORT/NAME"

MEMORY = ":memory:"
"""The name of a database in memory, which is lost with its process: used only if asked for."""


def read_database(default: str, base: Path) -> dict[str, Any]:
    """Return Django's settings of the database; a relative path begins at *base*. Raises ImproperlyConfigured.

    The url may hold a password and is never shown.
    """
    url = read_text("DATABASE_URL", default, 4000)
    if not url.startswith(("sqlite://", "postgres://", "postgresql://")):
        raise refusal("DATABASE_URL", WANTED)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # A part of the url that the library would ignore.
            database: dict[str, Any] = environ.Env.db_url_config(url)
    except (ValueError, Warning) as error:  # For example a port that is not a number.
        raise refusal("DATABASE_URL", WANTED) from error
    name = str(database["NAME"])
    if not name or (name == MEMORY and MEMORY not in url):
        raise refusal("DATABASE_URL", WANTED)
    options = database.get("OPTIONS", {})
    if url.startswith("sqlite:"):
        if unknown := sorted(options.keys() - {"timeout"}):
            raise ImproperlyConfigured(f"DATABASE_URL: {unknown[0]} is not an option for SQLite; timeout=SECONDS is")
        if name != MEMORY:
            database["NAME"] = str(base / name)
    for option, value in (("timeout", options.get("timeout")), ("conn_max_age", database.get("CONN_MAX_AGE"))):
        if not isinstance(value, int | None):
            raise ImproperlyConfigured(f"DATABASE_URL: {option} must be a whole number of seconds")
    for option in ("CONN_HEALTH_CHECKS", "ATOMIC_REQUESTS", "DISABLE_SERVER_SIDE_CURSORS"):
        if option in database:
            value = str(database[option]).lower()
            if value not in TRUE + FALSE:
                raise ImproperlyConfigured(f"DATABASE_URL: {option.lower()} must be true or false")
            database[option] = value in TRUE
    return database
