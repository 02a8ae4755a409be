"""System checks for `manage.py check --deploy`, in addition to Django's own."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register


@register(Tags.security, deploy=True)
def check_settings_file(**_: Any) -> list[CheckMessage]:
    """Warn if other users can read the file of settings: it has passwords and keys."""
    path = Path(os.environ.get("STATEHUB_ENV_FILE") or settings.BASE_DIR / ".env")
    try:
        mode = path.stat().st_mode
    except OSError:
        return []
    if not stat.S_ISREG(mode) or not mode & 0o077:
        return []
    return [
        Warning(
            f"{path} holds secrets, and other users of this machine may open it (mode {stat.S_IMODE(mode):o})",
            hint=f"chmod 600 {path}",
            id="statehub.W001",
        )
    ]
