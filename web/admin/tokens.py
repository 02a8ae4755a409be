"""API tokens: the list, the form that creates one, and the action that revokes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html

from statehub.numbers import MAX_DAYS
from web.admin import formatting
from web.admin.columns import column
from web.admin.components import Facts, InputForm, Note, Section
from web.admin.readonly import ReadOnlyAdmin
from web.api.tokens import MAX_NAME_LENGTH, NameTakenError, create, revoke
from web.models import ApiToken

READ_ONLY = "read"
FORM_HELP = (
    "Reports are recorded under the name: a machine, a person, an agent. The token is shown once, on the next page."
)


class NewTokenForm(forms.Form):
    """Ask for the name, access and lifetime of a new token."""

    use_required_attribute = True
    name = forms.CharField(label="Name", max_length=MAX_NAME_LENGTH, widget=forms.TextInput({"autocomplete": "off"}))
    rights = forms.ChoiceField(label="Access", choices=[("", "read and report"), (READ_ONLY, "read")], required=False)
    days = forms.IntegerField(
        label="Days until it expires (empty: never)", min_value=1, max_value=MAX_DAYS, required=False
    )


def _access(token: ApiToken) -> str:
    return "read" if token.read_only else "read and report"


def _state(token: ApiToken) -> str:
    return token.inactive_reason or "active"


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """The secret of a token is shown once, to the user who creates it; the hub keeps only its hash."""

    actions = ("revoke_chosen",)
    list_display = (
        column("Name", lambda row: formatting.text(row.name, 60), ordering="name"),
        column("Access", _access),
        column("State", _state),
        column("Created", lambda row: formatting.time(row.created_at)),
        column("Expires", lambda row: formatting.time(row.expires_at)),
        column("Last used", lambda row: formatting.time(row.last_used_at)),
    )
    ordering = ("name", "-created_at")
    search_fields = ("name",)
    search_help_text = "Name"
    empty_text = "No tokens yet. On the hub's machine run: manage.py create_token NAME"

    def has_add_permission(self, request: HttpRequest, *_: Any) -> bool:
        return bool(request.user.has_perm("web.add_apitoken"))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Show the form, or create the token and answer with its secret itself: a redirect would have to store it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = NewTokenForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            data = form.cleaned_data
            try:
                token, secret = create(data["name"], read_only=data["rights"] == READ_ONLY, days=data["days"])
            except NameTakenError as error:
                form.add_error("name", str(error))
            else:
                code = format_html('<code class="sh-mono sh-secret">{}</code>', secret)
                note = Note("Copy it now: it is shown only once", code, "good")
                return self.page(request, token, [note, *self.sections(request, token)])
        title = "Create an API token"
        section = InputForm("Token", form, "Create the token", FORM_HELP)
        return self.plain_page(request, [section], {"title": title, "heading": title})

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("web.change_apitoken"))

    @admin.action(description="Revoke the selected tokens", permissions=["revoke"])
    def revoke_chosen(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        results = [revoke(token) for token in queryset]
        if revoked := sum(results):
            messages.success(request, f"{revoked} revoked")
        if before := len(results) - revoked:
            messages.warning(request, f"{before} already revoked")

    def sections(self, request: HttpRequest, obj: ApiToken) -> Iterable[Section]:
        yield Facts(
            "Token",
            [
                ("Name", formatting.text(obj.name)),
                ("Access", _access(obj)),
                ("State", _state(obj)),
                ("Created", formatting.time(obj.created_at)),
                ("Expires", formatting.time(obj.expires_at)),
                ("Revoked", formatting.time(obj.revoked_at)),
                ("Last used", formatting.time(obj.last_used_at)),
            ],
        )
