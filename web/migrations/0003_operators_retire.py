"""Operators may retire checkouts, as they may run them."""

from django.db import migrations


def allow_operators(apps, _schema_editor) -> None:  # type: ignore[no-untyped-def]  # models as they were: Django has no types for them
    ContentType = apps.get_model("contenttypes", "ContentType")
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    # A group that somebody has deleted stays so. Django makes permissions only after all migrations.
    for group in Group.objects.filter(name="operator"):
        content, _ = ContentType.objects.get_or_create(app_label="statehub", model="checkout")
        permission, _ = Permission.objects.get_or_create(
            content_type=content, codename="retire_checkout", defaults={"name": "Can retire checkouts"}
        )
        group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [("web", "0002_groups")]

    operations = [migrations.RunPython(allow_operators, migrations.RunPython.noop)]
