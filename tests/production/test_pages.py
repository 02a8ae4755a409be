"""The admin and the API with the settings of production, behind a proxy that ends TLS."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from statehub.models import Task
from tests.web.api.helpers import new_task
from web.api import tokens

ORIGIN = "https://hub.example.org"
PASSWORD = "correct horse battery"
NewClient = Callable[[], Client]


@pytest.fixture
def person(db: None) -> User:
    return User.objects.create_superuser("ada", password=PASSWORD)


def test_plain_http_is_led_to_https(production: None, db: None) -> None:
    for path in ("/", "/admin/login/", "/api/docs/", "/static/web/admin.css"):
        answer = Client(headers={"Host": "hub.example.org", "X-Forwarded-Proto": "http"}).get(path)
        assert (answer.status_code, answer["Location"]) == (301, f"{ORIGIN}{path}")
        assert "Strict-Transport-Security" not in answer


def test_transport_security_is_for_this_host_alone(https: NewClient, db: None) -> None:
    for path in ("/admin/login/", "/api/tasks/", "/healthz"):
        assert https().get(path)["Strict-Transport-Security"] == "max-age=31536000"


def test_nobody_but_the_proxy_says_what_is_https(https: NewClient, db: None) -> None:
    client = https()
    client.defaults["REMOTE_ADDR"] = "203.0.113.9"
    assert client.get("/admin/login/").status_code == 301


@pytest.mark.parametrize("origin", [ORIGIN, "https://evil.example.org", "http://hub.example.org", None])
def test_login(https: NewClient, person: User, origin: str | None) -> None:
    client = https()
    client.handler.enforce_csrf_checks = True
    page = client.get("/admin/login/?next=/admin/")
    field = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())
    assert field
    form = {"username": "ada", "password": PASSWORD, "csrfmiddlewaretoken": field[1], "next": "/admin/"}
    answer = client.post("/admin/login/", form, headers={} if origin is None else {"Origin": origin})
    if origin != ORIGIN:  # over https a request without an origin must have a referrer
        assert answer.status_code == 403
        return
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    cookies = {name: (cookie["secure"], cookie["samesite"]) for name, cookie in client.cookies.items()}
    assert cookies == {"csrftoken": (True, "Lax"), "sessionid": (True, "Lax")}
    overview = client.get("/admin/")
    assert (overview.status_code, "/admin/auth/user/" in overview.content.decode()) == (200, True)


def status_of_file(client: Client, address: str) -> int:
    """Return the response; a streamed file is read to its end, which closes it."""
    answer: Any = client.get(address)
    assert b"".join(answer.streaming_content) if answer.streaming else answer.content
    return int(answer.status_code)


def test_pages_find_their_files(https: NewClient, person: User) -> None:
    client = https()
    client.force_login(person)
    for page in ("/admin/", "/admin/statehub/task/", "/admin/auth/user/add/", "/api/docs/"):
        html = client.get(page).content.decode()
        files = set(re.findall(r'(?:src|href)="(/static/[^"?]+)', html))
        assert files, page
        assert {file: status_of_file(client, file) for file in files} == dict.fromkeys(files, 200)


def test_api(https: NewClient, db: None) -> None:
    new_task()
    bearer = {"Authorization": f"Bearer {tokens.create('laptop')[1]}"}
    client = https()
    assert client.get("/api/tasks/").status_code == 401
    assert [task["key"] for task in client.get("/api/tasks/", headers=bearer).json()] == ["T01"]
    answer = client.patch("/api/tasks/T01/", '{"status": "done"}', content_type="application/json", headers=bearer)
    assert (answer.status_code, answer.json()["status"]) == (200, "done")
    assert Task.objects.get().status == "done"
    assert client.get("/api/tasks/", headers={**bearer, "Host": "evil.example.org"}).status_code == 400


def test_person_and_token_are_made_through_the_proxy(https: NewClient, person: User) -> None:
    client = https()
    client.force_login(person)
    form = {"username": "ben", "password1": PASSWORD, "password2": PASSWORD, "role": "operator"}
    assert client.post("/admin/auth/user/add/", form).status_code == 302
    page = client.post("/admin/web/apitoken/add/", {"name": "ben", "rights": "", "days": ""}).content.decode()
    (secret,) = re.findall(r"sth_[A-Za-z0-9_-]{43}", page)
    assert https().get("/api/repos/", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
