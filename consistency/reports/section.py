"""One checkout's section of the text for people: heading, findings by file, the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

from consistency.core.codes import CODES, Severity
from consistency.core.finding import Action, Finding
from consistency.reports.outcome import CheckoutOutcome, Report
from consistency.reports.phrases import action_of, count, freshness_of
from consistency.reports.segment import SEVERITY_STYLES, Line, Segment, Style, line

CROWD = 20
"""More findings than this with one code and one action are listed in one table, one line each."""

_Kind = tuple[str, Severity, Action]


def is_quiet(repo: CheckoutOutcome) -> bool:
    """Return whether *repo*'s section is the one friendly line."""
    return repo.outcome == "ok" and repo.converged and not repo.findings and not repo.push


def section(repo: CheckoutOutcome, report: Report, *, verbosity: int = 1) -> list[Line]:
    """Return the lines of *repo*, without blank lines around them; one line if files and hub agree."""
    heading = _heading(repo, report, verbosity)
    if is_quiet(repo):
        return [line(*heading, " · ", Segment("files and hub agree", Style.GOOD))]
    return [line(*heading), *_held_back(repo), *_findings(repo.findings, verbosity), *_upshot(repo, report)]


def _heading(repo: CheckoutOutcome, report: Report, verbosity: int) -> list[Segment | str]:
    mode = f"{report.mode}, dry run" if report.dry_run else report.mode
    facts = [repo.path, mode, freshness_of(repo)]
    if verbosity > 1:
        facts += [f"HEAD {repo.head}" if repo.head else "", f"run {repo.run_id}" if repo.run_id else ""]
    return [Segment(repo.slug, Style.STRONG), *(f" · {fact}" for fact in facts if fact)]


def _held_back(repo: CheckoutOutcome) -> Iterator[Line]:
    if repo.outcome == "skipped":
        yield line("  ", Segment("SKIPPED", Style.WARN), "  blocked; nothing was written")
    if repo.outcome == "error":
        reason = repo.error or "the run was aborted"
        if any(repo.error == finding.message for finding in repo.findings):
            reason = "not compared, see below"
        yield line("  ", Segment("ERROR", Style.FAIL), f"  {reason}")


def _findings(findings: tuple[Finding, ...], verbosity: int) -> Iterator[Line]:
    crowds = [kind for kind, number in Counter(map(_kind, findings)).items() if number > CROWD]
    single = sorted((f for f in findings if _kind(f) not in crowds), key=lambda f: (f.file or "", f.line or 0))
    for file, group in groupby(single, key=lambda finding: finding.file):
        yield from _of_file(file, list(group), verbosity)
    for kind in sorted(crowds):
        yield from _crowd(kind, [finding for finding in findings if _kind(finding) == kind], verbosity)


def _kind(finding: Finding) -> _Kind:
    return finding.code, finding.severity, finding.action


def _of_file(file: str | None, findings: list[Finding], verbosity: int) -> Iterator[Line]:
    if file:
        yield line("  ", Segment(file, Style.STRONG))
    indent = "    " if file else "  "
    width = max(len(_place(finding)) for finding in findings)
    for finding in findings:
        place = _place(finding).ljust(width) + "  " if width else ""
        label = f"{finding.severity}  {finding.code}  "
        yield line(indent, *_label(finding.code, finding.severity), place, finding.message, *_aside(finding, verbosity))
        if action := action_of(finding):
            yield line(indent, " " * len(label + place), Segment(f"→ {action}", _action_style(finding.action)))


def _crowd(kind: _Kind, findings: list[Finding], verbosity: int) -> Iterator[Line]:
    code, severity, action = kind
    every = "all " if action in (Action.CREATED, Action.WRITTEN_BACK) else ""
    done = Segment(f" → {every}{action.phrase}" if action.phrase else "", _action_style(action))
    yield line("  ", *_label(code, severity), f"{CODES[code].title}: {count(len(findings), 'finding')}", done)
    for finding in sorted(findings, key=lambda finding: (finding.file or "", finding.line or 0)):
        place = Segment(where(finding) and f"{where(finding)}  ", Style.STRONG)
        yield line("    ", place, finding.message, *_aside(finding, verbosity))


def _label(code: str, severity: Severity) -> tuple[Segment, ...]:
    return Segment(severity, SEVERITY_STYLES[severity]), Segment("  "), Segment(f"{code}  ")


def _place(finding: Finding) -> str:
    return "" if finding.line is None else f"line {finding.line}"


def where(finding: Finding) -> str:
    """Return `file:line`, `file` or '', as compilers write it: editors make links of it."""
    return f"{finding.file or ''}:{finding.line}" if finding.line is not None else finding.file or ""


def _aside(finding: Finding, verbosity: int) -> Iterable[Segment]:
    """Return the task's id if the message does not name it; from verbosity 2 on all that is known."""
    details = [finding.task] if finding.task and f"'{finding.task}'" not in finding.message else []
    if verbosity > 1:
        named = (("workplan", finding.workplan), ("hub", finding.db_status), ("file", finding.file_status))
        details += [f"{name} {value}" for name, value in named if value]
    return [Segment(f"  ({', '.join(details)})", Style.FAINT)] if details else []


def _action_style(action: Action) -> Style:
    return Style.WARN if action in (Action.SKIPPED, Action.FAILED) else Style.GOOD


def _upshot(repo: CheckoutOutcome, report: Report) -> Iterator[Line]:
    """Say which commit the run made, and whether the two sides agree now."""
    if repo.writeback_commit:
        number = sum(finding.action is Action.WRITTEN_BACK for finding in repo.findings)
        commit = Segment(repo.writeback_commit[:7], Style.STRONG)
        pushed = {"": "", "ok": ", pushed"}.get(repo.push, ", not pushed")
        yield line("  commit ", commit, f": {count(number, 'task status')} written back{pushed}")
    elif repo.push == "ok":
        yield line("  pushed what an earlier run had committed")
    if repo.outcome != "ok" or report.mode != "fix" or report.dry_run:
        return
    agreed = Segment("files and hub agree now", Style.GOOD)
    yield line("  ", agreed if repo.converged else Segment("some drift is left", Style.WARN))
