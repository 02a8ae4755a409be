"""Brings ids to Unicode NFC, the form in which they are compared.

Where that would make two rows of one repo the same, both stay as they are: which one is right is for a person to say. The
row that no block has any more is then reported as gone (C-08, C-10).
"""

from __future__ import annotations

from typing import Any
from unicodedata import normalize

from django.db import migrations


def to_nfc(apps: Any, _schema_editor: object) -> None:
    for name, home in (("Workstream", "repo"), ("Task", "workstream__repo")):
        rows = apps.get_model("statehub", name).objects.order_by()
        everything = list(rows.values_list("pk", home, "key"))
        taken = {(repo, key) for _, repo, key in everything}
        wanted = [(pk, repo, normalize("NFC", key)) for pk, repo, key in everything if not key.isascii()]
        places = [(repo, key) for _, repo, key in wanted]
        for pk, repo, key in wanted:
            if (repo, key) not in taken and places.count((repo, key)) == 1:
                rows.filter(pk=pk).update(key=key)


class Migration(migrations.Migration):
    dependencies = [("statehub", "0006_presence_of_workplans")]

    operations = [migrations.RunPython(to_nfc, migrations.RunPython.noop)]
