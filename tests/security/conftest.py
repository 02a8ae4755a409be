"""The fixtures of the tests of the web pages and of git."""

from tests.git.conftest import hook, program, tree
from tests.web.conftest import client_of, operator, rows, superuser, viewer

__all__ = ["client_of", "hook", "operator", "program", "rows", "superuser", "tree", "viewer"]
