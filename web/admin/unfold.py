"""Unfold's classes that the admin builds on, under the types of Django's own: Unfold comes without types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as _ModelAdmin
    from django.contrib.admin import RelatedFieldListFilter as AutocompleteSelectFilter
    from django.contrib.admin import SimpleListFilter as DropdownFilter
    from django.contrib.auth.admin import GroupAdmin
    from django.contrib.auth.admin import UserAdmin as _UserAdmin
    from django.contrib.auth.forms import AdminPasswordChangeForm, UserChangeForm
    from django.contrib.auth.forms import AdminUserCreationForm as _AdminUserCreationForm
    from django.contrib.auth.models import User
    from django.forms import RadioSelect

    ModelAdmin = _ModelAdmin[Any]
    UserAdmin = _UserAdmin[User]
    UserCreationForm = _AdminUserCreationForm[User]
else:
    from django.contrib.auth.admin import GroupAdmin as _GroupAdmin
    from django.contrib.auth.admin import UserAdmin as _UserAdmin
    from unfold.admin import ModelAdmin
    from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
    from unfold.widgets import UnfoldAdminRadioSelectWidget as RadioSelect

    class UserAdmin(_UserAdmin, ModelAdmin):
        """Django's admin of users, with Unfold's pages."""

    class GroupAdmin(_GroupAdmin, ModelAdmin):
        """Django's admin of groups, with Unfold's pages."""


__all__ = [
    "AdminPasswordChangeForm",
    "AutocompleteSelectFilter",
    "DropdownFilter",
    "GroupAdmin",
    "ModelAdmin",
    "RadioSelect",
    "UserAdmin",
    "UserChangeForm",
    "UserCreationForm",
]
