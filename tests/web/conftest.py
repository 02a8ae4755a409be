"""A hub with rows, and clients of users: a superuser, a viewer, an operator, and a user without a group."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.web.admin.hubrows import Rows


@pytest.fixture
def rows(db: None) -> Rows:
    from tests.web.admin.hubrows import Rows  # models: only once Django is set up

    return Rows()


@pytest.fixture
def client_of(db: None) -> Callable[[str], Client]:
    """Return a function that logs in a new user: `super`, a member of the group of that name, or of none (`nobody`)."""

    from django.contrib.auth.models import Group, User
    from django.test import Client

    def make(role: str) -> Client:
        user = User.objects.create_user(role, password="correct horse", is_staff=True, is_superuser=role == "super")
        if group := Group.objects.filter(name=role).first():
            user.groups.add(group)
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def viewer(client_of: Callable[[str], Client]) -> Client:
    return client_of("viewer")


@pytest.fixture
def operator(client_of: Callable[[str], Client]) -> Client:
    return client_of("operator")


@pytest.fixture
def superuser(client_of: Callable[[str], Client]) -> Client:
    return client_of("super")
