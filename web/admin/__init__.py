"""The admin: the place where people look. Every module registers its own models."""

from web.admin import findings, people, repos, runs, tasks, tokens, workstreams

__all__ = ["findings", "people", "repos", "runs", "tasks", "tokens", "workstreams"]
