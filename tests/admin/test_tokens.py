"""Tokens are listed with their last use, and revoked, by those who may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client

from tests.admin.helpers import body
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
        assert "in force" in page
        assert "2026-03-04 05:06" in page
        assert token.digest not in page


def test_token_is_revoked(token: ApiToken, superuser: Client) -> None:
    for words in ("1 revoked", "1 had been revoked before"):
        answer = superuser.post(LIST, {"action": "revoke_chosen", "_selected_action": [token.pk]}, follow=True)
        assert words in answer.content.decode()
    token.refresh_from_db()
    assert token.trouble == "revoked"
    assert "revoked" in body(superuser, f"{LIST}{token.pk}/change/")


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_tokens_are_not_for_the_groups(role: str, token: ApiToken, client_of: Callable[[str], Client]) -> None:
    client = client_of(role)
    assert client.get(LIST).status_code == 403
    assert client.post(LIST, {"action": "revoke_chosen", "_selected_action": [token.pk]}).status_code == 403
    token.refresh_from_db()
    assert token.trouble == ""
