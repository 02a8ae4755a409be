"""The options of a run, and its limits."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.conf import settings

from consistency.git.committer import Committer
from consistency.models import Mode
from statehub import __version__
from statehub.models import Checkout, Writeback
from statehub.numbers import DEFAULT_FILE_SIZE


class RunOptions(NamedTuple):
    """The options of one run. Times are in seconds, sizes in bytes.

    `user` and `host` are recorded with every status that the run moves.
    """

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
    propose: bool = False
    any_branch: bool = False
    allow_missing: bool = False
    max_size: int = DEFAULT_FILE_SIZE
    unreachable_hours: int = 24
    wait: float = 0.0
    trigger: str = "command"

    @classmethod
    def from_settings(cls, mode: Mode, user: str, **overrides: Any) -> RunOptions:
        """Return the options that the settings say, with *overrides* for some of them."""
        committer = Committer(
            settings.STATEHUB_COMMIT_NAME,
            settings.STATEHUB_COMMIT_EMAIL,
            settings.STATEHUB_COMMIT_TIMEOUT,
            settings.STATEHUB_COMMIT_HOOKS,
        )
        defaults: dict[str, Any] = {
            "host": settings.STATEHUB_HOST,
            "committer": committer,
            "version": __version__,
            "fetch_timeout": settings.STATEHUB_FETCH_TIMEOUT,
            "push_timeout": settings.STATEHUB_PUSH_TIMEOUT,
            "max_size": settings.STATEHUB_MAX_FILE_SIZE,
            "unreachable_hours": settings.STATEHUB_UNREACHABLE_HOURS,
        }
        return cls(mode=mode, user=user, **(defaults | overrides))

    def for_checkout(self, checkout: Checkout) -> RunOptions:
        """Return these options for *checkout*: what its repo says about writebacks, and the hub's own clones push.

        A repo with proposals gets its statuses by them alone: other checkouts write nothing.
        """
        kind = checkout.repo.writeback or (Writeback.PUSH if checkout.managed else "")
        propose = kind == Writeback.PROPOSE
        writeback = self.writeback and kind != Writeback.OFF and (checkout.managed or not propose)
        push = not propose and (self.push or kind == Writeback.PUSH)
        return self._replace(writeback=writeback, propose=propose and writeback, push=push)

    @property
    def writes(self) -> bool:
        """Return whether the run may write to hub and files."""
        return self.mode is Mode.FIX and not self.dry_run
