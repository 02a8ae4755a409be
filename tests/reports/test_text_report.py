from __future__ import annotations

import io
from collections.abc import Callable

from consistency.core.codes import Severity
from consistency.core.finding import Action, Finding
from consistency.reports.outcome import CheckoutOutcome, Report
from consistency.reports.segment import Segment, Style
from consistency.reports.text_report import render_text, write_text

MakeReport = Callable[..., Report]


def written(report: Report, *, verbosity: int = 1) -> str:
    """Return the text that a pipe gets."""
    stream = io.StringIO()
    write_text(report, stream, colour=False, verbosity=verbosity)
    return stream.getvalue()


WHOLE = """\
net · /srv/net · fix · up to date with its remote · files and hub agree
web · /srv/web · fix · remote not fetched, 2 commits ahead of what is known of it · files and hub agree

busy · /srv/net · fix · up to date with its remote
  WARN  C-08  workstream 'W-3' has no workplan
  workplans/x.md
    FAIL  C-05  line 7   unknown status 'dnoe' — did you mean 'done'?
    WARN  C-13  line 12  DB task 'Sender' is ahead of file (db=done, file=todo) — skipped to prevent regression  (W-T01)
                         → written back into the file: it now says done
  commit 77aa123: 1 task status written back
  some drift is left

old · /srv/old · fix · 3 commits behind its remote
  SKIPPED  blocked; nothing was written
  WARN  C-14  Repo 'old' is behind remote — pull before fixing to avoid clobbering remote progress

gone · /srv/gone · fix
  ERROR  not compared, see below
  FAIL  C-01  no such folder: /srv/gone

last · /srv/net · fix · no upstream · files and hub agree

What to do
  C-01  Clone the repo there again, register its new place (register_repo PATH), or retire it (retire_checkout PATH).
  C-05  Fix the block on the line named; the file's other blocks are still processed.
  C-08  Put the file back (git log -- FILE finds its last commit). If its work is over, set the tasks that are open to \
done or cancelled: then C-27 says so once.
  C-14  Pull (git pull --ff-only), or commit the workplan, then run the fix again.

6 repos (1 skipped, 1 with an error): 2 FAIL, 3 WARN, 0 INFO, 1 fixed
"""


def test_text_of_a_mixed_run_is_whole(mixed: Report) -> None:
    assert written(mixed) == WHOLE


def test_text_of_a_check_says_what_would_help(ahead: Finding, checkout: CheckoutOutcome, report_of: MakeReport) -> None:
    repo = checkout._replace(converged=False, findings=(ahead._replace(action=Action.NONE),))

    expected = """\
net · /srv/net · check · up to date with its remote
  workplans/x.md
    WARN  C-13  line 12  DB task 'Sender' is ahead of file (db=done, file=todo) — skipped to prevent regression  (W-T01)

What to do
  C-13  Run fix_consistency: it writes the hub's status into the file; the hub stays as it is.

1 repo: 0 FAIL, 1 WARN, 0 INFO, 0 fixed
"""

    assert written(report_of(repo, mode="check")) == expected


def test_text_of_a_repo_whose_files_are_not_written_has_another_remedy(
    ahead: Finding, checkout: CheckoutOutcome, report_of: MakeReport
) -> None:
    repo = checkout._replace(converged=False, findings=(ahead._replace(action=Action.SKIPPED),), writeback="off")

    remedies = [line for line in written(report_of(repo)).splitlines() if line.startswith("  C-13  ")]

    assert remedies == [
        "  C-13  With the writeback 'off', the hub writes no file: set the status in the file to the hub's, or the "
        "hub's to that of the file (set_task_status, reopen_task)."
    ]


def test_text_of_a_fix_that_fixed_all_has_nothing_to_do(
    ahead: Finding, checkout: CheckoutOutcome, report_of: MakeReport
) -> None:
    expected = """\
net · /srv/net · fix · up to date with its remote
  workplans/x.md
    WARN  C-13  line 12  DB task 'Sender' is ahead of file (db=done, file=todo) — skipped to prevent regression  (W-T01)
                         → written back into the file: it now says done
  commit 77aa123: 1 task status written back
  files and hub agree now

1 repo: 0 FAIL, 1 WARN, 0 INFO, 1 fixed
"""

    assert written(report_of(checkout._replace(findings=(ahead,), writeback_commit="77aa12345678"))) == expected


def test_text_of_a_dry_run_says_that_nothing_was_written(
    ahead: Finding, checkout: CheckoutOutcome, report_of: MakeReport
) -> None:
    repo = checkout._replace(converged=False, findings=(ahead._replace(action=Action.NONE),))

    text = written(report_of(repo, dry_run=True))

    assert text.startswith("net · /srv/net · fix, dry run · up to date with its remote\n")
    assert text.endswith("\n1 repo: 0 FAIL, 1 WARN, 0 INFO, 0 fixed (dry run: nothing was written)\n")


def test_text_of_no_checkout_says_so(report_of: MakeReport) -> None:
    expected = """\
no checkout to check on host node-a

0 repos: 0 FAIL, 0 WARN, 0 INFO, 0 fixed
"""

    assert written(report_of()) == expected


def test_text_from_verbosity_2_on_tells_run_head_and_values(
    ahead: Finding, checkout: CheckoutOutcome, report_of: MakeReport
) -> None:
    text = written(report_of(checkout._replace(findings=(ahead,))), verbosity=2)

    assert text.splitlines()[:3] == [
        "net · /srv/net · fix · up to date with its remote · HEAD 3f9c2ab4d1e0 · run r1",
        "  workplans/x.md",
        "    WARN  C-13  line 12  DB task 'Sender' is ahead of file (db=done, file=todo) — skipped to prevent "
        "regression  (W-T01, workplan W, hub done, file todo)",
    ]


def test_brief_text_is_one_line_for_each_finding_that_is_left(mixed: Report) -> None:
    expected = """\
busy: workplans/x.md:7: FAIL C-05 unknown status 'dnoe' — did you mean 'done'?
busy: WARN C-08 workstream 'W-3' has no workplan
old: WARN C-14 Repo 'old' is behind remote — pull before fixing to avoid clobbering remote progress [skipped]
gone: FAIL C-01 no such folder: /srv/gone
"""

    assert written(mixed, verbosity=0) == expected


def test_brief_text_says_nothing_of_what_the_last_run_had(broken: Finding, mixed: Report) -> None:
    known = frozenset({broken.dedup_key, Finding("C-08", "in other words", workplan="W-3").dedup_key})
    expected = """\
old: WARN C-14 Repo 'old' is behind remote — pull before fixing to avoid clobbering remote progress [skipped]
gone: FAIL C-01 no such folder: /srv/gone
"""

    assert (
        written(mixed._replace(repos=tuple(repo._replace(known=known) for repo in mixed.repos)), verbosity=0)
        == expected
    )


def test_brief_text_leaves_errors_to_stderr(report_of: MakeReport) -> None:
    broken = CheckoutOutcome("net", "/srv/net", None, "error", False, error="git went away")

    assert written(report_of(broken), verbosity=0) == ""


def test_brief_text_has_no_information_beside_trouble(
    broken: Finding, checkout: CheckoutOutcome, report_of: MakeReport
) -> None:
    note = Finding("C-14", "Repo 'net' is behind remote")._replace(other_severity=Severity.INFO)

    assert written(report_of(checkout._replace(findings=(note, broken)), mode="check"), verbosity=0) == (
        "net: workplans/x.md:7: FAIL C-05 unknown status 'dnoe' — did you mean 'done'?\n"
    )


def test_brief_text_without_trouble_is_nothing_at_all(checkout: CheckoutOutcome, report_of: MakeReport) -> None:
    behind = Finding("C-14", "Repo 'net' is behind remote")._replace(other_severity=Severity.INFO)

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            raise AssertionError(f"wrote {text!r}")  # Not even '': a stream that ends each text with a line end.

    write_text(report_of(checkout._replace(findings=(behind,)), mode="check"), Stream(), colour=False, verbosity=0)


def test_segments_carry_text_and_style(checkout: CheckoutOutcome, report_of: MakeReport) -> None:
    assert render_text(report_of(checkout)) == [
        (
            Segment("net", Style.STRONG),
            Segment(" · /srv/net"),
            Segment(" · fix"),
            Segment(" · up to date with its remote"),
            Segment(" · "),
            Segment("files and hub agree", Style.GOOD),
        ),
        (),
        (
            Segment("1 repo"),
            Segment(": "),
            Segment("0 FAIL"),
            Segment(", "),
            Segment("0 WARN"),
            Segment(", "),
            Segment("0 INFO"),
            Segment(", "),
            Segment("0 fixed"),
        ),
    ]
