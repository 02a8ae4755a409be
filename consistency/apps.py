"""The consistency engine's Django app."""

from django.apps import AppConfig


class ConsistencyConfig(AppConfig):
    """Runs, findings and the ledger."""

    name = "consistency"
    verbose_name = "Consistency"
    default_auto_field = "django.db.models.BigAutoField"
