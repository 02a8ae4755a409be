"""The rows and the readers of the admin's tests."""

from tests.web.admin.conftest import client_of, rows, superuser, viewer

__all__ = ["client_of", "rows", "superuser", "viewer"]
