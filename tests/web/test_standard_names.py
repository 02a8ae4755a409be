"""The API's tables under their new names: rows stay, on the way there and back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction

from testing.migrations import latest, migrate
from web.models import ApiToken, FailedAuthAttempts, IdempotencyRecord

BEFORE = [("web", "0003_operators_retire")]
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
RECORD: dict[str, Any] = {
    "key": "k", "claim": UUID(int=7), "request": "d" * 64, "status": 200, "headers": {"ETag": '"v"'}, "body": "{}",
    "at": NOON,
}  # fmt: skip
ATTEMPTS: dict[str, Any] = {"address": "192.0.2.1", "minute": NOON, "count": 3}
OLD_TABLES = {"web_keptanswer", "web_refusedattempts"}
NEW_TABLES = {"web_idempotencyrecord", "web_failedauthattempts"}

pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture
def old() -> Iterator[Any]:
    """The models of the version before, in a hub of that version."""
    yield migrate(BEFORE)
    migrate(latest(["web"]))


def tables() -> set[str]:
    return (OLD_TABLES | NEW_TABLES) & set(connection.introspection.table_names())


def constraints(table: str) -> dict[str, list[str]]:
    """The named indexes and constraints of ours in *table*, with their columns."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
    ours = ("answer_", "refused_", "idempotency_", "failed_")
    return {name: each["columns"] for name, each in found.items() if name.startswith(ours)}


def values(model: Any) -> list[dict[str, Any]]:
    return list(model.objects.order_by("pk").values())


def test_rows_stay_on_the_way_there_and_back(old: Any) -> None:
    token = old.get_model("web", "ApiToken").objects.create(name="laptop", digest="d" * 64)
    record = old.get_model("web", "KeptAnswer").objects.create(token=token, **RECORD)
    attempts = old.get_model("web", "RefusedAttempts").objects.create(**ATTEMPTS)
    assert tables() == OLD_TABLES
    rows = ([{"id": record.pk, "token_id": token.pk, **RECORD}], [{"id": attempts.pk, **ATTEMPTS}])

    migrate(latest(["web"]))
    assert tables() == NEW_TABLES
    assert (values(IdempotencyRecord), values(FailedAuthAttempts)) == rows
    assert constraints("web_idempotencyrecord") == {
        "idempotency_at": ["at"], "idempotency_token_key_unique": ["token_id", "key"],
    }  # fmt: skip
    assert constraints("web_failedauthattempts") == {"failed_auth_minute_address_unique": ["minute", "address"]}

    again = migrate(BEFORE)
    assert tables() == OLD_TABLES
    assert (values(again.get_model("web", "KeptAnswer")), values(again.get_model("web", "RefusedAttempts"))) == rows
    assert constraints("web_keptanswer") == {"answer_at": ["at"], "answer_key_unique": ["token_id", "key"]}
    assert constraints("web_refusedattempts") == {"refused_minute_address_unique": ["minute", "address"]}


def test_new_tables_take_rows_and_hold_their_rules(old: Any) -> None:
    token = old.get_model("web", "ApiToken").objects.create(name="laptop", digest="d" * 64)
    old.get_model("web", "KeptAnswer").objects.create(token=token, **RECORD)
    migrate(latest(["web"]))
    laptop = ApiToken.objects.get()
    IdempotencyRecord.objects.create(token=laptop, **{**RECORD, "key": "other"})
    with pytest.raises(IntegrityError), transaction.atomic():
        IdempotencyRecord.objects.create(token=laptop, **RECORD)
    laptop.delete()
    assert not IdempotencyRecord.objects.exists()


def test_permissions_are_renamed_and_not_doubled(old: Any) -> None:
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType

    Permission.objects.filter(content_type__app_label="web").delete()
    content, _ = ContentType.objects.get_or_create(app_label="web", model="keptanswer")
    pk = Permission.objects.create(content_type=content, codename="view_keptanswer", name="Can view kept answer").pk
    migrate(latest(["web"]))
    assert Permission.objects.values_list("codename", "name").get(pk=pk) == (
        "view_idempotencyrecord", "Can view idempotency record",
    )  # fmt: skip
    migrate(BEFORE)
    assert Permission.objects.values_list("codename", "name").get(pk=pk) == ("view_keptanswer", "Can view kept answer")
