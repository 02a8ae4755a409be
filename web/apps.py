"""The app of the web server; the commands that cron runs do not load it."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Configuration of the app."""

    name = "web"
    verbose_name = "State Hub web"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks."""
        import web.checks  # noqa: F401 - they register themselves
