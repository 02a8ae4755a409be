"""The generated workplans: the same for a seed, of the right size, read alike by independent parsers."""

from collections import Counter
from statistics import mean

import pytest
import yaml
from markdown_it import MarkdownIt

from bench.generate import Workplan, render, with_statuses, workplan, workplans
from bench.rival import FRONT_MATTER, TASK
from consistency.core.workplan import model
from consistency.core.workplan.parse import parse_workplan

SEED = 26


@pytest.fixture(scope="module")
def plans() -> list[Workplan]:
    return workplans(SEED, range(200))


def test_workplan_same_seed_is_the_same_file() -> None:
    assert workplan(SEED, 7) == workplan(SEED, 7)
    assert render(workplan(SEED, 7)) == render(workplan(SEED, 7))


def test_workplan_other_seed_is_another_file() -> None:
    assert render(workplan(SEED, 7)) != render(workplan(SEED + 1, 7))


def test_render_size_is_about_eight_kilobytes(plans: list[Workplan]) -> None:
    sizes = [len(render(plan)) for plan in plans]
    assert mean(sizes) == pytest.approx(8300, abs=300)
    assert min(sizes) > 7500
    assert max(sizes) < 9500


def test_render_every_file_says_what_was_planned(plans: list[Workplan]) -> None:
    for plan in plans:
        front, tasks = independent_reading(render(plan))
        uuid = {"state_hub_workstream_id": str(plan.uuid)} if plan.uuid else {}
        assert front.items() >= {"id": plan.key, "type": "workplan", "status": plan.status, **uuid}.items()
        assert tasks == [planned(plan, place) for place in range(20)]


def test_render_every_style_is_there(plans: list[Workplan]) -> None:
    tasks = [task for plan in plans for task in plan.tasks]
    assert set(Counter(task.fence for task in tasks)) == {"backticks", "tildes", "long", "list item", "info words"}
    assert set(Counter(task.style for task in tasks)) == {"plain", "double", "single", "comment"}
    assert {task.flow for task in tasks} == {True, False}
    assert {task.title_in_block for task in tasks} == {True, False}
    assert 0.4 < mean(task.uuid is not None for task in tasks) < 0.6
    assert 0.05 < mean(plan.crlf for plan in plans) < 0.2
    assert any(plan.bom for plan in plans)


def test_render_other_fences_are_there(plans: list[Workplan]) -> None:
    text = "\n".join(render(plan).decode().replace("\r\n", "\n") for plan in plans)
    for opening in ("```python", "~~~bash", "````markdown\n```task", "> ```task", "<!--\n```task"):
        assert text.count(opening) > 50


def test_keys_and_uuids_are_unique(plans: list[Workplan]) -> None:
    tasks = [task for plan in plans for task in plan.tasks]
    uuids = [plan.uuid for plan in plans if plan.uuid] + [task.uuid for task in tasks if task.uuid]
    assert len({task.key for task in tasks}) == 4000
    assert len(set(uuids)) == len(uuids)


def test_with_statuses_changes_those_values_alone(plans: list[Workplan]) -> None:
    for plan in plans[:20]:
        moved = with_statuses(plan, {3: "cancelled", 11: "in_progress"})
        before, after = render(plan).splitlines(), render(moved).splitlines()
        changed = [n for n, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        _, tasks = independent_reading(render(moved))
        assert len(changed) <= 2
        assert tasks == [planned(moved, place) for place in range(20)]


def test_render_plain_file_is_read_alike_by_all() -> None:
    for plan in workplans(SEED, range(40), plain=True):
        content = render(plan)
        said = [(task.key, task.status, task.priority) for task in plan.tasks]
        front, tasks = independent_reading(content)
        assert (front["id"], tasks) == (plan.key, [planned(plan, place) for place in range(20)])
        assert TASK.findall(content.decode()) == said
        assert FRONT_MATTER.match(content.decode())
        parsed = parse_workplan(plan.path, content)
        assert isinstance(parsed, model.Workplan)
        assert [(block.key, block.status, block.priority) for block in parsed.blocks] == said
        assert [block.title for block in parsed.blocks] == [task.title for task in plan.tasks]


def test_render_plain_file_says_the_same_of_tasks_and_is_as_large(plans: list[Workplan]) -> None:
    plain = workplans(SEED, range(200), plain=True)
    for one, other in zip(plain, plans, strict=True):
        assert [(task.key, task.title, task.status) for task in one.tasks] == [
            (task.key, task.title, task.status) for task in other.tasks
        ]
    contents = [render(plan) for plan in plain]
    assert mean(map(len, contents)) == pytest.approx(8300, abs=300)
    assert not any(b"\r" in content or content.startswith(b"\xef\xbb\xbf") for content in contents)


def planned(plan: Workplan, place: int) -> dict[str, str]:
    """Return the expected fields of this task's block."""
    task = plan.tasks[place]
    said = {"id": task.key, "status": task.status, "priority": task.priority}
    said |= {"title": task.title if task.title_in_block else None}
    said |= {"state_hub_task_id": str(task.uuid) if task.uuid else None}
    return {name: value for name, value in said.items() if value is not None}


def independent_reading(content: bytes) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Return front matter and task blocks as markdown-it and PyYAML's own loader see them."""
    _, front, body = content.decode("utf-8-sig").replace("\r\n", "\n").split("---\n", 2)
    tokens = MarkdownIt("commonmark").parse(body)
    quotes = 0
    tasks = []
    for token in tokens:
        quotes += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        if token.type == "fence" and not quotes and token.info.split()[:1] == ["task"]:
            tasks.append(yaml.safe_load(token.content))
    return yaml.safe_load(front), tasks
