"""Tokens are listed with their last use, and revoked, by those who may."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tests.web.admin.helpers import body
from tests.web.api.helpers import Api, new_task
from web.api import tokens
from web.models import ApiToken

LIST = "/admin/web/apitoken/"


@pytest.fixture
def token(db: None) -> ApiToken:
    tokens.create("laptop <b>")
    ApiToken.objects.update(last_used_at=datetime(2026, 3, 4, 5, 6, tzinfo=UTC))
    return ApiToken.objects.get()


def test_token_is_listed_with_its_last_use_and_without_its_hash(token: ApiToken, superuser: Client) -> None:
    for page in (body(superuser, LIST), body(superuser, f"{LIST}{token.pk}/change/")):
        assert "laptop &lt;b&gt;" in page
        assert "read and report" in page
        assert "active" in page
        assert "2026-03-04 05:06" in page
        assert token.digest not in page


def test_token_is_revoked(token: ApiToken, superuser: Client) -> None:
    for words in ("1 revoked", "1 already revoked"):
        answer = superuser.post(LIST, {"action": "revoke_chosen", "_selected_action": [token.pk]}, follow=True)
        assert words in answer.content.decode()
    token.refresh_from_db()
    assert token.inactive_reason == "revoked"
    assert "revoked" in body(superuser, f"{LIST}{token.pk}/change/")


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_tokens_are_not_for_the_groups(role: str, token: ApiToken, client_of: Callable[[str], Client]) -> None:
    client = client_of(role)
    assert client.get(LIST).status_code == 403
    assert client.post(LIST, {"action": "revoke_chosen", "_selected_action": [token.pk]}).status_code == 403
    token.refresh_from_db()
    assert token.inactive_reason == ""


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_tokens_are_not_made_by_the_groups(role: str, client_of: Callable[[str], Client]) -> None:
    client = client_of(role)
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}add/", {"name": "mine"}).status_code == 403
    assert not ApiToken.objects.exists()


def test_token_made_in_the_admin_is_shown_once(superuser: Client) -> None:
    assert f"{LIST}add/" in body(superuser, LIST)
    assert 'name="name"' in body(superuser, f"{LIST}add/")
    answer = superuser.post(f"{LIST}add/", {"name": "laptop", "rights": "", "days": ""})
    (secret,) = re.findall(r"sth_[A-Za-z0-9_-]{43}", answer.content.decode())
    assert (answer.status_code, "no-store" in answer["Cache-Control"]) == (200, True)
    new_task()
    assert Api(secret).patch("tasks/T01/", {"status": "done"}).status == 200
    token = ApiToken.objects.get()
    assert (token.name, token.expires_at) == ("laptop", None)
    for page in (LIST, f"{LIST}{token.pk}/change/", f"{LIST}add/"):
        assert secret not in body(superuser, page)


def test_token_made_in_the_admin_may_be_limited(superuser: Client) -> None:
    superuser.post(f"{LIST}add/", {"name": "grafana", "rights": "read", "days": "90"})
    token = ApiToken.objects.get()
    assert token.read_only
    assert token.expires_at is not None
    assert abs(token.expires_at - timezone.now() - timedelta(days=90)) < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"name": "laptop <b>"}, "Name: a token named &#x27;laptop &lt;b&gt;&#x27; is in use; revoke it"),
        ({"name": " "}, "Name: This field is required."),
        ({"name": "x" * 201}, "Name: Ensure this value has at most 200 characters"),
        ({"name": "a", "days": "0"}, "greater than or equal to 1"),
        ({"name": "a", "days": "9" * 30}, "less than or equal to 36500"),
        ({"name": "a", "rights": "all"}, "Access: Select a valid choice"),
        ({"name": "a\0"}, "Name: Null characters are not allowed."),
    ],
)
def test_token_that_the_admin_cannot_make(
    token: ApiToken, superuser: Client, wanted: dict[str, str], said: str
) -> None:
    answer = superuser.post(f"{LIST}add/", {"rights": "", "days": "", **wanted})
    assert (answer.status_code, said in answer.content.decode()) == (200, True), answer.content.decode()
    assert list(ApiToken.objects.all()) == [token]
