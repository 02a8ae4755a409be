"""A small hub to ask, a client with a token, and answers as whole values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.test import Client

from statehub.models import Repo, StatusChange, Task, Workstream
from web.api import tokens

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
NOON_TEXT = "2026-01-02T12:00:00Z"

Json = dict[str, Any]


def new_task(slug: str = "net", key: str = "T01", status: str = "todo", workstream: str = "WP-1") -> Task:
    """A task, with its workstream and repo where they are not there yet."""
    repo, _ = Repo.objects.get_or_create(slug=slug)
    home, _ = Workstream.objects.get_or_create(
        repo=repo,
        key=workstream,
        defaults={"title": "Work", "status": "active", "path": f"workplans/{workstream}.md", "status_changed_at": NOON},
    )
    return Task.objects.create(workstream=home, key=key, title=f"Title of {key}", status=status, status_changed_at=NOON)


def as_json(task: Task, **fields: Any) -> Json:
    """The task as the API shows it now; *fields* are what is to differ from the row."""
    row = Task.objects.select_related("workstream__repo").get(pk=task.pk)
    return {
        "id": str(row.pk),
        "repo": row.workstream.repo.slug,
        "workstream": row.workstream.key,
        "workstream_id": str(row.workstream_id),
        "key": row.key,
        "title": row.title,
        "status": row.status,
        "status_changed_at": row.status_changed_at.isoformat().replace("+00:00", "Z"),
        "priority": row.priority,
        "owner": row.owner or None,
        "depends": row.depends.split("\n") if row.depends else [],
        "taken_by": row.taken_by or None,
        "taken_at": row.taken_at.isoformat().replace("+00:00", "Z") if row.taken_at else None,
        "version": row.version,
        **fields,
    }


def changes() -> list[tuple[str, str, str]]:
    """Task id, old and new status of every recorded move, in order."""
    return list(StatusChange.objects.order_by("pk").values_list("task__key", "old", "new"))


@dataclass(frozen=True)
class Said:
    """An answer: its status, its JSON, and its headers."""

    status: int
    json: Any
    headers: Mapping[str, str] = field(compare=False)


@dataclass(frozen=True)
class Api:
    """Calls the API with a token."""

    secret: str = ""
    client: Client = field(default_factory=Client)

    def get(self, path: str, **headers: str) -> Said:
        """GET below /api/."""
        return self.call("GET", path, headers=headers)

    def patch(self, path: str, body: Any, **headers: str) -> Said:
        """PATCH below /api/ with a JSON body; `If_Match="…"` is a header."""
        raw = body if isinstance(body, bytes | str) else json.dumps(body)
        return self.call("PATCH", path, raw, headers=headers)

    def call(
        self,
        method: str,
        path: str,
        body: bytes | str = b"",
        *,
        headers: Mapping[str, str] | None = None,
        type: str = "application/json",
    ) -> Said:
        """Any call."""
        named = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        if self.secret:
            named.setdefault("Authorization", f"Bearer {self.secret}")
        url = path if path.startswith("/") else f"/api/{path}"
        return said(self.client.generic(method, url, body, content_type=type, headers=named))


def said(response: Any) -> Said:
    """The answer as a value; every refusal must be a problem document that says the same status."""
    content: Any = json.loads(response.content)
    if response.status_code >= 400:
        assert response["Content-Type"] == "application/problem+json"
        assert content["status"] == response.status_code
        assert content["detail"]
    else:
        assert response["Content-Type"] == "application/json"
    return Said(response.status_code, content, dict(response.headers))


def new_api(name: str = "laptop", *, read_only: bool = False) -> Api:
    """A client with a new token of that name."""
    return Api(tokens.create(name, read_only=read_only)[1])


def problem(kind: str, status: int, title: str, detail: str, **more: Any) -> Json:
    """A whole problem document."""
    return {"type": f"/api/problems/#{kind}", "title": title, "status": status, "detail": detail, **more}
