"""The API's own tables have the names of the trade: idempotency records and failed authentication attempts."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

RENAMED = (
    ("keptanswer", "kept answer", "idempotencyrecord", "idempotency record"),
    ("refusedattempts", "refused attempts", "failedauthattempts", "failed auth attempts"),
)


def _rename_permissions(apps: Any, old: str, old_name: str, new: str, new_name: str) -> None:
    """Rename them: Django would make new ones and leave the old."""
    Permission = apps.get_model("auth", "Permission")
    for permission in Permission.objects.filter(content_type__app_label="web", codename__endswith=f"_{old}"):
        permission.codename = permission.codename.replace(old, new)
        permission.name = permission.name.replace(old_name, new_name)
        permission.save()


def forward(apps: Any, _schema_editor: object) -> None:
    for old, old_name, new, new_name in RENAMED:
        _rename_permissions(apps, old, old_name, new, new_name)


def backward(apps: Any, _schema_editor: object) -> None:
    for old, old_name, new, new_name in RENAMED:
        _rename_permissions(apps, new, new_name, old, old_name)


class Migration(migrations.Migration):
    dependencies = [
        ("web", "0003_operators_retire"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.RenameModel("KeptAnswer", "IdempotencyRecord"),
        migrations.AlterField(
            model_name="idempotencyrecord",
            name="token",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="idempotency_records", to="web.apitoken"
            ),
        ),
        migrations.RenameIndex("idempotencyrecord", new_name="idempotency_at", old_name="answer_at"),
        migrations.RemoveConstraint("idempotencyrecord", "answer_key_unique"),
        migrations.AddConstraint(
            "idempotencyrecord",
            models.UniqueConstraint(fields=("token", "key"), name="idempotency_token_key_unique"),
        ),
        migrations.RenameModel("RefusedAttempts", "FailedAuthAttempts"),
        migrations.AlterModelOptions(
            "failedauthattempts",
            {"ordering": ("-minute", "address"), "verbose_name_plural": "failed auth attempts"},
        ),
        migrations.RemoveConstraint("failedauthattempts", "refused_minute_address_unique"),
        migrations.AddConstraint(
            "failedauthattempts",
            models.UniqueConstraint(fields=("minute", "address"), name="failed_auth_minute_address_unique"),
        ),
        migrations.RunPython(forward, backward),
    ]
