from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLAIN = """
import io, sys
from datetime import datetime, UTC
from consistency.core.finding import Finding
from consistency.reports.json_report import render_json
from consistency.reports.outcome import CheckoutOutcome, Report
from consistency.reports.progress import progress
from consistency.reports.sarif_report import render_sarif
from consistency.reports.text_report import write_text

now = datetime.now(UTC)
finding = Finding("C-13", "ahead", file="x.md", line=1)
report = Report("check", "h", now, now, (CheckoutOutcome("s", "/s", None, "ok", False, findings=(finding,)),))
write_text(report, io.StringIO(), colour=False)
render_json(report), render_sarif(report)
with progress(3, io.StringIO()) as bar:
    bar.advance("one")
print(sorted({name.partition(".")[0] for name in sys.modules} & {"rich", "django", "git"}))
"""


def test_plain_reports_load_neither_rich_nor_django_nor_git() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PLAIN],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )

    assert (done.stdout, done.stderr) == ("[]\n", "")
