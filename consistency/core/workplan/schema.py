"""Describes front matter and task blocks as a JSON Schema, from what the parser itself allows.

Editors and other programs read it (docs/workplan-schema.json). All values are text, as YAML's scalars are read.
"""

from __future__ import annotations

from typing import Any

from consistency.core.workplan.model import Mirrored
from consistency.core.workplan.taskblock import MAX_DEPENDS
from consistency.core.workplan.validation import MAX_ID
from statehub.statuses import DEFAULT_PRIORITY, PRIORITIES, TASK_STATUSES, WORKSTREAM_STATUSES

_UUID = {"type": "string", "pattern": "^(?:[ \\t\\r\\n]*|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$"}
_TEXT = {"type": "string"}
_BLANK = {"type": "string", "pattern": r"^[ \t\r\n]*$"}
_NOT_BLANK = {"type": "string", "pattern": r"\S"}
_DEPENDS = {"type": "string", "pattern": "^[^,]*$", "maxLength": MAX_ID}
_ID = {**_NOT_BLANK, "maxLength": MAX_ID}


def json_schema() -> dict[str, Any]:
    """Return the schema (JSON Schema, 2020-12): `front_matter` and `task` are its definitions."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "State Hub workplan",
        "description": "The front matter of a workplan, and the task blocks in it.",
        "$ref": "#/$defs/front_matter",
        "$defs": {
            "front_matter": {
                "type": "object",
                "required": ["type", "id", "title", "status"],
                "properties": {
                    "type": {"const": "workplan"},
                    "id": _ID,
                    "status": {"enum": list(WORKSTREAM_STATUSES)},
                    **{name: _NOT_BLANK if name == "title" else _TEXT for name in Mirrored._fields},
                    "state_hub_workstream_id": _UUID,
                },
            },
            "task": {
                "type": "object",
                "required": ["id", "status"],
                "properties": {
                    "id": _ID,
                    "status": {"enum": list(TASK_STATUSES)},
                    "priority": {"anyOf": [{"enum": list(PRIORITIES)}, _BLANK], "default": DEFAULT_PRIORITY},
                    "title": _TEXT,
                    "owner": _TEXT,
                    "depends": {
                        "description": "Ids of tasks that must be finished before it: ID, or SLUG/ID of another repo.",
                        "anyOf": [_DEPENDS, {"type": "array", "items": _DEPENDS, "maxItems": MAX_DEPENDS}],
                    },
                    "state_hub_task_id": _UUID,
                },
            },
        },
    }
