"""What may come next: Hypothesis chooses the steps, the world plays them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from simulation.workplan import STATUSES
from simulation.world import HOSTS, PLANS, Folder, World

hosts = st.sampled_from([HOSTS[0], HOSTS[0], HOSTS[1], HOSTS[1], HOSTS[2]])
tasks = st.sampled_from([task for listed in PLANS.values() for task in listed[:2]])
plans = st.sampled_from(list(PLANS))
statuses = st.sampled_from(STATUSES)
plan_statuses = st.sampled_from(("draft", "active", "done"))
hours = st.sampled_from((-50, -5, -1, 1, 5, 50))
fixes = st.sampled_from(("", "", " nowrite", " nofetch", " pull", " pull", " push", " pull push", " pull push", " missing"))
moments = st.integers(1, 70)


def steps(*parts: str | st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Lines made of *parts*, with a blank between them."""
    strategies = [st.just(part) if isinstance(part, str) else part for part in parts]
    return st.tuples(*strategies).map(" ".join)


edits = st.one_of(
    steps("edit", hosts, tasks, statuses),
    steps("edit", hosts, tasks, statuses),
    steps("edit", hosts, tasks, statuses),
    steps("reword", hosts, plans),
    steps("plan", hosts, plans, plan_statuses),
    steps("add", hosts, plans, statuses),
    steps("cut", hosts, tasks),
    steps("delete", hosts, plans),
    steps("restore", hosts),
    steps("move", hosts, plans),
    steps("scratch", hosts),
)
commits = st.one_of(
    steps("commit", hosts), steps("commit", hosts), steps("stage", hosts), steps("amend", hosts), steps("reset", hosts)
)
shares = st.one_of(
    steps("push", hosts), steps("push", hosts), steps("pull", hosts), steps("merge", hosts), steps("push", hosts, st.just("force"))
)
hub_moves = st.one_of(steps("report", tasks, statuses), steps("report", tasks, statuses), steps("reopen", tasks, statuses))
runs = st.tuples(st.just("fix "), hosts, fixes).map("".join)
meanwhile = st.lists(st.one_of(edits, commits, shares, hub_moves, runs), min_size=1, max_size=4).map(" / ".join)


class Simulation(RuleBasedStateMachine):
    """One world. `folder` is where it stands; `done` counts the steps of all worlds."""

    folder: ClassVar[Folder]
    done: ClassVar[int] = 0
    settled: ClassVar[int] = 0
    broken: ClassVar[list[str] | None] = None
    """The steps of the world in which a promise was broken, if there is one."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.world: World = self._stack.enter_context(self.folder.world())
        self._whole = True

    def _do(self, line: str) -> None:
        cls = type(self)
        cls.done += 1
        self._whole = False
        try:
            self.world.do(line)
        except BaseException:
            cls.broken = list(self.world.log)
            raise
        self._whole = True

    @rule(step=edits)
    def edit(self, step: str) -> None:
        """Somebody changes a file."""
        self._do(step)

    @rule(step=edits)
    def edit_more(self, step: str) -> None:
        """And once more: most of the work is that."""
        self._do(step)

    @rule(step=commits)
    def commit(self, step: str) -> None:
        """Somebody stages, commits, or takes a commit back."""
        self._do(step)

    @rule(step=shares)
    def share(self, step: str) -> None:
        """Somebody pushes or pulls."""
        self._do(step)

    @rule(step=hub_moves)
    def move(self, step: str) -> None:
        """A status is reported, or somebody reopens a task."""
        self._do(step)

    @rule(host=hosts, task=tasks, status=st.sampled_from(("in_progress", "done")))
    def publish(self, host: str, task: str, status: str) -> None:
        """A whole piece of work: pulled, done, committed, pushed."""
        for step in (f"pull {host}", f"edit {host} {task} {status}", f"commit {host}", f"push {host}"):
            self._do(step)

    @rule(step=runs)
    def fix(self, step: str) -> None:
        """A run that mends."""
        self._do(step)

    @rule(step=runs)
    def fix_more(self, step: str) -> None:
        """And once more."""
        self._do(step)

    @rule(step=steps("check", hosts))
    def check(self, step: str) -> None:
        """A run that only looks."""
        self._do(step)

    @rule(moment=moments, run=runs, rest=meanwhile)
    def during(self, moment: int, run: str, rest: str) -> None:
        """A run, and what happens in the middle of it."""
        self._do(f"during {moment} {run} / {rest}")

    @rule(host=hosts, moment=moments, words=fixes)
    def crash(self, host: str, moment: int, words: str) -> None:
        """A run that is killed."""
        self._do(f"crash {host} {moment}{words}")

    @rule(host=hosts, words=fixes)
    def kill(self, host: str, words: str) -> None:
        """A run that is killed in its commit, and somebody who clears up after it, or not yet."""
        self._do(f"kill {host}{words}")

    @rule(step=st.one_of(steps("unlock", hosts), steps("switch", hosts), steps("online", hosts), steps("offline", hosts)))
    def surroundings(self, step: str) -> None:
        """Locks are removed, branches switched, networks come and go."""
        self._do(step)

    @rule(host=st.sampled_from([*HOSTS, "hub"]), jump=hours)
    def clock(self, host: str, jump: int) -> None:
        """Somebody sets a clock."""
        self._do(f"clock {host} {jump}")

    @rule(step=st.one_of(st.just("settle"), steps("forget", tasks)))
    def rare(self, step: str) -> None:
        """Everybody comes home in between, or a task is deleted for good."""
        self._do(step)

    def teardown(self) -> None:
        """At the end everybody comes home."""
        try:
            if self._whole:
                self._do("settle")
                type(self).settled += 1
        finally:
            self._stack.close()
