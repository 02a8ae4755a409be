"""The report for people: sections of checkouts, remedies, totals; in colour on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from consistency.core.codes import SEVERITIES, collect_remedies
from consistency.core.finding import Action, Finding
from consistency.reports.outcome import CheckoutOutcome, Report
from consistency.reports.phrases import count
from consistency.reports.section import is_quiet, section, where
from consistency.reports.segment import SEVERITY_STYLES, Line, Segment, Stream, Style, line, write_lines

_HELD = (("skipped", "skipped"), ("error", "with an error"))


def render_text(report: Report, *, verbosity: int = 1) -> list[Line]:
    """Return *report* as lines of segments, safe for a terminal.

    *verbosity* is as Django's: 0 one line for each finding at WARN or above that is left and that the last run did not
    have, 1 sections, 2 and above with run, HEAD and the values of each finding. At 0 an error of a run has no line: it
    goes to stderr.
    """
    if verbosity < 1:
        return [_one_line(repo, finding) for repo in report.repos for finding in repo.news]
    return [*_sections(report, verbosity), *_remedies(report), (), _totals(report)]


def write_text(report: Report, stream: Stream, *, colour: bool, verbosity: int = 1) -> None:
    """Write `render_text` to *stream*, with the terminal's colours if *colour* says so."""
    write_lines(render_text(report, verbosity=verbosity), stream, colour=colour)


def _sections(report: Report, verbosity: int) -> Iterator[Line]:
    if not report.repos:
        yield line(f"no checkout to check on host {report.host}")
    crowded = False
    for place, repo in enumerate(report.repos):
        # One-line sections follow each other directly; others have an empty line around them.
        was_crowded, crowded = crowded, not is_quiet(repo)
        if place and (crowded or was_crowded):
            yield ()
        yield from section(repo, report, verbosity=verbosity)


def _remedies(report: Report) -> Iterator[Line]:
    """Return each remedy once, for the codes of the findings that are left."""
    remedies = collect_remedies(
        (finding.code, repo.writeback, finding.task) for repo in report.repos for finding in repo.left
    )
    if remedies:
        yield ()
        yield line(Segment("What to do", Style.STRONG))
    for code, remedy in remedies.items():
        yield line(f"  {code}  {remedy}")


def _totals(report: Report) -> Line:
    outcomes = [repo.outcome for repo in report.repos]
    held = [f"{outcomes.count(name)} {word}" for name, word in _HELD if name in outcomes]
    parts: list[Segment | str] = [count(len(report.repos), "repo"), f" ({', '.join(held)})" if held else "", ": "]
    for severity in reversed(SEVERITIES):
        number = report.count(severity)
        parts += [Segment(f"{number} {severity}", SEVERITY_STYLES[severity] if number else Style.PLAIN), ", "]
    fixed = sum(finding.is_fixed for repo in report.repos for finding in repo.findings)
    parts.append(Segment(f"{fixed} fixed", Style.GOOD if fixed else Style.PLAIN))
    return line(*parts, " (dry run: nothing was written)" if report.dry_run else "")


def _one_line(repo: CheckoutOutcome, finding: Finding) -> Line:
    place = f"{where(finding)}: " if where(finding) else ""
    action = "" if finding.action is Action.NONE else f" [{finding.action.replace('_', ' ')}]"
    severity = Segment(finding.severity, SEVERITY_STYLES[finding.severity])
    return line(f"{repo.slug}: {place}", severity, f" {finding.code} {finding.message}{action}")
