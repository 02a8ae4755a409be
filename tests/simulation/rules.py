"""The choice of the next step: Hypothesis chooses, the world plays."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.simulation.folder import Folder
from tests.simulation.machines import KINDS
from tests.simulation.person import ATTRIBUTES, HOOKS
from tests.simulation.workplan import STATUSES
from tests.simulation.world import HOSTS, PLANS, World

hosts = st.sampled_from([HOSTS[0], HOSTS[0], HOSTS[1], HOSTS[1], HOSTS[2]])
tasks = st.sampled_from([task for listed in PLANS.values() for task in listed[:2]][:3])
plans = st.sampled_from(list(PLANS))
statuses = st.sampled_from(STATUSES)
begun = st.sampled_from(("in_progress", "blocked"))
plan_statuses = st.sampled_from(("draft", "active", "done"))
hours = st.sampled_from(("-50", "-5", "-1", "1", "5", "50"))
fixes = st.sampled_from(
    ("", "", " nowrite", " nofetch", " pull", " pull", " push", " pull push", " pull push", " missing")
)
moments = st.integers(1, 70)


def steps(*parts: str | st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return lines made of *parts*, with a blank between them."""
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
    steps("copy", hosts, plans),
    steps("scratch", hosts),
)
commits = st.one_of(
    steps("commit", hosts), steps("commit", hosts), steps("stage", hosts), steps("amend", hosts), steps("reset", hosts)
)
shares = st.one_of(
    steps("push", hosts),
    steps("push", hosts),
    steps("pull", hosts),
    steps("merge", hosts),
    steps("push", hosts, "force"),
)
hub_moves = st.one_of(
    steps("report", tasks, statuses), steps("report", tasks, statuses), steps("reopen", tasks, statuses)
)
runs = st.tuples(st.just("fix "), hosts, fixes).map("".join)
rare = st.one_of(
    steps("check", hosts),
    steps("check", hosts),
    steps("unlock", hosts),
    steps("unlock", hosts),
    steps("switch", hosts),
    steps("online", hosts),
    steps("offline", hosts),
    steps("clock", st.sampled_from([*HOSTS, "hub"]), hours),
    steps("forget", tasks),
    st.just("settle"),
)
begun_by_git = st.sampled_from(("merge", "squash", "rebase", "replay", "pick", "pick-only", "revert", "bisect"))
ends = st.sampled_from(("abort", "finish"))
states = st.one_of(
    steps("detach", hosts),
    steps("detach", hosts, "HEAD~1"),
    steps("begin", hosts, begun_by_git),
    steps("begin", hosts, begun_by_git),
    steps("abort", hosts),
    steps("finish", hosts),
    steps("stash", hosts),
    steps("unstash", hosts),
    steps("untrack", hosts),
    steps("rename_remote", hosts),
    steps("may_not_push", hosts, st.sampled_from(("remote", "url"))),
    steps("may_push", hosts),
    steps("call", hosts, st.sampled_from(("State-Hub", "Person"))),
    steps("hooks", hosts, st.sampled_from((*HOOKS, "none"))),
    steps("attributes", hosts, st.sampled_from(tuple(ATTRIBUTES))),
)
server = st.one_of(
    st.just("rename"), st.just("rename"), st.just("empty"), steps("register", hosts), steps("follow", hosts),
    st.just("prune"),
)  # fmt: skip
meanwhile = st.lists(st.one_of(edits, commits, shares, hub_moves, runs), min_size=1, max_size=4).map(" / ".join)


class Simulation(RuleBasedStateMachine):
    """One world. `folder` holds it; `done` counts the steps of all worlds."""

    folder: ClassVar[Folder]
    done: ClassVar[int] = 0
    settled: ClassVar[int] = 0
    broken: ClassVar[list[str]] = []
    """The steps of the world in which a promise was broken, if there is one."""
    trouble: ClassVar[Exception | None] = None

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.world: World = self._stack.enter_context(self.folder.world())
        self._whole = True

    def _do(self, *lines: str) -> None:
        cls = type(self)
        self._whole = False
        try:
            for line in lines:
                cls.done += 1
                self.world.do(line)
        except Exception as error:
            if cls.trouble is None:  # Hypothesis plays it once more, and may see something else then.
                cls.broken, cls.trouble = list(self.world.log), error
            raise
        self._whole = True

    @rule(step=edits)
    def edit(self, step: str) -> None:
        """Change a file."""
        self._do(step)

    @rule(change=edits, step=st.one_of(commits, shares))
    def work(self, change: str, step: str) -> None:
        """Change a file, and commit it, or do something else with the work tree."""
        self._do(change, step)

    @rule(step=st.one_of(hub_moves, shares))
    def move(self, step: str) -> None:
        """Report a status, reopen a task, push or pull."""
        self._do(step)

    @rule(host=hosts, task=tasks, status=st.sampled_from(("in_progress", "done")))
    def publish(self, host: str, task: str, status: str) -> None:
        """Do a whole piece of work: pull, set to done, commit, push."""
        self._do(f"pull {host}", f"edit {host} {task} {status}", f"commit {host}", f"push {host}")

    @rule(host=hosts, task=tasks, status=st.sampled_from(("in_progress", "done")))
    def undo(self, host: str, task: str, status: str) -> None:
        """Move a task forward by a file, and back by a person, several times."""
        self._do(f"edit {host} {task} {status}", f"commit {host}", f"fix {host}", f"reopen {task} todo")

    @rule(host=hosts, task=tasks, moves=st.lists(begun, max_size=2), status=begun)
    def change(self, host: str, task: str, moves: list[str], status: str) -> None:
        """Let file and hub agree, move the hub or not, and then set a status of the same rank in the file."""
        reports = [f"report {task} {move}" for move in moves]
        self._do(f"fix {host} pull push", *reports, f"edit {host} {task} {status}", f"commit {host}", f"fix {host}")

    @rule(step=runs)
    def fix(self, step: str) -> None:
        """Run a fix."""
        self._do(step)

    @rule(moment=moments, move=hub_moves, run=runs, rest=meanwhile)
    def during(self, moment: int, move: str, run: str, rest: str) -> None:
        """Run, with something else in the middle of it."""
        self._do(move, f"during {moment} {run} / {rest}")

    @rule(host=hosts, moment=moments, move=hub_moves, words=fixes)
    def crash(self, host: str, moment: int, move: str, words: str) -> None:
        """Kill a run."""
        self._do(move, f"crash {host} {moment}{words}")

    @rule(host=hosts, move=hub_moves, words=st.sampled_from(("", " pull", " pull push")))
    def kill(self, host: str, move: str, words: str) -> None:
        """Kill a run in its commit, with git."""
        self._do(move, f"kill {host}{words}")

    @rule(step=states)
    def state(self, step: str) -> None:
        """Bring a clone into some state that occurs in real ones."""
        self._do(step)

    @rule(host=hosts, task=tasks, what=begun_by_git, words=fixes, end=ends)
    def interrupt(self, host: str, task: str, what: str, words: str, end: str) -> None:
        """Run while git is in the middle of something, then end that."""
        topic = (f"switch {host}", f"edit {host} {task} done", f"commit {host}", f"switch {host}")
        self._do(*topic, f"begin {host} {what}", f"fix {host}{words}", f"{end} {host}", f"fix {host}{words}")

    @rule(host=hosts, at=st.sampled_from(("", " HEAD~1")), change=st.one_of(edits, hub_moves), words=fixes)
    def detour(self, host: str, at: str, change: str, words: str) -> None:
        """Run on a detached HEAD."""
        self._do(f"detach {host}{at}", change, f"fix {host}{words}", f"switch {host}")

    @rule(host=hosts, move=hub_moves, step=server, words=fixes)
    def serve(self, host: str, move: str, step: str, words: str) -> None:
        """Remove or restore the server's branches while the hub is ahead."""
        self._do(move, step, f"fix {host}{words} push", f"follow {host}")

    @rule(host=st.sampled_from(("b", "c", "c", "c")), kind=st.sampled_from(KINDS), words=fixes)
    def clone(self, host: str, kind: str, words: str) -> None:
        """Clone again."""
        self._do(f"again {host} {kind}", f"fix {host}{words}")

    @rule(host=hosts, kind=st.sampled_from((*HOOKS, "none")), move=hub_moves)
    def hook(self, host: str, kind: str, move: str) -> None:
        """Install hooks, which may do anything in commits."""
        self._do(f"hooks {host} {kind}", move, f"fix {host} hooks push")

    @rule(step=rare)
    def around(self, step: str) -> None:
        """Do something else on a machine."""
        self._do(step)

    def teardown(self) -> None:
        """Bring all machines home at the end."""
        try:
            if self._whole:
                self._do("settle")
                type(self).settled += 1
        finally:
            self._stack.close()


@dataclass(slots=True)
class Played:
    """Result of some worlds: steps done, worlds that came home, and the script of a failed one, with its reason."""

    steps: int
    settled: int
    broken: list[str]
    trouble: Exception | None


def play_worlds(folder: Folder, seed: int, worlds: int, rounds: int) -> Played:
    """Play *worlds* worlds of about *rounds* rules each, the same ones with the same *seed*, until one breaks."""
    machine: type[Simulation] = type("Simulation", (Simulation,), {"folder": folder})
    chosen = settings(
        max_examples=worlds, stateful_step_count=rounds, deadline=None, database=None, print_blob=False,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    try:
        run_state_machine_as_test(seeded(seed)(machine), settings=chosen)
    except Exception:  # A broken promise is the result, not an error: the machine has kept it, with its steps.
        if machine.trouble is None:
            raise
    return Played(machine.done, machine.settled, machine.broken, machine.trouble)
