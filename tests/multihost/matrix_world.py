"""The world of the matrix: two clones, their origin and the hub; every step in it is really taken, once.

A step is remembered by that part of the world that it can see: what B has is nothing to a commit on A.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from consistency.db.prune import prune
from consistency.models import Mode
from consistency.runs.options import RunOptions
from statehub.models import Checkout, Source, Task
from statehub.task_lookup import find_task
from statehub.transitions import Actor, advance, reopen
from testing.clock import replace_clock
from testing.repos import Origin as Bare
from testing.runs import run_alone
from testing.samples import COMMITTER
from testing.workplans import workplan
from tests.cli.helpers import FILE
from tests.multihost.machine import Machine, repo
from tests.multihost.matrix_repos import Copy, Place, Repos
from tests.multihost.matrix_rows import Mirror, Rows
from tests.multihost.matrix_rules import (
    DRAFT,
    Looked,
    require_all_pushed,
    require_history,
    require_no_regress,
    require_nothing_written,
    require_record,
    require_untouched,
    require_writebacks,
)
from tests.multihost.matrix_variants import Variant

TASK = "WP-1-T01"
TEXT = workplan("WP-1", [("T01", "todo")])
BEGIN = datetime(2026, 3, 2, 13, tzinfo=UTC)
LATER = datetime(2036, 3, 2, tzinfo=UTC)


class State(NamedTuple):
    """The numbers of the values that each part of the world has."""

    a: int
    b: int
    origin: int
    hub: int
    ledger_a: int
    ledger_b: int
    heads: int


class Values:
    """Gives every value a small number, the same one to equal values."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._values: list[Any] = []

    def number(self, value: Any) -> int:
        """Return the number of *value*."""
        found = self._numbers.setdefault(value, len(self._values))
        if found == len(self._values):
            self._values.append(value)
        return found

    def __getitem__(self, number: int) -> Any:
        return self._values[number]


ACTIONS = ("report", "edit", "commit", "push", "pull", "fix a", "fix b", "reopen")
"""Actions of every variant."""

SYNC = "pull push"


class World:
    """Takes steps. *edited* is the status that a person sets in A's file; the *variant* has actions of its own."""

    def __init__(self, bare: Bare, edited: str, variant: Variant | None = None) -> None:
        self.edited, self.variant = edited, variant or Variant()
        self.actions = (*ACTIONS, *self.variant.actions)
        machines, places = _machines(bare, self.variant)
        self._machines = machines
        checkouts = {name: Checkout.objects.select_related("repo").get(host=name) for name in machines}
        self._checkouts, self._rows = checkouts, Rows(checkouts)
        self._repos = Repos(bare.path, places)
        for name, each in machines.items():
            each.clone.write(*DRAFT)
            self._repos.loosen(name)
        self.values = Values()
        self._known: dict[tuple[Any, ...], tuple[int, ...]] = {}
        self._answers: dict[tuple[str, ...], str] = {}
        Task.objects.update(status_changed_at=BEGIN)
        heads = tuple(self._rows.heads(name) for name in machines)
        a, b = (self.values.number(self._repos.take(name)) for name in machines)
        ledger_a, ledger_b = (self.values.number(self._rows.part(name)) for name in machines)
        origin, hub = self.values.number(self._repos.origin()), self.values.number(self._rows.mirror())
        self.start = State(a, b, origin, hub, ledger_a, ledger_b, self.values.number(heads))
        self.fixes = 0
        self._straight = False

    @property
    def steps(self) -> int:
        """How many different steps were really taken."""
        return len(self._known)

    def forget(self) -> None:
        """Take every step again from now on."""
        self._known.clear()

    def take(self, action: str, state: State) -> tuple[State, str]:
        """Take the step of this name; the state after it, and how it ended where it is a fix."""
        if action.startswith("fix "):
            return self.fix(action[-1], state)
        if action in (*self.variant.actions, *self.variant.rare):
            return self.variant.take(action, self, state), ""
        after: State = getattr(self, action)(state)
        return after, ""

    # ---- What each step sees and moves -------------------------------------------------------------------------------

    def report(self, state: State) -> State:
        """Report the task as done to the hub, as a program."""
        return self._decide(state, "report")

    def reopen(self, state: State) -> State:
        """Reopen the task as todo, in the hub, as a person."""
        return self._decide(state, "reopen")

    def edit(self, state: State) -> State:
        """Set the status in A's file, as a person."""
        (a,) = self._once(("edit", state.a), lambda: (self._edit(self.values[state.a]),))
        return state._replace(a=a)

    def commit(self, state: State) -> State:
        """Commit A's edits, if any, as a person."""
        if not self.is_edited(state):
            return state
        (a,) = self._once(("commit", state.a), lambda: self._person("a", state, ("commit", "-aqm", "Work"))[:1])
        return state._replace(a=a)

    def push(self, state: State) -> State:
        """Push from A as a person; git may refuse."""
        copy, branches = self.values[state.a], self.values[state.origin]
        branch = copy.branch or branches.default
        if copy.head == branches.tip or branch not in dict(branches.commits):
            return state
        return self.by_person("a", state, ("push", "-q", copy.remote, branch))

    def pull(self, state: State) -> State:
        """Pull on B as a person, by fast-forward; git may refuse."""
        return self.by_person("b", state, ("pull", "-q", "--ff-only"))

    def rebase(self, state: State, *, mine: bool) -> State:
        """Rebase A's commits onto the upstream's and push; in a conflict *mine* win, or else the others'."""
        copy, branches = self.values[state.a], self.values[state.origin]
        if copy.head == branches.tip:
            return state
        wins = "-Xtheirs" if mine else "-Xours"  # The upstream is "ours" in a rebase (git-rebase, "-X").
        return self.push(self.by_person("a", state, ("pull", "-q", "--rebase", wins, copy.remote, branches.default)))

    def is_made_anew(self, before: State, after: State) -> bool:
        """Return whether A's commits of *before* are others in *after*: they were put upon the upstream's."""
        return self.values[after.a].head not in (self.values[before.a].head, self.values[before.origin].tip)

    def fix(self, name: str, state: State, *, sync: bool = False) -> tuple[State, str]:
        """Fix on a machine, with *sync* one that pulls and pushes; return the state after it, and how it ended."""
        clone, ledger = (state.a, state.ledger_a) if name == "a" else (state.b, state.ledger_b)
        seen = (SYNC if sync else self.variant.fixes[name], name, clone, state.origin, state.hub, ledger)
        clone, origin, hub, ledger, moved, outcome, head = self._once(seen, lambda: self._fix(*seen))
        after = self._moved(state, moved)._replace(origin=origin, hub=hub)
        after = after._replace(a=clone, ledger_a=ledger) if name == "a" else after._replace(b=clone, ledger_b=ledger)
        ended = self.values[outcome]
        return (self._with_head(after, name, self.values[head]) if ended == "ok" else after), ended

    # ---- What it looks like ------------------------------------------------------------------------------------------

    def is_edited(self, state: State) -> bool:
        """Return whether A's file is not as A's index has it."""
        return self._is_edited(self.values[state.a])

    def _is_edited(self, copy: Copy) -> bool:
        return copy.is_edited(FILE, self.variant.clean)

    def statuses(self, state: State) -> tuple[str, str, str]:
        """Return the statuses in A's file, B's file and the hub."""
        return _status(self.values[state.a]), _status(self.values[state.b]), self.values[state.hub].status

    def said_by(self, name: str, state: State) -> tuple[str, str]:
        """Return the statuses in the machine's file and the hub."""
        return self.statuses(state)["ab".index(name)], self.statuses(state)[2]

    def disagreement(self, state: State) -> str:
        """Return the difference between the machines; '' if all is equal."""
        a, b = self.values[state.a], self.values[state.b]
        heads = {a.head, b.head, a.noted, b.noted, self.values[state.origin].tip}
        if len(heads) > 1:
            return "the clones and the origin have different commits"
        files = [[(path, self.variant.clean(data)) for path, data in each.files] for each in (a, b)]
        if files[0] != files[1] or a.index != b.index or self._is_edited(a) or self._is_edited(b):
            return "the work trees differ, or are not clean"
        if len(set(self.statuses(state))) > 1:
            return "A's file, B's file and the hub say {}, {} and {}".format(*self.statuses(state))
        return ""

    def replay(self, state: State, actions: Sequence[str]) -> bool:
        """Return whether *actions*, taken from one world's start without putting anything back, lead to *state*."""
        for name, copy in ("a", self.start.a), ("b", self.start.b):
            self._put_repos(name, copy, self.start.origin)
        parts = {"a": self.values[self.start.ledger_a], "b": self.values[self.start.ledger_b]}
        heads = dict(zip("ab", self.values[self.start.heads], strict=True))
        self._rows.put(self.values[self.start.hub], parts, heads)
        self._straight, there = True, self.start
        try:
            for action in actions:
                there = self.take(action, there)[0]
            found = (
                *(self.values.number(self._repos.take(name)) for name in "ab"),
                self.values.number(self._repos.origin()),
                self.values.number(self._rows.mirror()),
                *(self.values.number(self._rows.part(name)) for name in "ab"),
            )
        finally:
            self._straight = False
        return found == there[:6] and there == state

    # ---- The steps themselves ----------------------------------------------------------------------------------------

    def _once(self, seen: tuple[Any, ...], step: Callable[[], tuple[int, ...]]) -> tuple[int, ...]:
        if self._straight:
            return step()
        if seen not in self._known:
            self._known[seen] = step()
        return self._known[seen]

    def _moved(self, state: State, moved: int) -> State:
        if not moved:
            return state
        parts = state.ledger_a, state.ledger_b
        a, b = (self.values.number(self.values[each].after_a_move()) for each in parts)
        return state._replace(ledger_a=a, ledger_b=b)

    def _with_head(self, state: State, name: str, head: tuple[str, str]) -> State:
        heads = list(self.values[state.heads])
        heads["ab".index(name)] = head
        return state._replace(heads=self.values.number(tuple(heads)))

    def _decide(self, state: State, what: str) -> State:
        # What the hub has taken by then is kept with a move back or aside; it can be either.
        hub, moved = self._once((what, state.hub, state.heads), lambda: self._in_the_hub(state.hub, state.heads, what))
        return self._moved(state, moved)._replace(hub=hub)

    def _in_the_hub(self, hub: int, heads: int, what: str) -> tuple[int, int]:
        before: Mirror = self.values[hub]
        if not self._straight:
            self._rows.put(before, {}, dict(zip("ab", self.values[heads], strict=True)))
        with _clock(before):
            if what == "reopen":
                reopen(find_task(TASK), "todo", "not done after all", Actor("anna", Source.ADMIN))
            elif before.status != "done":
                advance(find_task(TASK), "done", Actor("remote", Source.API))
        after = self._rows.mirror()
        require_record(before, after)
        return self.values.number(after), int(after != before)

    def _edit(self, a: Copy) -> int:
        old = a.read(FILE)
        text = old.replace(f"status: {_status(a)}".encode(), f"status: {self.edited}".encode())
        if self._straight:
            self._repos.write("a", FILE, text)
        files = tuple((path, text if path == FILE else data) for path, data in a.files)
        return self.values.number(replace(a, files=files))

    def by_person(self, name: str, state: State, *commands: tuple[str, ...]) -> State:
        """Run git *commands* on a machine, one after another, as a person; git may refuse some."""
        clone = getattr(state, name)
        seen = (commands, name, clone, state.origin)
        clone, origin = self._once(seen, lambda: self._person(name, state, *commands))
        return state._replace(**{name: clone}, origin=origin)

    def _person(self, name: str, state: State, *commands: tuple[str, ...]) -> tuple[int, ...]:
        self._put_repos(name, getattr(state, name), state.origin)
        for command in commands:
            self._repos.git(name, *command)
        return self.values.number(self._repos.take(name)), self.values.number(self._repos.origin())

    def at_origin(self, state: State, *command: str) -> State:
        """Run a git command in the origin."""

        def run() -> tuple[int, ...]:
            if not self._straight:
                self._repos.put_origin(self.values[state.origin])
            self._repos.git_at_origin(*command)
            return (self.values.number(self._repos.origin()),)

        (origin,) = self._once((command, state.origin), run)
        return state._replace(origin=origin)

    def manage(self, name: str, state: State, command: str) -> State:
        """Run a *command* of the product on a machine's clone, which changes the hub's rows of the repo."""
        seen = (command, name, getattr(state, name), state.origin, state.hub, state.heads)

        def run() -> tuple[int, ...]:
            self._put_repos(name, getattr(state, name), state.origin)
            if not self._straight:
                heads = dict(zip("ab", self.values[state.heads], strict=True))
                self._rows.put(self.values[state.hub], {}, heads)
            machine = self._machines[name]
            machine.manage(command, machine.clone.path)
            self._checkouts[name].refresh_from_db()
            return (self.values.number(self._rows.mirror()),)

        (hub,) = self._once(seen, run)
        return state._replace(hub=hub)

    def prune(self, state: State) -> State:
        """Prune all runs and resolved findings that may go."""
        ledgers = state.ledger_a, state.ledger_b
        seen = ("prune", state.hub, *ledgers, state.heads)

        def run() -> tuple[int, ...]:
            if not self._straight:
                heads = dict(zip("ab", self.values[state.heads], strict=True))
                parts = {name: self.values[ledger] for name, ledger in zip("ab", ledgers, strict=True)}
                self._rows.put(self.values[state.hub], parts, heads)
            prune(LATER)
            return tuple(self.values.number(self._rows.part(name)) for name in "ab")

        a, b = self._once(seen, run)
        return state._replace(ledger_a=a, ledger_b=b)

    def _ask(self, name: str, *command: str) -> str:
        """Return git's answer about commits in a clone: it stays true, so it is asked once."""
        if (name, *command) not in self._answers:
            self._answers[name, *command] = self._repos.answer(name, *command)
        return self._answers[name, *command]

    def _put_repos(self, name: str, clone: int, origin: int) -> None:
        if self._straight:
            return
        self._repos.put(name, self.values[clone])
        self._repos.put_origin(self.values[origin])

    def _fix(self, kind: str, name: str, clone: int, origin: int, hub: int, ledger: int) -> tuple[int, ...]:
        mirror: Mirror = self.values[hub]
        self._put_repos(name, clone, origin)
        if not self._straight:
            self._rows.put(mirror, {name: self.values[ledger]}, {})
        pull, push = "pull" in kind, "push" in kind
        options = RunOptions(Mode.FIX, name, "cron", COMMITTER, "1", pull=pull, push=push)
        checkout = Checkout.objects.select_related("repo").get(pk=self._checkouts[name].pk)
        with _clock(mirror):
            outcome = run_alone(checkout, options)
        self.fixes += 1
        copy, after = self._repos.take(name), self._rows.mirror()
        require_no_regress(name, mirror, after, cut=copy.is_cut)
        require_record(mirror, after)
        require_untouched(self.values[clone], copy, self.variant.clean)
        require_writebacks(outcome, copy)
        part, branches = self._rows.part(name), self._repos.origin()
        before = Looked(self.values[clone], self.values[origin], mirror, self.values[ledger])
        now_there = Looked(copy, branches, after, part)
        git = partial(self._ask, name)
        if before.is_held(git, pull=pull):
            require_nothing_written(before, now_there)
        require_history(git, before, now_there)
        if push and outcome.outcome == "ok":
            require_all_pushed(git, before, now_there)
        number = self.values.number
        found = map(number, (copy, branches, after, part))
        return (*found, int(after != mirror), number(outcome.outcome), number(self._rows.heads(name)))


def _machines(bare: Bare, variant: Variant) -> tuple[dict[str, Machine], dict[str, Place]]:
    """Return machines whose clones, files and ledgers agree with the hub."""
    a = bare.clone("a", "--template=")
    a.write(FILE, variant.text(TEXT.replace("Workplan WP-1", "Plan")))
    a.commit("Plan", date="2026-03-02T11:00:00+00:00")
    a.write(FILE, variant.text(TEXT))
    a.commit("A better title", date="2026-03-02T11:30:00+00:00")
    a.push()
    places = {"a": Place(a, a.path / ".git"), "b": variant.clone_b(bare)}
    machines = {name: Machine(name, place.clone) for name, place in places.items()}
    for name, each in machines.items():
        if name == "b":
            assert each.manage("register_repo", "--slug", "a", str(each.clone.path)).exit == 0
        ended = each.fix()
        assert ended.exit == 0, ended
    variant.prepare(a, places["b"].clone)
    for each in machines.values():
        ended = each.fix()
        assert (ended.exit, repo(ended)["converged"]) == (0, True), ended
    return machines, places


def _status(copy: Copy) -> str:
    text: str = copy.read(FILE).decode()
    return text.replace("\r", "").partition("\nid: WP-1-T01\nstatus: ")[2].partition("\n")[0]


@contextmanager
def _clock(hub: Mirror) -> Iterator[None]:
    """Let the clock go on with each move of the task: moves before and after a decision have different times."""
    now = BEGIN + timedelta(minutes=1 + len(hub.changes))
    with replace_clock(lambda: now):
        yield
