"""The folder of the demo data: it has a marker, and holds the origins and checkouts of all demo repos."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from consistency.git.addresses import normalize_url
from statehub.models import Checkout, Repo

MARKER = "made-by-demo-data"


class NotOursError(Exception):
    """The hub or the folder holds other data than the demo's; the message is one sentence for people."""


class Place:
    """The folder `demo-data` in STATEHUB_VAR."""

    def __init__(self, var: Path) -> None:
        """Take STATEHUB_VAR; nothing is made or looked at yet."""
        self.folder = Path(os.path.realpath(var)) / "demo-data"

    def origin(self, slug: str) -> Path:
        """Return the bare repository that the clones of *slug* push to."""
        return self.folder / "origins" / f"{slug}.git"

    def checkout(self, host: str, slug: str) -> Path:
        """Return the clone of *slug* on *host*."""
        return self.folder / "hosts" / host / slug

    def clear(self) -> bool:
        """Remove earlier demo data from hub and disk; whether there was any.

        Raises NotOursError before anything is touched.
        """
        strangers = [repo.slug for repo in Repo.objects.all() if not self._is_demo(repo)]
        if strangers:
            names = ", ".join(strangers[:5]) + (", …" if len(strangers) > 5 else "")
            raise NotOursError(
                f"the hub has repos that are no demo data ({names}); demo data goes into an empty hub only: "
                "name another one in DATABASE_URL"
            )
        if self.folder.exists() and any(self.folder.iterdir()) and not (self.folder / MARKER).exists():
            raise NotOursError(f"{self.folder} holds something that was not made by demo data; move it away")
        found, _ = Repo.objects.all().delete()
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True)
        (self.folder / MARKER).write_text("Everything here is replaced by the next `make demo-data`.\n")
        return bool(found)

    def _is_demo(self, repo: Repo) -> bool:
        """Return whether the repo's origin and all of its checkouts are in the folder."""
        if repo.origin != normalize_url(str(self.origin(repo.slug)), "/"):
            return False
        paths = Checkout.objects.filter(repo=repo).values_list("path", flat=True)
        return all(Path(path).is_relative_to(self.folder) for path in paths)
