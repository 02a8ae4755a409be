"""Users and groups: Django's admin, with a role for each new user."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest, HttpResponse

from web.admin import unfold
from web.roles import Role, give_role

admin.site.unregister([User, Group])


class NewUserForm(unfold.UserCreationForm):
    """Ask for the name, password and role of a new user on one page."""

    role = forms.ChoiceField(choices=Role.choices, initial=Role.VIEWER, widget=unfold.RadioSelect)


@admin.register(User)
class UserAdmin(unfold.UserAdmin):
    """Users; a new one has a role at once."""

    form = unfold.UserChangeForm  # type: ignore[assignment]  # generic in the stubs, and not so in Django
    add_form = NewUserForm
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("username", "password1", "password2", "role")}),)
    change_password_form = unfold.AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "role", "is_active")

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            give_role(obj, Role(form.cleaned_data["role"]))

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: str | None = None) -> HttpResponse:
        """Return to the list; Django would go on to the permissions, which the role has already given."""
        return super(DjangoUserAdmin, self).response_add(request, obj, post_url_continue)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description="Role")
    def role(self, obj: User) -> str:
        if not obj.is_staff:
            return "no access to the admin"
        names = ["administrator"] if obj.is_superuser else sorted(group.name for group in obj.groups.all())
        return ", ".join(names) or "none"


@admin.register(Group)
class GroupAdmin(unfold.GroupAdmin):
    """Groups; `viewer` and `operator` come with the hub."""
