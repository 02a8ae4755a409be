"""The sidebar, the tabs above the findings, the style sheet and the icon; settings.UNFOLD names them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from consistency.core.codes import BEHIND, HUB_AHEAD
from web.admin.formatting import listing


def stylesheet(_request: HttpRequest) -> str:
    """Return the URL of the style sheet."""
    return static("web/admin.css")


def favicon(_request: HttpRequest) -> str:
    """Return the URL of the icon."""
    return static("web/favicon.svg")


def sidebar(_request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of the sidebar; users see only the entries whose lists they may see."""
    return [
        {"items": [{"title": "Overview", "icon": "dashboard", "link": reverse("admin:index")}]},
        _group(
            "Consistency",
            _list("Findings", "rule", "consistency", "finding"),
            _list("Runs", "history", "consistency", "run"),
            _entry("Notifications", "notifications", reverse("receivers"), "consistency.view_finding"),
        ),
        _group(
            "Work",
            _entry("Board", "view_kanban", reverse("board"), "statehub.view_task"),
            _entry("Activity", "timeline", reverse("activity"), "statehub.view_statuschange"),
            _list("Tasks", "task_alt", "statehub", "task"),
            _list("Workstreams", "account_tree", "statehub", "workstream"),
            _list("Repos", "folder_data", "statehub", "repo"),
            _list("Checkouts", "computer", "statehub", "checkout"),
            _entry("Fleet", "lan", reverse("fleet"), "statehub.view_checkout"),
        ),
        _group(
            "People",
            _list("Users", "person", "auth", "user"),
            _list("Groups", "group", "auth", "group"),
            _list("API tokens", "key", "web", "apitoken"),
        ),
    ]


def tabs(_request: HttpRequest) -> list[dict[str, Any]]:
    """Return the tabs of the list of findings: filters that users need most."""
    tabs: dict[str, dict[str, str]] = {
        "All": {},
        "Open": {"state": "open"},
        "C-13 hub ahead": {"code": HUB_AHEAD},
        "C-14 held back": {"code": BEHIND},
        "Unverified": {"state": "unverified"},
    }
    items = [
        {"title": title, "link": listing("consistency_finding", **filters), "active": _is_active(filters)}
        for title, filters in tabs.items()
    ]
    return [{"models": ["consistency.finding"], "items": items}]


def _is_active(filters: dict[str, str]) -> Callable[[HttpRequest], bool]:
    return lambda request: all(request.GET.get(name, "") == filters.get(name, "") for name in ("code", "state"))


def _group(title: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "separator": True, "items": list(items)}


def _list(title: str, icon: str, app: str, model: str) -> dict[str, Any]:
    return _entry(title, icon, listing(f"{app}_{model}"), f"{app}.view_{model}")


def _entry(title: str, icon: str, url: str, permission: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": url,
        "permission": lambda request: request.user.has_perm(permission),
    }
