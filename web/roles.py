"""Roles of users in the admin; each user has one."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.db import models


class Role(models.TextChoices):
    """The roles. Viewer and operator are groups that come with the hub."""

    VIEWER = "viewer", "Viewer: sees everything"
    OPERATOR = "operator", "Operator: also runs checks and fixes, advances and reopens tasks"
    ADMINISTRATOR = "administrator", "Administrator: everything, including users and tokens"


def give_role(user: User, role: Role) -> None:
    """Save *user* with access to the admin as *role*."""
    user.is_staff = True
    user.is_superuser = role == Role.ADMINISTRATOR
    user.save()
    user.groups.set([] if user.is_superuser else [Group.objects.get_or_create(name=role.value)[0]])
