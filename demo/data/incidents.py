"""The incidents of the quarter, each at its time, with a run that sees it and mostly one that sees it gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from consistency.models import Mode
from demo.data.catalog import LAPTOP, SERVER, Plan, Team
from demo.data.company import Company
from demo.data.desk import Desk
from demo.data.timetable import Timetable
from statehub.models import Source
from statehub.transitions import Actor

HOOK = "commit refused: the message must begin with a ticket, such as OPS-1234"
Act = Callable[[], object]


class Incidents:
    """Puts trouble into a timetable; every team has its share, whichever teams there are."""

    def __init__(self, company: Company, timetable: Timetable, teams: tuple[Team, ...]) -> None:
        """Take what the trouble happens in."""
        self._company, self._timetable, self._teams = company, timetable, teams

    def plan(self) -> None:
        """Plan all incidents."""
        self._in_files()
        self._on_machines()
        self._last_day()

    def _team(self, number: int) -> Team:
        return self._teams[number % len(self._teams)]

    def _in_files(self) -> None:
        """Plan people's slips of the pen, committed and pushed: seen on every machine."""
        here = self._company.here
        slips: list[tuple[int, float, float, str, str]] = [
            (0, 0.12, 0.20, "status: todo", "status: in-progress"),  # C-05
            (4, 0.40, 0.46, "priority: medium", "priority: urgent"),  # C-05
            (3, 0.22, 0.27, "status: active", "status: activ"),  # C-03
            (2, 0.44, 0.47, "owner: ", "owner: ["),  # C-02
            (1, 0.55, 2.00, "priority: low", "priority: lowest"),  # C-05, standing
        ]
        for number, since, until, right, wrong in slips:
            team = self._team(number)
            self._at(since, team, partial(self._rewrite, team, right, wrong), see_on=here)
            self._at(until, team, partial(self._rewrite, team, wrong, right), see_on=here)
        once = (self._team(5), self._team(2))
        self._at(0.30, once[0], partial(self._copy_block, once[0]), see_on=here)  # C-06
        self._at(0.37, once[0], partial(self._drop_last_block, once[0]), see_on=here)
        self._at(0.52, once[1], partial(self._rewrite, once[1], "— ", "— Again: "), see_on=here)  # C-12
        self._at(0.62, once[1], partial(self._drop_last_block, once[1]), see_on=here)  # C-10, standing
        self._at(0.35, once[1], partial(self._add_block, once[1]), see_on=here)  # C-09
        self._at(0.80, self._team(4), partial(self._archive, self._team(4)), see_on=here)  # C-08, standing

    def _on_machines(self) -> None:
        """Plan trouble with clones, hooks, disks and servers: seen on the machine itself."""
        company, here = self._company, self._company.here
        hooked, detached, broken, unplugged, down = map(self._team, (3, 2, 1, 0, 5))
        self._at(0.58, hooked, partial(company.desk(here, hooked).refuse_commits, HOOK))
        self._at(0.585, hooked, partial(self._nudge, hooked), see_on=here)  # C-16
        self._at(0.65, hooked, company.desk(here, hooked).accept_commits, see_on=here)
        self._away(LAPTOP, unplugged, 0.50, 0.56)  # C-01
        self._away(SERVER, down, 0.93, None)  # C-01, standing
        self._detached(LAPTOP, detached)
        self._broken_index(SERVER, broken)
        for team in self._teams:
            self._at(0.74, team, partial(company.origin_goes, team), see_on=here)  # fetch fails: freshness unknown
            self._at(0.75, team, partial(company.origin_returns, team))
        self._at(0.745, broken, partial(company.run_killed, here, broken))
        self._at(0.70, down, partial(company.run, here, down, user=down.lead.login, trigger="command", dry_run=True))

    def _away(self, host: str, team: Team, since: float, until: float | None) -> None:
        """Unmount the clone's disk."""
        if host not in self._company.hosts(team):
            return
        path = self._company.desk(host, team).path
        away = path.with_name(f"{path.name}.away")
        self._at(since, team, self._trouble(host, team, partial(path.rename, away)), see_on=host)
        if until is not None:
            self._at(until, team, self._relief(host, team, partial(away.rename, path)), see_on=host)

    def _detached(self, host: str, team: Team) -> None:
        """Check out an old commit and forget about it (C-16 without an upstream)."""
        if host not in self._company.hosts(team):
            return
        desk = self._company.desk(host, team)
        self._at(0.660, team, desk.catch_up)
        self._at(0.661, team, self._trouble(host, team, desk.detach))
        self._at(0.665, team, partial(self._nudge, team), see_on=host)
        self._at(0.690, team, self._relief(host, team, desk.attach), see_on=host)

    def _broken_index(self, host: str, team: Team) -> None:
        """Break the clone's index, as a full disk does: git cannot read it, and the run ends with git's message."""
        if host not in self._company.hosts(team):
            return
        index = self._company.desk(host, team).path / ".git/index"
        whole = index.with_name("index.whole")

        def break_it() -> None:
            index.rename(whole)
            index.write_bytes(b"DIRC")

        self._at(0.850, team, self._trouble(host, team, break_it), see_on=host)
        self._at(0.860, team, self._relief(host, team, partial(whole.replace, index)), see_on=host)

    def _last_day(self) -> None:
        """Set up the present: reports since the last fix, a stale laptop, a hook, unfinished edits."""
        company, here = self._company, self._company.here
        for number, team in enumerate(self._teams):
            minutes = timedelta(minutes=11 * number)
            self._last(27, minutes, team, partial(company.run, here, team, pull=True))
            if SERVER in company.hosts(team):
                self._last(25, minutes, team, partial(company.run, SERVER, team, pull=True))
            self._last(8, minutes, team, partial(self._nudge, team))
            if number % 2:
                self._last(7, minutes, team, partial(self._move_one, team))
        unfinished, refused = self._team(0), self._team(3)
        self._last(6, timedelta(), unfinished, partial(self._leave_unfinished, unfinished))
        self._last(6, timedelta(), refused, partial(company.desk(here, refused).refuse_commits, HOOK))
        for team in dict.fromkeys((unfinished, refused)):
            self._last(5, timedelta(), team, partial(company.run, here, team, pull=True))  # C-14 for a file, C-16
        for number, team in enumerate(self._teams):
            for host in company.hosts(team)[: 3 if number < 2 else 2]:
                mode = Mode.FIX if host == LAPTOP else Mode.CHECK
                self._last(2, timedelta(minutes=7 * number), team, partial(company.run, host, team, mode))

    def _at(self, part: float, team: Team, act: Act, *, see_on: str = "") -> None:
        """Let *act* happen at that part of the quarter, and a fix on *see_on* soon after."""
        at = self._timetable.working(self._timetable.days * part)
        self._timetable.add(at, team.slug, lambda: void(act))
        if see_on:
            see = partial(self._company.run, see_on, team, pull=True)
            self._timetable.add(at + timedelta(minutes=40), f"{team.slug} on {see_on}", see)

    def _last(self, hours: int, later: timedelta, team: Team, act: Act) -> None:
        self._timetable.add_last(timedelta(hours=hours) - later, team.slug, lambda: void(act))

    def _trouble(self, host: str, team: Team, act: Act) -> Act:
        def happen() -> None:
            self._company.troubled.add((host, team.slug))
            act()

        return happen

    def _relief(self, host: str, team: Team, act: Act) -> Act:
        def happen() -> None:
            act()
            self._company.troubled.discard((host, team.slug))

        return happen

    def _nudge(self, team: Team) -> None:
        self._company.nudge(team, Actor(team.lead.login, Source.COMMAND, self._company.here))

    def _begun(self, team: Team, desk: Desk) -> list[Plan]:
        """Return the team's workplans that have a file."""
        return [plan for plan in team.plans if (desk.path / plan.path).exists()]

    def _change(self, team: Team, message: str, change: Callable[[Desk, list[Plan]], object]) -> None:
        """Commit and push one person's change of the files here."""
        desk = self._company.workplace(self._company.here, team)
        desk.catch_up()
        plans = self._begun(team, desk)
        if plans:
            change(desk, plans)
            desk.commit(team.lead, self._company.clock.now(), message)
            desk.push()

    def _rewrite(self, team: Team, old: str, new: str) -> None:
        """Write *new* for the first *old* in the first workplan that has it."""

        def change(desk: Desk, plans: list[Plan]) -> None:
            path = next((plan.path for plan in plans if old.encode() in desk.read(plan.path)), plans[0].path)
            desk.replace(path, old, new)

        self._change(team, "Workplan: small changes", change)

    def _copy_block(self, team: Team) -> None:
        def change(desk: Desk, plans: list[Plan]) -> None:
            heading, block = (
                b"\n### Later: the same for the other halls\n",
                desk.read(plans[0].path).split(b"\n### ")[1],
            )
            desk.write(plans[0].path, desk.read(plans[0].path) + heading + block.partition(b"\n")[2])

        self._change(team, "Plan the rest", change)

    def _drop_last_block(self, team: Team) -> None:
        def change(desk: Desk, plans: list[Plan]) -> None:
            desk.write(plans[0].path, desk.read(plans[0].path).rpartition(b"\n### ")[0])

        self._change(team, "Leave out the last part", change)

    def _add_block(self, team: Team) -> None:
        def change(desk: Desk, plans: list[Plan]) -> None:
            plan = plans[0]
            block = f"\n### Announce what has changed\n\n```task\nid: {plan.key}-T90\nstatus: todo\n```\n"
            desk.write(plan.path, desk.read(plan.path) + block.encode())

        self._change(team, "One more task", change)

    def _archive(self, team: Team) -> None:
        def change(desk: Desk, plans: list[Plan]) -> None:
            desk.write(plans[0].path.replace("workplans/", "attic/"), desk.read(plans[0].path))
            (desk.path / plans[0].path).unlink()

        self._change(team, "Old workplans go to the attic", change)

    def _move_one(self, team: Team) -> None:
        def change(desk: Desk, plans: list[Plan]) -> None:
            plan = plans[-1]
            desk.move(plan.path, plan.task(len(plan.tasks) - 1), "in_progress")

        self._change(team, "Begin with the last part", change)

    def _leave_unfinished(self, team: Team) -> None:
        """Leave uncommitted notes in every workplan here."""
        desk = self._company.desk(self._company.here, team)
        for plan in self._begun(team, desk):
            desk.write(plan.path, desk.read(plan.path) + b"\nTo do: write down what was agreed on Monday.\n")


def void(act: Act) -> None:
    """Do it, whatever it returns."""
    act()
