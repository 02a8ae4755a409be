"""The admin: the place where people look. Every module registers its own models."""

from web.admin import findings, repos, runs, tasks, tokens, users, workstreams

__all__ = ["findings", "repos", "runs", "tasks", "tokens", "users", "workstreams"]
