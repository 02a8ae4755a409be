"""The groups that come with the hub: viewers see, operators also run, advance and reopen."""

from django.db import migrations

VIEWER = (
    ("statehub", "repo", "view_repo", "Can view repo"),
    ("statehub", "checkout", "view_checkout", "Can view checkout"),
    ("statehub", "workstream", "view_workstream", "Can view workstream"),
    ("statehub", "task", "view_task", "Can view task"),
    ("statehub", "statuschange", "view_statuschange", "Can view status change"),
    ("consistency", "run", "view_run", "Can view run"),
    ("consistency", "finding", "view_finding", "Can view finding"),
)
OPERATOR = (
    *VIEWER,
    ("statehub", "checkout", "run_checkout", "Can check and fix a checkout now"),
    ("statehub", "task", "advance_task", "Can advance a task's status"),
    ("statehub", "task", "reopen_task", "Can reopen a task, with a reason"),
)


def make_groups(apps, _schema_editor) -> None:  # type: ignore[no-untyped-def]  # models as they were: Django has no types for them
    ContentType = apps.get_model("contenttypes", "ContentType")
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    for group_name, wanted in (("viewer", VIEWER), ("operator", OPERATOR)):
        group, _ = Group.objects.get_or_create(name=group_name)
        for app, model, codename, name in wanted:
            # Django makes permissions only after all migrations; it takes those that are there already as they are.
            content, _ = ContentType.objects.get_or_create(app_label=app, model=model)
            permission, _ = Permission.objects.get_or_create(
                content_type=content, codename=codename, defaults={"name": name}
            )
            group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("web", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("statehub", "0002_admin_lists"),
        ("consistency", "0002_admin_lists"),
    ]

    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]
