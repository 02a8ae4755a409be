"""Origins that are written in several ways for one repository get the one that clones are compared with from now on."""

import re

from django.db import migrations

SAME_HOST = {
    "ssh.github.com": "github.com",
    "www.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
}
CASE_INSENSITIVE_HOSTS = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "gitea.com"})


def written_alike(origin: str) -> str:
    """*origin* as `consistency.git.addresses` wrote it when this migration was made; a folder stays as it is."""
    host, slash, path = origin.partition("/")
    if not host or not slash:
        return origin
    host = host.rstrip(".")
    host = SAME_HOST.get(host, host)
    path = re.sub("/+", "/", path).strip("/").removeprefix("~/")
    return f"{host}/{path.lower() if host in CASE_INSENSITIVE_HOSTS else path}"


def rewrite_origins(apps, _schema_editor) -> None:  # type: ignore[no-untyped-def]  # models as they were: Django has no types for them
    for repo in apps.get_model("statehub", "Repo").objects.exclude(origin=""):
        origin = written_alike(repo.origin)
        if origin != repo.origin:
            repo.origin = origin
            repo.save(update_fields=["origin"])


class Migration(migrations.Migration):
    dependencies = [("statehub", "0009_identity_of_repos")]

    operations = [migrations.RunPython(rewrite_origins, migrations.RunPython.noop)]
