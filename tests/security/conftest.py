"""The rows and readers of the admin's tests, and what the tests of a checkout have."""

from tests.admin.conftest import client_of, operator, rows, superuser, viewer
from tests.checkout.conftest import hook, program, tree

__all__ = ["client_of", "hook", "operator", "program", "rows", "superuser", "tree", "viewer"]
