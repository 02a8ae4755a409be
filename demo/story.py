"""The incident, step by step: what is typed on which machine, and what has to hold after each step."""

import json
from pathlib import Path

from demo.screen import Screen
from demo.stage import REPO, WORKPLAN, Stage

HERE, REMOTE = "workstation", "remote"
T1, T2, T3 = "ORD-WP-0001-T01", "ORD-WP-0001-T02", "ORD-WP-0001-T03"
PLANNED = {T1: "in_progress", T2: "todo", T3: "todo"}
REPORTED = {T1: "done", T2: "in_progress", T3: "todo"}
TEXT = Path(__file__).with_name("workplan.md").read_bytes()
NOTE = b"\n## Notes\n\nLast year's template was taken.\n"
FIX = ("fix_consistency", "--path", ".")

BEHIND = f"Repo '{REPO}' is behind remote — pull before fixing to avoid clobbering remote progress"
AHEAD = (
    "DB task 'Choose the template' is ahead of file (db=done, file=in_progress) — skipped to prevent regression",
    "DB task 'Send the receipt' is ahead of file (db=in_progress, file=todo) — skipped to prevent regression",
)
WRITTEN_BACK = [
    "-status: in_progress   # since Monday",
    "+status: done   # since Monday",
    '-status: "todo"',
    '+status: "in_progress"',
]


class Story:
    """Plays on a stage, and remembers what did not hold."""

    def __init__(self, stage: Stage, screen: Screen) -> None:
        """Take a stage on which nothing has happened yet."""
        self._stage = stage
        self._screen = screen
        self.broken: list[str] = []

    def play(self) -> None:
        """Play all steps in order; `broken` then names what did not hold. Raises `CommandFailed`."""
        self._begin()
        self._mirror()
        self._report_from_remote()
        self._fix_while_stale()
        self._pull()
        self._fix()
        self._show_writeback()
        self._fix_again()
        self._converge()

    def _begin(self) -> None:
        stage = self._stage
        self._screen.step("Two machines have a clone of one repository, with one workplan. The hub is empty.")
        stage.quietly(HERE, "git", "init", "--quiet", "--bare", str(stage.origin), folder=stage.origin.parent)
        stage.clone(HERE)
        stage.workplan(HERE).parent.mkdir()
        stage.workplan(HERE).write_bytes(TEXT)
        for command in ("add --all", "commit --quiet --message=Plan", "push --quiet --set-upstream origin main"):
            stage.quietly(HERE, "git", *command.split())
        stage.clone(REMOTE)
        stage.migrate(HERE)
        self._screen.note(f"{WORKPLAN} says: {_said(PLANNED)}")

    def _mirror(self) -> None:
        self._screen.step("The workstation's first fix mirrors the workplan into the hub.")
        output = self._stage.manage(HERE, *FIX)
        self._promise("the workplan was new to the hub (C-07)", "C-07" in output)
        self._hub_says(PLANNED, "the hub says what the file says")

    def _report_from_remote(self) -> None:
        self._screen.step("On the remote machine work goes on: two reports to the hub, and a commit, pushed.")
        self._stage.manage(REMOTE, "set_task_status", T1, "done")
        self._stage.manage(REMOTE, "set_task_status", T2, "in_progress")
        path = self._stage.workplan(REMOTE)
        path.write_bytes(path.read_bytes() + NOTE)
        self._stage.git(REMOTE, "commit", "--quiet", "--all", "--message=Note on the template")
        self._stage.git(REMOTE, "push", "--quiet")
        self._hub_says(REPORTED)

    def _fix_while_stale(self) -> None:
        self._screen.step("The workstation has not pulled: its file still says the old statuses. It runs a fix.")
        before = self._here()
        output = self._stage.manage(HERE, *FIX)
        self._promise("the run was held back (C-14)", "C-14" in output and BEHIND in output)
        self._promise("no file and no commit was touched", self._here() == before)
        self._hub_says(REPORTED, "nothing regressed")

    def _pull(self) -> None:
        self._screen.step("It pulls. The note has come; the statuses in the file are the old ones still.")
        self._stage.git(HERE, "pull", "--quiet")
        self._promise("the file is the remote's", self._stage.workplan(HERE).read_bytes() == TEXT + NOTE)

    def _fix(self) -> None:
        self._screen.step("The next fix finds the hub ahead, keeps it, and brings its statuses into the file.")
        output = self._stage.manage(HERE, *FIX)
        self._promise(
            "the hub was ahead for two tasks (C-13)", "C-13" in output and all(text in output for text in AHEAD)
        )
        self._hub_says(REPORTED, "nothing regressed")

    def _show_writeback(self) -> None:
        self._screen.step("What it wrote is one commit: two values, every other byte as it was.")
        shown = self._stage.git(HERE, "show", "--unified=0", "HEAD").splitlines()
        changed = [line for line in shown if line.startswith(("+", "-")) and not line.startswith(("+++", "---"))]
        self._promise("two values changed, their comment and quotes were kept", changed == WRITTEN_BACK)
        parent = self._stage.quietly(HERE, "git", "rev-parse", "HEAD~1", "origin/main").split()
        self._promise("one commit on top of what was pulled", parent[0] == parent[1])

    def _fix_again(self) -> None:
        self._screen.step("Another fix has nothing to do.")
        before = self._here()
        self._stage.manage(HERE, *FIX)
        report = json.loads(self._stage.manage_quietly(HERE, "check_consistency", "--path", ".", "--format", "json"))
        self._promise("no commit, no change", self._here() == before)
        self._promise("file and hub agree", report["repos"][0]["converged"] and not report["repos"][0]["findings"])

    def _converge(self) -> None:
        self._screen.step("The remote machine, on the same parent, runs a fix of its own: it makes the same commit.")
        self._stage.manage(REMOTE, *FIX)
        here, there = self._stage.head(HERE), self._stage.head(REMOTE)
        self._screen.note(f"{HERE} is at {here[:12]}, {REMOTE} is at {there[:12]}")
        self._promise("nothing has diverged", here == there)
        self._hub_says(REPORTED)

    def _here(self) -> tuple[str, bytes, str]:
        """Return all that a run could change in the workstation's clone: commit, file, and state of the work tree."""
        status = self._stage.quietly(HERE, "git", "status", "--porcelain")
        return self._stage.head(HERE), self._stage.workplan(HERE).read_bytes(), status

    def _hub_says(self, expected: dict[str, str], promise: str = "the hub says what was last reported") -> None:
        statuses = self._stage.hub_statuses()
        self._screen.note(f"the hub says: {_said(statuses)}")
        self._promise(promise, statuses == expected)

    def _promise(self, text: str, kept: bool) -> None:
        self._screen.promise(text, kept)
        if not kept:
            self.broken.append(text)


def _said(statuses: dict[str, str]) -> str:
    return ", ".join(f"{key[-3:]} {status}" for key, status in statuses.items())
