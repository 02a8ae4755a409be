from __future__ import annotations

from collections.abc import Callable

from consistency.core.finding import Action, Finding
from consistency.reports.outcome import CheckoutOutcome, Report
from consistency.reports.section import CROWD, is_quiet, section, where
from consistency.reports.segment import Line

MakeReport = Callable[..., Report]


def plain(lines: list[Line]) -> list[str]:
    """The lines as a pipe gets them."""
    return ["".join(part.text for part in line) for line in lines]


def new_tasks(number: int, action: Action) -> tuple[Finding, ...]:
    """C-09 findings in one file, the last line first."""
    return tuple(
        Finding("C-09", f"task 'T{n:02}' is not in the hub", file="w.md", line=n, task=f"T{n:02}")._replace(
            action=action
        )
        for n in range(number, 0, -1)
    )


def test_section_lists_a_crowd_in_a_table_of_one_line_each(
    broken: Finding, checkout: CheckoutOutcome, report_of: MakeReport
) -> None:
    repo = checkout._replace(findings=(*new_tasks(CROWD + 1, Action.CREATED), broken))

    assert plain(section(repo, report_of(repo))) == [
        "net · /srv/net · fix · up to date with its remote",
        "  workplans/x.md",
        "    FAIL  C-05  line 7  unknown status 'dnoe' — did you mean 'done'?",
        "  WARN  C-09  Task is not in the hub: 21 findings → all created in the hub",
        *(f"    w.md:{n}  task 'T{n:02}' is not in the hub" for n in range(1, CROWD + 2)),
        "  files and hub agree now",
    ]


def test_section_of_a_crowd_in_a_check_claims_nothing_done(checkout: CheckoutOutcome, report_of: MakeReport) -> None:
    repo = checkout._replace(converged=False, findings=new_tasks(CROWD + 1, Action.NONE))

    lines = plain(section(repo, report_of(repo, mode="check")))

    assert lines[1] == "  WARN  C-09  Task is not in the hub: 21 findings"
    assert len(lines) == 2 + CROWD + 1


def test_section_below_a_crowd_goes_by_file(checkout: CheckoutOutcome, report_of: MakeReport) -> None:
    repo = checkout._replace(findings=new_tasks(CROWD, Action.CREATED))

    lines = plain(section(repo, report_of(repo)))

    assert lines[1:4] == [
        "  w.md",
        "    WARN  C-09  line 1   task 'T01' is not in the hub",
        "                         → created in the hub",
    ]


def test_section_counts_different_actions_as_different_crowds(checkout: CheckoutOutcome, report_of: MakeReport) -> None:
    findings = (*new_tasks(CROWD, Action.CREATED), *new_tasks(1, Action.FAILED))
    repo = checkout._replace(findings=findings)

    assert plain(section(repo, report_of(repo)))[1] == "  w.md"


def test_section_of_an_error_without_text_says_that_the_run_was_aborted(report_of: MakeReport) -> None:
    repo = CheckoutOutcome("net", "/srv/net", None, "error", converged=False)

    assert plain(section(repo, report_of(repo))) == ["net · /srv/net · fix", "  ERROR  the run was aborted"]


def test_section_of_no_finding_but_drift_does_not_claim_that_both_agree(
    checkout: CheckoutOutcome, report_of: MakeReport
) -> None:
    repo = checkout._replace(converged=False)

    assert not is_quiet(repo)
    assert plain(section(repo, report_of(repo))) == [
        "net · /srv/net · fix · up to date with its remote",
        "  some drift is left",
    ]


def test_where_is_as_compilers_say_it(broken: Finding) -> None:
    assert where(broken) == "workplans/x.md:7"
    assert where(broken._replace(line=None)) == "workplans/x.md"
    assert where(broken._replace(file=None, line=None)) == ""
