"""The admin. Every module registers its own models."""

from web.admin import checkouts, findings, repos, runs, tasks, tokens, users, workstreams

__all__ = ["checkouts", "findings", "repos", "runs", "tasks", "tokens", "users", "workstreams"]
