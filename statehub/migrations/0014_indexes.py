import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("statehub", "0013_order"),
    ]

    operations = [
        migrations.AlterField(
            model_name="statuschange",
            name="task",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="changes", to="statehub.task"
            ),
        ),
        migrations.AlterField(
            model_name="task",
            name="workstream",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="tasks",
                to="statehub.workstream",
            ),
        ),
        migrations.AlterField(
            model_name="workstream",
            name="repo",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="workstreams",
                to="statehub.repo",
            ),
        ),
    ]
