"""A person gets an account and a role in one step: on one page of the admin, or by one command."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from testing.hub import Hub
from tests.web.admin.helpers import body
from web.roles import Role

PASSWORD = "correct horse battery"
SEES, MOVES, MANAGES = "statehub.view_task", "statehub.reopen_task", "auth.add_user"
MAY = {
    "viewer": {SEES: True, MOVES: False, MANAGES: False},
    "operator": {SEES: True, MOVES: True, MANAGES: False},
    "administrator": {SEES: True, MOVES: True, MANAGES: True},
}


def may(name: str) -> dict[str, bool]:
    user = User.objects.get(username=name)
    assert user.is_staff
    return {permission: user.has_perm(permission) for permission in (SEES, MOVES, MANAGES)}


@pytest.mark.parametrize("role", Role.values)
def test_one_page_of_the_admin_makes_a_person_with_a_role(role: str, superuser: Client) -> None:
    form = {"username": "ada", "password1": PASSWORD, "password2": PASSWORD, "role": role}
    answer = superuser.post("/admin/auth/user/add/", form)
    assert (answer.status_code, answer.get("Location")) == (302, "/admin/auth/user/"), answer.content.decode()
    assert may("ada") == MAY[role]
    assert Client().login(username="ada", password=PASSWORD)
    assert role in body(superuser, "/admin/auth/user/")


@pytest.mark.parametrize("role", ["", "emperor"])
def test_role_that_there_is_not(role: str, superuser: Client) -> None:
    form = {"username": "ada", "password1": PASSWORD, "password2": PASSWORD, "role": role}
    assert superuser.post("/admin/auth/user/add/", form).status_code == 200
    assert not User.objects.filter(username="ada").exists()


def test_later_changes_of_a_person_keep_the_role(superuser: Client) -> None:
    call_command("create_user", "ada", "--role", "operator")
    pk = User.objects.get(username="ada").pk
    page = superuser.get(f"/admin/auth/user/{pk}/change/")
    groups = list(User.objects.get(pk=pk).groups.values_list("pk", flat=True))
    initial = page.context["adminform"].form.initial
    joined = initial["date_joined"]
    form = {
        "username": "ada", "first_name": "Ada", "is_active": "on", "is_staff": "on", "groups": groups,
        "date_joined_0": f"{joined:%Y-%m-%d}", "date_joined_1": f"{joined:%H:%M:%S}",
    }  # fmt: skip
    assert superuser.post(f"/admin/auth/user/{pk}/change/", form).status_code == 302
    assert User.objects.get(pk=pk).first_name == "Ada"
    assert may("ada") == MAY["operator"]


def test_command_prints_the_password_alone_and_once(hub: Hub) -> None:
    ended = hub.manage("create_user", "ada", "--role", "administrator")
    assert (ended.exit, ended.stderr) == (0, "Administrator 'ada' logs in with this password, shown only once:\n")
    assert Client().login(username="ada", password=ended.stdout.removesuffix("\n"))
    assert may("ada") == MAY["administrator"]


def test_command_makes_viewers_unless_told(db: None) -> None:
    call_command("create_user", "ada")
    assert may("ada") == MAY["viewer"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ada", "error: NAME: A user with that username already exists.\n"),
        ("", "error: an argument is empty: name\n"),
        (
            "a b",
            "error: NAME: Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ "
            "characters.\n",
        ),
    ],
)
def test_name_that_cannot_be_had(db: None, capsys: pytest.CaptureFixture[str], name: str, said: str) -> None:
    User.objects.create_user("ada")
    with pytest.raises(SystemExit) as ended:
        call_command("create_user", name)
    assert (ended.value.code, capsys.readouterr()) == (2, ("", said))
    assert list(User.objects.values_list("username", "is_staff")) == [("ada", False)]
