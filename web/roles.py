"""Who may do what in the admin: one role for each person."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.db import models


class Role(models.TextChoices):
    """What a person may do. Viewer and operator are the groups that come with the hub."""

    VIEWER = "viewer", "Viewer: sees everything"
    OPERATOR = "operator", "Operator: also runs checks and fixes, advances and reopens tasks"
    ADMINISTRATOR = "administrator", "Administrator: everything, including users and tokens"


def give_role(user: User, role: Role) -> None:
    """Let *user* enter the admin as *role*; saves it."""
    user.is_staff = True
    user.is_superuser = role == Role.ADMINISTRATOR
    user.save()
    user.groups.set([] if user.is_superuser else [Group.objects.get_or_create(name=role.value)[0]])
