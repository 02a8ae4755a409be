"""The hub's Django app."""

from django.apps import AppConfig


class StateHubConfig(AppConfig):
    """Repos, workstreams, tasks and the changes of their statuses."""

    name = "statehub"
    verbose_name = "State Hub"
    default_auto_field = "django.db.models.BigAutoField"
