"""Finds the faults of workplans that need no hub to be seen, and statuses that go back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import uuid4

from consistency.core.codes import CODES, FIELD_DIFFERS, HUB_AHEAD, UNREADABLE_FILE, Kind
from consistency.core.comparison.dependencies import Graph, check_dependencies
from consistency.core.comparison.snapshot import FileSnapshot, HubSnapshot, ParsedWorkplan
from consistency.core.comparison.workplans import compare
from consistency.core.finding import Finding
from consistency.core.workplan.model import Problem, Unreadable, Workplan
from consistency.core.workplan.parse import parse_workplan
from consistency.git.files import ReadFile
from statehub.statuses import is_regress


def check_files(files: Iterable[ReadFile], *, is_all: bool = True) -> list[Finding]:
    """Return the faults of the workplans among *files*, in the order of files and lines.

    They are compared with an empty hub; new workplans are not a fault. *is_all* says that these are all workplans of
    the repo.
    """
    parsed = [_parse(file) for file in files]
    known = tuple(ParsedWorkplan(each) for each in parsed if isinstance(each, Workplan))
    unreadable = tuple(each for each in parsed if isinstance(each, Unreadable))
    compared = compare(FileSnapshot(known=known, unreadable=unreadable), HubSnapshot(), lambda: str(uuid4()))
    found = [drift.finding for drift in compared.drifts if _is_fault(drift.finding)]
    found += _check_dependencies(
        [item.workplan for item in known if item.workplan.path in compared.workstreams], is_all
    )
    return in_order(found)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return *findings* in the order of files and lines."""
    return sorted(findings, key=lambda each: (each.file or "", each.line or 0, each.code))


def _check_dependencies(plans: Sequence[Workplan], is_all: bool) -> list[Finding]:
    """Return C-28: circles, and unknown ids if these are all workplans; SLUG/ID may be in another repo."""
    blocks = {("", block.key): block.depends for plan in plans for block in plan.blocks}
    graph = Graph(blocks.keys(), {node: names for node, names in blocks.items() if names})
    return check_dependencies("", plans, graph, lambda name: is_all and "/" not in name)


def check_statuses(old: Sequence[Sequence[ReadFile]], new: Iterable[ReadFile]) -> list[Finding]:
    """Return a finding for each task of the files *new* with a status of a lower rank than before.

    *old* has the files as each parent of the change has them, the checked-out commit first: a status that another
    parent has was decided there.
    """
    before = [_statuses(files) for files in old]
    findings = []
    for file in new:
        parsed = _parse(file)
        if not isinstance(parsed, Workplan):
            continue
        for block in parsed.blocks:
            last, *merged = [statuses.get(block.key) for statuses in before]
            if last is None or not is_regress(last, block.status) or block.status in merged:
                continue
            message = (
                f"task '{block.title}' goes back from {last} to {block.status}, which the hub would undo; to do it on "
                f"purpose, reopen it in the hub (reopen_task {block.key} {block.status} --reason …): the file follows"
            )
            place = (file.path, block.line)
            findings.append(Finding(HUB_AHEAD, message, *place, parsed.key, block.key, last, block.status))
    return findings


def _parse(file: ReadFile) -> Workplan | Unreadable | None:
    if file.data is None:
        return Unreadable(file.path, (Problem(UNREADABLE_FILE, file.fault),))
    return parse_workplan(file.path, file.data)


def _is_fault(finding: Finding) -> bool:
    # Without rows, a field that differs is a value of which YAML takes a part for a comment.
    return finding.code == FIELD_DIFFERS or CODES[finding.code].kind is Kind.FAULT


def _statuses(files: Iterable[ReadFile]) -> Mapping[str, str]:
    """Return the status of each task in *files* by its id."""
    plans = [each for file in files if isinstance(each := _parse(file), Workplan)]
    return {block.key: block.status for plan in plans for block in plan.blocks}
