"""The story, step by step: what people, the hub and its workers do, and what has to hold after each step."""

import time
from collections.abc import Callable
from functools import partial

from demo.fleet.company import Company
from demo.fleet.forge import PROPOSAL, REFUSAL
from demo.screen import Screen
from testing.repos import Clone
from testing.workplans import workplan

ORDERS, BILLING = "orders", "billing"
PLANS = {ORDERS: "ORD-WP-0001", BILLING: "BIL-WP-0001"}
TITLES = {ORDERS: "Receipts by mail", BILLING: "Invoices as PDF"}
TASKS = 4
LIMIT_SECONDS = 30.0
LOOK_SECONDS = 0.02
TRIES = 5


class Story:
    """Plays in a company, and remembers what did not hold."""

    def __init__(self, company: Company, screen: Screen) -> None:
        """Take a company whose forge and hub are empty."""
        self._company, self._screen = company, screen
        self._forge = company.forge
        self._clones: dict[str, Clone] = {}
        self.broken: list[str] = []

    def play(self) -> None:
        """Play all steps in order; `broken` then names what did not hold. Raises CommandFailedError."""
        self._begin()
        self._screen.step("Two workers begin. They find the new repos themselves, and wait for the next news.")
        began = time.monotonic()
        with self._company.workers():
            self._take(began)
            self._push()
            self._report()
            self._meet()
            self._protect()
            self._propose()
            self._merge()
            self._rest()

    def _begin(self) -> None:
        self._screen.step("A forge has two repositories with a workplan each. The hub makes clones of its own.")
        for repo, plan in PLANS.items():
            self._forge.create(repo)
            clone = self._clones[repo] = self._company.clone("ada", repo)
            tasks = [(f"T{number:02}", "todo") for number in range(1, TASKS + 1)]
            clone.write(f"workplans/{plan}.md", workplan(plan, tasks, title=TITLES[repo]))
            clone.commit("Plan")
            clone.push()
            self._company.manage("register_repo", "--remote", str(self._forge.path(repo)))
            self._company.add_webhook(repo)

    def _take(self, began: float) -> None:
        for repo in PLANS:
            self._when(f"the hub has the tasks of {repo}", began, partial(self._has_tasks, repo))
        self._company.show_work()
        self._agree(ORDERS, BILLING)

    def _push(self) -> None:
        self._screen.step("Ada finishes a task: she edits, commits and pushes. The forge announces it to the hub.")
        self._edit(ORDERS, 1, "done")
        began = self._push_clone(ORDERS)
        self._when("push → hub: T01 is done", began, lambda: self._hub(ORDERS)[_task(ORDERS, 1)] == "done")
        self._company.show_work()

    def _report(self) -> None:
        self._screen.step("An assistant reports another task through the API. No one runs a command.")
        began = time.monotonic()
        self._company.report(_task(ORDERS, 2), "in_progress")
        self._when(
            "report → file on the server: T02 is in_progress",
            began,
            lambda: self._forge.statuses(ORDERS)[_task(ORDERS, 2)] == "in_progress",
        )
        self._company.show_work()
        self._show_log(ORDERS, 1)

    def _meet(self) -> None:
        self._screen.step("A push and a report meet: Ada, who has not pulled, finishes T03 while T02 is reported done.")
        self._edit(ORDERS, 3, "done")
        began = time.monotonic()
        self._company.report(_task(ORDERS, 2), "done")
        self._pull_and_push(self._clones[ORDERS])
        wanted = {
            _task(ORDERS, 1): "done",
            _task(ORDERS, 2): "done",
            _task(ORDERS, 3): "done",
            _task(ORDERS, 4): "todo",
        }
        self._when("hub and file on the server both say all three are done", began, lambda: self._is_everywhere(wanted))
        self._company.show_work()
        self._show_log(ORDERS, 3)
        self._agree(ORDERS)

    def _protect(self) -> None:
        self._screen.step("The other repository's main is protected: only requests may change it.")
        self._forge.protect(BILLING)
        self._edit(BILLING, 1, "in_progress")
        self._screen.command("ada", "git push")
        try:
            self._clones[BILLING].git("push", "--quiet")
            said = ""
        except AssertionError as refused:
            said = str(refused)
        self._promise(f"the forge refuses it: {REFUSAL}", REFUSAL in said)
        self._clones[BILLING].git("reset", "--quiet", "--hard", "origin/main")
        remote = str(self._forge.path(BILLING))
        self._company.manage("register_repo", "--remote", remote, "--writeback", "propose")

    def _propose(self) -> None:
        self._screen.step("A report now becomes a proposal: a branch with one commit, on top of main.")
        before, began = self._forge.tip(BILLING), time.monotonic()
        self._company.report(_task(BILLING, 1), "in_progress")
        self._when(
            f"report → {PROPOSAL} on the server",
            began,
            lambda: self._forge.statuses(BILLING, PROPOSAL).get(_task(BILLING, 1)) == "in_progress",
        )
        self._company.report(_task(BILLING, 1), "done")
        self._when(
            "a second report replaces the commit",
            began,
            lambda: self._forge.statuses(BILLING, PROPOSAL).get(_task(BILLING, 1)) == "done",
        )
        self._company.show_work()
        log = self._forge.log(BILLING, f"main..{PROPOSAL}")
        self._screen.output("\n".join(f"{PROPOSAL}: {line}" for line in log))
        self._promise(
            "the proposal is exactly one commit, and main is as it was",
            (len(log), before) == (1, self._forge.tip(BILLING)),
        )

    def _merge(self) -> None:
        self._screen.step("A person merges it on the forge. The hub hears that, and removes the branch.")
        self._screen.command("grace", f"merge {PROPOSAL} into main")
        began = time.monotonic()
        self._forge.merge(BILLING)
        self._when(f"merge → {PROPOSAL} is gone", began, lambda: not self._forge.tip(BILLING, PROPOSAL))
        self._company.show_work()
        self._show_log(BILLING, 2)
        self._agree(BILLING)

    def _rest(self) -> None:
        self._screen.step("All is at rest: another check of everything finds nothing.")
        before = [self._forge.tip(repo) for repo in PLANS]
        output = self._company.manage("check_consistency", "--all")
        self._promise("no finding in either repo", "2 repos: 0 FAIL, 0 WARN, 0 INFO" in output)
        self._agree(*PLANS)
        self._promise("nothing was committed or pushed by it", before == [self._forge.tip(repo) for repo in PLANS])
        problems = self._company.problems()
        self._screen.output("\n".join(problems))
        self._promise("no worker and no server reported an error", not problems)

    def _edit(self, repo: str, number: int, status: str) -> None:
        """Let Ada change the status of a task in her clone, and commit it."""
        clone, path = self._clones[repo], f"workplans/{PLANS[repo]}.md"
        text = clone.read(path).decode()
        block = f"id: {_task(repo, number)}\nstatus: "
        head, _, rest = text.partition(block)
        clone.write(path, f"{head}{block}{status}\n{rest.partition(chr(10))[2]}")
        message = f"T{number:02} is {status}"
        self._screen.command("ada", f"git commit --all --message='{message}'")
        clone.commit(message)

    def _pull_and_push(self, clone: Clone) -> None:
        """Pull and push; again if the hub has pushed in between, as people do."""
        for left in reversed(range(TRIES)):
            self._screen.command("ada", "git pull --rebase && git push")
            clone.git("pull", "--quiet", "--rebase")
            try:
                clone.git("push", "--quiet")
            except AssertionError:
                if not left:
                    raise
            else:
                return

    def _push_clone(self, repo: str) -> float:
        """Push Ada's clone; return the time at which the push began."""
        self._screen.command("ada", "git push")
        began = time.monotonic()
        self._clones[repo].git("push", "--quiet")
        return began

    def _when(self, text: str, began: float, is_true: Callable[[], bool]) -> None:
        """Wait until *is_true*, and show the time since *began*."""
        while not (kept := is_true()) and time.monotonic() - began < LIMIT_SECONDS:
            time.sleep(LOOK_SECONDS)
        self._promise(f"{time.monotonic() - began:5.2f} s  {text}", kept)

    def _has_tasks(self, repo: str) -> bool:
        return len(self._hub(repo)) == TASKS

    def _hub(self, repo: str) -> dict[str, str]:
        return self._company.statuses(repo)

    def _is_everywhere(self, wanted: dict[str, str]) -> bool:
        return self._hub(ORDERS) == wanted == self._forge.statuses(ORDERS)

    def _agree(self, *repos: str) -> None:
        for repo in repos:
            hub = self._hub(repo)
            self._screen.note(f"{repo}: {_said(hub)}")
            self._promise(f"hub and file on the server agree on {repo}", hub == self._forge.statuses(repo) != {})

    def _show_log(self, repo: str, number: int) -> None:
        """Show the newest commits of a repo on the server."""
        self._screen.output("\n".join(f"main: {line}" for line in self._forge.log(repo)[:number]))

    def _promise(self, text: str, kept: bool) -> None:
        self._screen.promise(text, kept)
        if not kept:
            self.broken.append(text.strip())


def _task(repo: str, number: int) -> str:
    return f"{PLANS[repo]}-T{number:02}"


def _said(statuses: dict[str, str]) -> str:
    return ", ".join(f"{key[-3:]} {status}" for key, status in statuses.items())
