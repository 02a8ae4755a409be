"""The web app: loaded by the server, not by the commands that cron runs."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Admin pages beyond the models, and the API."""

    name = "web"
    verbose_name = "State Hub web"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks."""
        import web.checks  # noqa: F401 - they register themselves
