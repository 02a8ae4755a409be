"""API tokens: who has one, when it was last used, the form that makes one and the button that revokes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from statehub.numbers import MAX_DAYS
from web.admin import formatting
from web.admin.components import Facts, Note, Section, TokenForm
from web.admin.readonly import ReadOnlyAdmin
from web.api.tokens import MAX_NAME_LENGTH, NameTakenError, create, revoke
from web.models import ApiToken

READ_ONLY = "read"


class NewTokenForm(forms.Form):
    """What a token is to be."""

    use_required_attribute = True
    name = forms.CharField(label="Name", max_length=MAX_NAME_LENGTH, widget=forms.TextInput({"autocomplete": "off"}))
    rights = forms.ChoiceField(label="Access", choices=[("", "read and report"), (READ_ONLY, "read")], required=False)
    days = forms.IntegerField(
        label="Days until it expires (empty: never)", min_value=1, max_value=MAX_DAYS, required=False
    )


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """The secret is shown once, to whoever makes the token; later there is only what the hub keeps of it."""

    actions = ("revoke_chosen",)  # type: ignore[assignment]  # the base has none
    list_display = ("name_link", "rights", "state", "created", "expires", "last_used")
    ordering = ("name", "-created_at")
    sortable_by = ("name_link",)
    search_fields = ("name",)
    search_help_text = "Name"
    empty_text = "No tokens yet. On the hub's machine run: manage.py create_token NAME"

    def has_add_permission(self, request: HttpRequest, *_: Any) -> bool:
        """By Django's permission to add a token, which neither group has."""
        return bool(request.user.has_perm("web.add_apitoken"))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:  # noqa: ARG002 - Django's signature
        """The form, and after it the page with the secret: that page is the answer itself, so that nothing keeps it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = NewTokenForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            wanted = form.cleaned_data
            try:
                token, secret = create(wanted["name"], read_only=wanted["rights"] == READ_ONLY, days=wanted["days"])
            except NameTakenError as error:
                form.add_error("name", str(error))
            else:
                shown = format_html('<code class="sh-mono sh-secret">{}</code>', secret)
                note = Note("Copy it now: it is shown only once", shown, "good")
                return self.page(request, token, [note, *self.sections(request, token)])
        title = "Create an API token"
        return self.plain_page(request, [TokenForm("Token", form)], {"title": title, "heading": title})

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """By Django's permission to change a token, which neither group has."""
        return bool(request.user.has_perm("web.change_apitoken"))

    @admin.action(description="Revoke the selected tokens", permissions=["revoke"])
    def revoke_chosen(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """From now on they open nothing; they stay for the record."""
        done = [revoke(token) for token in queryset]
        number, before = sum(done), len(done) - sum(done)
        if number:
            messages.success(request, f"{number} revoked")
        if before:
            messages.warning(request, f"{before} already revoked")

    @admin.display(description="Name", ordering="name")
    def name_link(self, obj: ApiToken) -> SafeString:
        """Who its reports are recorded as."""
        return formatting.text(obj.name, 60)

    @admin.display(description="Access")
    def rights(self, obj: ApiToken) -> str:
        """What it opens."""
        return "read" if obj.read_only else "read and report"

    @admin.display(description="State")
    def state(self, obj: ApiToken) -> str:
        """Whether it opens anything."""
        return obj.trouble or "active"

    @admin.display(description="Created")
    def created(self, obj: ApiToken) -> SafeString:
        """When it was made."""
        return formatting.time(obj.created_at)

    @admin.display(description="Expires")
    def expires(self, obj: ApiToken) -> SafeString:
        """When it ends by itself."""
        return formatting.time(obj.expires_at)

    @admin.display(description="Last used")
    def last_used(self, obj: ApiToken) -> SafeString:
        """To the minute."""
        return formatting.time(obj.last_used_at)

    def sections(self, request: HttpRequest, obj: ApiToken) -> Iterable[Section]:  # noqa: ARG002 - the base's signature
        """All that the hub keeps of it."""
        yield Facts(
            "Token",
            [
                ("Name", formatting.text(obj.name)),
                ("Access", self.rights(obj)),
                ("State", self.state(obj)),
                ("Created", formatting.time(obj.created_at)),
                ("Expires", formatting.time(obj.expires_at)),
                ("Revoked", formatting.time(obj.revoked_at)),
                ("Last used", formatting.time(obj.last_used_at)),
            ],
        )
