"""The consistency engine's Django app."""

from django.apps import AppConfig


class ConsistencyConfig(AppConfig):
    """Runs, findings and the ledger."""

    name = "consistency"
    verbose_name = "Consistency"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Queue the checkouts of repos whose statuses change."""
        from consistency.db.queue import queue_repos
        from statehub.transitions import statuses_changed

        statuses_changed.connect(queue_repos, dispatch_uid="consistency.db.queue")
