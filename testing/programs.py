"""Programs of the system that tests run for real: without one a test is skipped with a reason, and fails in CI."""

from __future__ import annotations

import os
import shutil

import pytest

SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"  # not in every user's PATH


def need_program(name: str, package: str = "") -> str:
    """Return the path of the program *name*; it comes with the system's *package* (default: of the same name)."""
    found = shutil.which(name) or shutil.which(name, path=SYSTEM_FOLDERS)
    if found is None:
        problem = f"{name} is missing: install {package or name}"
        if os.environ.get("CI"):
            pytest.fail(problem, pytrace=False)
        pytest.skip(problem)
    return found
