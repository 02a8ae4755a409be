"""What stands around the pages: the sidebar, the shortcuts above the findings, the style sheet (named in settings)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from web.admin.formatting import listing


def stylesheet(request: HttpRequest) -> str:  # noqa: ARG001 - called by the look
    """The address of our own style sheet."""
    return static("web/admin.css")


def favicon(request: HttpRequest) -> str:  # noqa: ARG001 - called by the look
    """The address of the small picture in the browser's tab."""
    return static("web/favicon.svg")


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:  # noqa: ARG001 - called by the look
    """The groups of the sidebar; each entry only for who may see its list."""
    return [
        {"items": [_entry("Overview", "dashboard", reverse("admin:index"))]},
        {
            "title": "Consistency",
            "separator": True,
            "items": [
                _list("Findings", "rule", "consistency", "finding"),
                _list("Runs", "history", "consistency", "run"),
            ],
        },
        {
            "title": "Work",
            "separator": True,
            "items": [
                _list("Tasks", "task_alt", "statehub", "task"),
                _list("Workstreams", "account_tree", "statehub", "workstream"),
                _list("Repos", "folder_data", "statehub", "repo"),
                _list("Checkouts", "computer", "statehub", "checkout"),
            ],
        },
        {
            "title": "People",
            "separator": True,
            "items": [
                _list("Users", "person", "auth", "user"),
                _list("Groups", "group", "auth", "group"),
                _list("API tokens", "key", "web", "apitoken"),
            ],
        },
    ]


def tabs(request: HttpRequest) -> list[dict[str, Any]]:  # noqa: ARG001 - called by the look
    """Shortcuts to what people look for first among the findings."""
    shortcuts: tuple[tuple[str, dict[str, str]], ...] = (
        ("All", {}),
        ("Open", {"state": "open"}),
        ("C-13 hub ahead", {"code": "C-13"}),
        ("C-14 held back", {"code": "C-14"}),
        ("Unverified", {"state": "unverified"}),
    )
    items = [
        {"title": title, "link": listing("consistency_finding", **wanted), "active": _shows(wanted)}
        for title, wanted in shortcuts
    ]
    return [{"models": ["consistency.finding"], "items": items}]


def _shows(wanted: dict[str, str]) -> Callable[[HttpRequest], bool]:
    def shows(request: HttpRequest) -> bool:
        return {name: request.GET.get(name, "") for name in ("code", "state")} == {"code": "", "state": "", **wanted}

    return shows


def _entry(title: str, icon: str, link: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": link}


def _list(title: str, icon: str, app: str, model: str) -> dict[str, Any]:
    def may_see(request: HttpRequest) -> bool:
        return request.user.has_perm(f"{app}.view_{model}")

    return {**_entry(title, icon, reverse(f"admin:{app}_{model}_changelist")), "permission": may_see}
