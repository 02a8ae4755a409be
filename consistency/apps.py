"""The consistency engine's Django app."""

from django.apps import AppConfig


class ConsistencyConfig(AppConfig):
    """Runs, findings and the ledger."""

    name = "consistency"
    verbose_name = "Consistency"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Queue the checkouts of repos whose statuses change, and prepare the queue with the database."""
        from django.db.models.signals import post_migrate

        from consistency.db.queue import queue_repos, tune_engine
        from statehub.transitions import statuses_changed

        statuses_changed.connect(queue_repos, dispatch_uid="consistency.db.queue")
        post_migrate.connect(tune_engine, dispatch_uid="consistency.db.queue")
