"""The JSON Schema of front matter and task block, beside the parser."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consistency.core.workplan.model import Workplan
from consistency.core.workplan.parse import parse_workplan
from consistency.core.workplan.schema import json_schema
from consistency.core.workplan.yaml_mapping import read_mapping
from statehub.statuses import PRIORITIES, TASK_STATUSES, WORKSTREAM_STATUSES

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json_schema()
UUID = "0b7f1f6e-6f43-4f0e-9a3f-2f1c7f1a9b11"
WORDS = st.one_of(
    st.sampled_from(["", " ", "x", "WP-1", "a b", UUID, UUID.upper(), "x" * 200, "x" * 201, "ä", "workplan"]),
    st.sampled_from([*WORKSTREAM_STATUSES, *PRIORITIES, "Done", "open", "doing"]),
)
FRONT = st.fixed_dictionaries(
    {"type": st.just("workplan")},
    optional=dict.fromkeys(
        ("id", "title", "status", "owner", "created", "domain", "other", "state_hub_workstream_id"), WORDS
    ),
)
BLOCK = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("id", "status", "priority", "title", "state_hub_task_id", "other"), WORDS)
)


def is_valid(definition: str, values: dict[str, str]) -> bool:
    schema = {"$ref": f"#/$defs/{definition}", "$defs": SCHEMA["$defs"]}
    return jsonschema.Draft202012Validator(schema).is_valid(values)


def as_yaml(values: dict[str, str]) -> str:
    return "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in values.items())


def parse(front: dict[str, str], block: dict[str, str] | None = None) -> Workplan | None:
    fence = f"```task\n{as_yaml(block)}```\n" if block is not None else ""
    parsed = parse_workplan("a.md", f"---\n{as_yaml(front)}---\n{fence}".encode())
    return parsed if isinstance(parsed, Workplan) else None


def test_file_is_the_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert (ROOT / "docs/workplan-schema.json").read_text("utf-8") == json.dumps(SCHEMA, indent=2) + "\n"


@given(FRONT)
def test_front_matter(front: dict[str, str]) -> None:
    assert is_valid("front_matter", front) == (parse(front) is not None)


@given(BLOCK)
@example({"id": "x", "status": "todo", "priority": ""})
@example({"id": "x", "status": "todo", "priority": " ", "title": "", "state_hub_task_id": " "})
def test_task_block(block: dict[str, str]) -> None:
    plan = parse({"type": "workplan", "id": "WP", "title": "t", "status": "todo"}, block)
    assert plan is not None
    assert is_valid("task", block) == bool(plan.blocks)


@pytest.mark.parametrize("path", sorted((ROOT / "workplans").glob("*.md")), ids=lambda path: path.stem)
def test_own_workplans(path: Path) -> None:
    front = read_mapping(path.read_text("utf-8").split("---\n")[1], ())
    assert is_valid("front_matter", {name: value.text or "" for name, value in front.values.items()})


def test_statuses_and_priorities() -> None:
    task = SCHEMA["$defs"]["task"]["properties"]
    assert (task["status"]["enum"], task["priority"]["anyOf"][0]["enum"]) == (list(TASK_STATUSES), list(PRIORITIES))
