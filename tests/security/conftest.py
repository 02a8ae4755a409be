"""The rows and readers of the admin's tests, and what the tests of a checkout have."""

from tests.git.conftest import hook, program, tree
from tests.web.conftest import client_of, operator, rows, superuser, viewer

__all__ = ["client_of", "hook", "operator", "program", "rows", "superuser", "tree", "viewer"]
