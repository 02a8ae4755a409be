"""What a run is asked to do, and the limits it keeps."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from consistency.git.committer import Committer
from consistency.models import Mode


def committer() -> Committer:
    """In whose name the hub commits, as the settings say."""
    return Committer(
        settings.STATEHUB_COMMIT_NAME,
        settings.STATEHUB_COMMIT_EMAIL,
        settings.STATEHUB_COMMIT_TIMEOUT,
        settings.STATEHUB_COMMIT_HOOKS,
    )


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Times are in seconds, sizes in bytes. `user` and `host` are recorded with every status moved."""

    mode: Mode
    host: str
    user: str
    committer: Committer
    version: str
    fetch: bool = True
    fetch_timeout: float = 20.0
    writeback: bool = True
    dry_run: bool = False
    pull: bool = False
    push: bool = False
    push_timeout: float = 60.0
    any_branch: bool = False
    allow_missing: bool = False
    max_size: int = 5 * 1024 * 1024
    unreachable_hours: int = 24
    wait: float = 0.0
    trigger: str = "command"

    @property
    def writes(self) -> bool:
        """Whether the run may write to hub and files."""
        return self.mode is Mode.FIX and not self.dry_run
