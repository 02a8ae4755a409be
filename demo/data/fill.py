"""Fills the hub: clears earlier demo data, plays the quarter, and says what is there now."""

from __future__ import annotations

import sys
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from consistency.models import Finding, Run
from demo.data.place import Place
from demo.data.quarter import Size, play
from statehub.models import Checkout, Repo, StatusChange, Task, Workstream


def fill(size: Size, end: datetime | None = None) -> str:
    """Replace all demo data by a story that ends now, or at *end*; one sentence on what there is.

    Raises NotOurs before anything is touched, GitError, RegistrationError, OSError, django.db.Error.
    """
    place = Place(settings.STATEHUB_VAR)
    replaced = place.clear()
    how = "Replacing earlier demo data" if replaced else "Making demo data"
    print(f"{how}: {size.days} days in {place.folder} ...", file=sys.stderr)
    play(place, settings.STATEHUB_HOST, end or timezone.now().replace(microsecond=0), size)
    counts = (
        (Repo.objects, "repos"),
        (Checkout.objects, "checkouts"),
        (Workstream.objects, "workplans"),
        (Task.objects, "tasks"),
        (StatusChange.objects, "status changes"),
        (Run.objects, "runs"),
        (Finding.objects, "findings"),
    )
    return "The hub has " + ", ".join(f"{manager.count()} {name}" for manager, name in counts)
