"""The configuration of coding assistants that connects them to the hub; it never has a token.

HTTP configurations name the environment variable with the token, so that a repository can share the file.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from collections.abc import Callable
from typing import Any, NamedTuple

from django.conf import settings

from consistency.cli.repo_files import RepoFileError, errors_of, locate_file, read_file, write_file
from consistency.git.lock import locked
from consistency.git.worktree import WorkTree

SERVER_NAME = "state-hub"
TOKEN_VARIABLE = "STATEHUB_TOKEN"  # noqa: S105 - the name of the variable, not the token

Entry = dict[str, Any]


class Assistant(NamedTuple):
    """An assistant: its file in a repository, and how that names a server at an address."""

    file: str
    http: Callable[[str], Entry]
    change: Callable[[str, Entry], str]


def _bearer(reference: str) -> Callable[[str], Entry]:
    """Return entries whose header has the token of the environment; *reference* is how the file names a variable."""
    return lambda url: {"url": url, "headers": {"Authorization": f"Bearer {reference}"}}


def _claude(url: str) -> Entry:
    return {"type": "http", **_bearer(f"${{{TOKEN_VARIABLE}}}")(url)}


def _codex(url: str) -> Entry:
    return {"url": url, "bearer_token_env_var": TOKEN_VARIABLE}


def make_stdio_entry() -> Entry:
    """Return the entry of a server that the assistant starts on this machine."""
    return {"command": sys.executable, "args": [os.path.join(settings.BASE_DIR, "manage.py"), "mcp"]}


def render_configuration(assistant: Assistant, entry: Entry) -> str:
    """Return the whole file of *assistant* with *entry* alone."""
    return assistant.change("", entry)


def write_configuration(assistant: Assistant, entry: Entry, tree: WorkTree) -> str:
    """Put *entry* into the file of *assistant* in *tree*; return one sentence on it.

    All else in the file stays. Raises RepoFileError, and nothing is written then.
    """
    folder, _, _ = assistant.file.rpartition("/")
    if folder:
        with errors_of(folder):
            os.makedirs(os.path.join(tree.top, folder), exist_ok=True)
    full, path = locate_file(tree, assistant.file)
    with errors_of(path), locked(tree):
        old = read_file(full, path)
        try:
            text = (old or b"").decode()
        except UnicodeDecodeError as error:
            raise RepoFileError(f"{path} is not UTF-8") from error
        try:
            new = assistant.change(text, entry).encode()
        except ValueError as error:
            raise RepoFileError(f"{path}: {error}") from error
        if new == old:
            return f"{path}: the server {SERVER_NAME} is up to date"
        write_file(full, old, new)
    return f"{path}: {'created with' if old is None else 'it now has'} the server {SERVER_NAME}"


def _change_json(text: str, entry: Entry) -> str:
    """Return the JSON *text* with *entry* among its servers. Raises ValueError."""
    try:
        document = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not valid JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.setdefault("mcpServers", {}), dict):
        raise ValueError("its mcpServers is not an object")
    if document["mcpServers"].get(SERVER_NAME) == entry:
        return text
    document["mcpServers"][SERVER_NAME] = entry
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


_TABLE = re.compile(rf"^\[mcp_servers\.{SERVER_NAME}\]\n(?:(?!\[).*(?:\n|\Z))*", re.MULTILINE)


def _change_toml(text: str, entry: Entry) -> str:
    """Return the TOML *text* with *entry* as the table of the server. Raises ValueError."""
    values = "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in entry.items())
    table = f"[mcp_servers.{SERVER_NAME}]\n{values}"
    try:
        wanted = tomllib.loads(text)
        if wanted.get("mcp_servers", {}).get(SERVER_NAME) == entry:
            return text
        wanted.setdefault("mcp_servers", {})[SERVER_NAME] = entry
    except (tomllib.TOMLDecodeError, AttributeError, TypeError) as error:
        raise ValueError(f"not valid TOML: {error}") from error
    if found := _TABLE.search(text):
        following = text[found.end() :]
        changed = text[: found.start()] + table + (f"\n{following}" if following else "")
    else:
        changed = (f"{text.rstrip()}\n\n" if text.strip() else "") + table
    try:
        if tomllib.loads(changed) == wanted:
            return changed
    except tomllib.TOMLDecodeError:
        pass
    raise ValueError(f"it names the server {SERVER_NAME} in another way; change it there by hand")


ASSISTANTS = {
    "claude": Assistant(".mcp.json", _claude, _change_json),
    "codex": Assistant(".codex/config.toml", _codex, _change_toml),
    "cursor": Assistant(".cursor/mcp.json", _bearer(f"${{env:{TOKEN_VARIABLE}}}"), _change_json),
}
