#!/usr/bin/env python
"""State Hub's commands. Those that cron runs load only the two apps they need; the rest load everything."""

import atexit
import gc
import os
import sys

LEAN_COMMANDS = {
    "check_consistency",
    "fix_consistency",
    "register_repo",
    "set_task_status",
    "reopen_task",
    "stamp_ids",
    "prune_history",
    "retire_checkout",
    "trust_host",
    "deploy_key",
    "move_checkouts",
    "tasks",
    "changes",
    "mcp",
    "connect_assistant",
    "send_notifications",
}


def main() -> None:
    """Run the command named on the command line."""
    lean = len(sys.argv) > 1 and sys.argv[1] in LEAN_COMMANDS
    if lean:
        # A fifth of the time of a large import went into looking for cycles that are not there; a run over many
        # checkouts collects between them.
        gc.disable()
        atexit.register(gc.freeze)  # Python's last collection would look at all that was loaded, for nothing.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "statehub.settings_base" if lean else "statehub.settings")
    try:
        from django.apps import apps
        from django.conf import settings
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import BaseCommand, ManagementUtility
    except ImportError:
        sys.exit("error: Django is not installed for this Python; use the Makefile's targets, or .venv/bin/python")

    class Utility(ManagementUtility):
        """Django's; but an unknown command could not run, and 1 would mean that it ran and found something."""

        def execute(self) -> None:
            """Run the command; a lean one without what `django.setup` loads for a web server (URLs, HTTP, mail)."""
            if lean and not any(arg.startswith(("--settings", "--pythonpath")) for arg in self.argv):
                apps.populate(settings.INSTALLED_APPS)
                self.fetch_command(self.argv[1]).run_from_argv(self.argv)
            else:
                super().execute()

        def fetch_command(self, subcommand: str) -> BaseCommand:
            try:
                return super().fetch_command(subcommand)
            except SystemExit:
                sys.exit(2)

    try:
        Utility(sys.argv).execute()
    except ImproperlyConfigured as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
