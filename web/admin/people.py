"""Users and groups, in the admin's look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as StockGroupAdmin
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.models import Group, User

if TYPE_CHECKING:
    from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm
    from django.contrib.auth.forms import UserChangeForm as UserForm

    class ModelAdmin:
        """The look's, which has no types."""

    UserBase = StockUserAdmin[User]
else:
    from unfold.admin import ModelAdmin
    from unfold.forms import AdminPasswordChangeForm
    from unfold.forms import UserChangeForm as UserForm
    from unfold.forms import UserCreationForm as AdminUserCreationForm

    UserBase = StockUserAdmin

for model in (User, Group):
    admin.site.unregister(model)


@admin.register(User)
class UserAdmin(UserBase, ModelAdmin):
    """Django's, with the look's forms."""

    form = UserForm  # type: ignore[assignment]  # generic in the stubs, and not so in Django
    add_form = AdminUserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(StockGroupAdmin, ModelAdmin):
    """Django's, in the look. The groups `viewer` and `operator` come with the hub."""
