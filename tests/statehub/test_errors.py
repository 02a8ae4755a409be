"""Exceptions: all of the product's have one base, and a name that ends in Error."""

from __future__ import annotations

import inspect
from importlib import import_module
from pkgutil import walk_packages

import consistency
import statehub
import web
from statehub.errors import StateHubError


def exceptions() -> list[type[BaseException]]:
    names = [
        module.name
        for package in (statehub, consistency, web)
        for module in walk_packages(package.__path__, f"{package.__name__}.")
    ]
    return [
        item
        for name in names
        for item in vars(import_module(name)).values()
        if inspect.isclass(item) and issubclass(item, BaseException) and item.__module__ == name
    ]


def test_every_exception_has_the_one_base() -> None:
    found = exceptions()
    assert len(found) > 25
    assert [error.__name__ for error in found if not issubclass(error, StateHubError)] == []


def test_every_exception_ends_in_error() -> None:
    assert [error.__name__ for error in exceptions() if not error.__name__.endswith("Error")] == []


def test_base_imports_nothing() -> None:
    """The pure core derives from it."""
    source = inspect.getsource(inspect.getmodule(StateHubError))  # type: ignore[arg-type]  # it has a module
    imports = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
    assert imports == ["from __future__ import annotations"]
