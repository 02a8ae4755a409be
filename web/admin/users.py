"""Users and groups, in the admin's look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as StockGroupAdmin
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest, HttpResponse

from web.roles import Role, give_role

if TYPE_CHECKING:
    from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm
    from django.contrib.auth.forms import UserChangeForm as UserForm
    from django.forms import RadioSelect as RoleWidget

    class ModelAdmin:
        """The look's, which has no types."""

    UserBase = StockUserAdmin[User]
    NewUserBase = AdminUserCreationForm[User]
else:
    from unfold.admin import ModelAdmin
    from unfold.forms import AdminPasswordChangeForm
    from unfold.forms import UserChangeForm as UserForm
    from unfold.forms import UserCreationForm as AdminUserCreationForm
    from unfold.widgets import UnfoldAdminRadioSelectWidget as RoleWidget

    UserBase = StockUserAdmin
    NewUserBase = AdminUserCreationForm

for model in (User, Group):
    admin.site.unregister(model)


class NewUserForm(NewUserBase):
    """Name, password and role: all that a person needs, on one page."""

    role = forms.ChoiceField(choices=Role.choices, initial=Role.VIEWER, widget=RoleWidget)


@admin.register(User)
class UserAdmin(UserBase, ModelAdmin):
    """Django's, with the look's forms; a new user has a role at once."""

    form = UserForm  # type: ignore[assignment]  # generic in the stubs, and not so in Django
    add_form = NewUserForm
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("username", "password1", "password2", "role")}),)
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "role", "is_active")

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save what *form* says, of a new user the role as well."""
        super().save_model(request, obj, form, change)
        if not change:
            give_role(obj, Role(form.cleaned_data["role"]))

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: str | None = None) -> HttpResponse:
        """Back to the list, where Django's own would go on with rights: a role has given them."""
        return super(StockUserAdmin, self).response_add(request, obj, post_url_continue)

    def get_queryset(self, request: HttpRequest) -> Any:
        """All users, with their groups."""
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description="Role")
    def role(self, obj: User) -> str:
        """What the user may do, in one word."""
        if not obj.is_staff:
            return "no access to the admin"
        names = ["administrator"] if obj.is_superuser else sorted(group.name for group in obj.groups.all())
        return ", ".join(names) or "none"


@admin.register(Group)
class GroupAdmin(StockGroupAdmin, ModelAdmin):
    """Django's, in the look. The groups `viewer` and `operator` come with the hub."""
