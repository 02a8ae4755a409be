"""The rules after a campaign: no status lost, none gone back, no one caught in a circle, all sides agree."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection

from statehub.models import StatusChange, Task, Workstream
from statehub.statuses import is_regress, rank
from tests.concurrency.campaign import Campaign
from tests.concurrency.line import Json
from tests.concurrency.reporters import Report
from tests.concurrency.world import statuses_in

_GRAVE = re.compile(r"\[(ERROR|CRITICAL)\]")
_NEVER = ("deadlock", "database is locked", "Traceback", "internal error")

Link = tuple[str, str, datetime]
"""A task, a status of it, and since when it had that."""


@dataclass
class Verdict:
    """Faults by kind; all empty if nothing went wrong. `other` are forbidden messages and actions."""

    lost: list[str] = field(default_factory=list)
    regressed: list[str] = field(default_factory=list)
    deadlocks: list[str] = field(default_factory=list)
    unaccounted: list[str] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    @property
    def wrongs(self) -> list[str]:
        """All of it."""
        return [
            *self.lost, *self.regressed, *self.deadlocks, *self.unaccounted, *self.apart, *self.other
        ]  # fmt: skip


def judge(campaign: Campaign) -> Verdict:
    """Compare the hub, the origins and the clones with all actions and the answers to them."""
    return _Judging(campaign).run()


class _Judging:
    """The evidence, and one step for each kind of wrong."""

    def __init__(self, campaign: Campaign) -> None:
        self._campaign, self._verdict = campaign, Verdict()
        changes = StatusChange.objects.order_by("pk").select_related("task__workstream__repo")
        self._chains: dict[str, list[StatusChange]] = {task: [] for task in campaign.before["tasks"]}
        self._marked: dict[str, list[StatusChange]] = defaultdict(list)
        for change in changes:
            self._chains[change.task.key].append(change)
            self._marked[change.commit].append(change)
        self._links = self._all_links()

    def run(self) -> Verdict:
        """Check all steps."""
        verdict = self._verdict
        verdict.regressed += self._chain_faults()
        verdict.regressed += self._sights()
        verdict.lost += self._lost()
        verdict.unaccounted += [*self._strangers(), *self._advances(), *self._versions()]
        verdict.deadlocks += self._deadlocks()
        verdict.apart += self._apart()
        verdict.other += self._other()
        return verdict

    def _all_links(self) -> dict[Link, int]:
        """Return the place of each state in the chain of its task; 0 is the state in which it was created."""
        links = {(task, status, at): 0 for task, (status, at) in self._campaign.before["tasks"].items()}
        for task, chain in self._chains.items():
            links.update({(task, change.new, change.at): place for place, change in enumerate(chain, 1)})
        return links

    def _chain_faults(self) -> Iterator[str]:
        """Yield faults in the chains: moves of a task follow from each other in time; only a reopen goes back."""
        now = dict(Task.objects.values_list("key", "status"))
        for task, chain in self._chains.items():
            status, at = self._campaign.before["tasks"][task]
            for change in chain:
                if change.old != status:
                    yield f"{task} was {status} when it was moved from {change.old} to {change.new}"
                if change.at < at:
                    yield f"{task} was moved to {change.new} at {change.at}, which is before the move that it followed"
                if is_regress(change.old, change.new) and not change.reopen:
                    yield f"{task} went back from {change.old} to {change.new}"
                status, at = change.new, change.at
            if now[task] != status:
                yield f"{task} is {now[task]}, its last move was to {status}"

    def _sights(self) -> Iterator[str]:
        """Yield faults in shown tasks: each is a link of its chain, and no reporter saw an older one later."""
        newest: dict[tuple[int, str], int] = {}
        for sight in self._campaign.journal.sights:
            place = self._links.get((sight.task, sight.status, datetime.fromisoformat(sight.at)))
            if place is None:
                yield f"{sight.task} was shown as {sight.status} since {sight.at}, which it never was"
            elif sight.fresh:
                who = (sight.reporter, sight.task)
                if place < newest.get(who, 0):
                    yield f"reporter {sight.reporter} saw {sight.task} go back to {sight.status} of {sight.at}"
                newest[who] = max(place, newest.get(who, 0))

    def _lost(self) -> Iterator[str]:
        """Yield lost reports: each accepted one is recorded once, or the task had that status already; no other is."""
        for report in self._campaign.journal.reports:
            moves = self._marked.get(report.mark, [])
            if report.answer != 200:
                if moves:
                    yield f"{_words(report)} was answered {report.answer}, and is recorded"
            elif len(moves) > 1:
                yield f"{_words(report)} is recorded {len(moves)} times"
            elif report.shown is None or report.shown["status"] != report.status:
                yield f"{_words(report)} was answered with {report.shown}"
            elif (report.task, report.status, _since(report.shown)) not in self._links:
                yield f"{_words(report)} is recorded nowhere"
            elif moves and (moves[0].new, moves[0].task.key) != (report.status, report.task):
                yield f"{_words(report)} is recorded as {moves[0].task.key} to {moves[0].new}"
        yield from self._below()

    def _below(self) -> Iterator[str]:
        """Yield tasks that end below the highest status that was reported since their last reopen."""
        now = dict(Task.objects.values_list("key", "status"))
        reopened = {
            task: max((change.at for change in chain if change.reopen), default=self._campaign.before["tasks"][task][1])
            for task, chain in self._chains.items()
        }
        for report in self._campaign.journal.reports:
            counts = report.answer == 200 and report.shown and _since(report.shown) >= reopened[report.task]
            if counts and rank(now[report.task]) < rank(report.status):
                yield f"{_words(report)}, and is {now[report.task]} in the end"

    def _strangers(self) -> Iterator[str]:
        """Yield moves by the API that are not one of the reports."""
        marks = {report.mark: report for report in self._campaign.journal.reports}
        for change in itertools.chain.from_iterable(self._chains.values()):
            if change.source == "api":
                report = marks.get(change.commit)
                if report is None or (f"reporter-{report.reporter}", report.reopen) != (change.who, change.reopen):
                    yield f"{change.task.key} was moved to {change.new} by {change.who}, and no report was answered so"
            elif change.source != "file":
                yield f"{change.task.key} was moved to {change.new} from {change.source}"

    def _advances(self) -> Iterator[str]:
        """Yield moves by files that differ from the runs' reports, or from the commits and authors in them."""
        named = Counter(
            (run.host, finding["task"], finding["db_status"], finding["file_status"])
            for run in self._campaign.runs
            for _, finding in run.findings
            if (finding["code"], finding["action"]) == ("C-11", "advanced")
        )
        moved = Counter(
            (change.host, change.task.key, change.old, change.new)
            for chain in self._chains.values()
            for change in chain
            if change.source == "file"
        )
        yield from (f"a run moved {key} {times} times, which no report names" for key, times in (moved - named).items())
        yield from (f"a run's report names {key} {times} times too often" for key, times in (named - moved).items())

        yield from self._authors()

    def _authors(self) -> Iterator[str]:
        """Yield moves by a file without the author of its commit, which some origin has."""
        origins = self._campaign.world.origins
        authors = {
            slug: dict(line.split(" ", 1) for line in origin.git("log", "--format=%H %an", "main").splitlines())
            for slug, origin in origins.items()
        }
        for change in itertools.chain.from_iterable(self._chains.values()):
            slug = change.task.workstream.repo.slug
            if change.source == "file" and (author := authors[slug].get(change.commit)) != change.who:
                yield f"{change.task.key} was moved by {change.who} with {change.commit}, which is {author}'s"

    def _versions(self) -> Iterator[str]:
        """Yield workstreams with a wrong version: it counts the calls and runs that moved some of its tasks."""
        steps: dict[str, set[tuple[str, datetime]]] = defaultdict(set)  # A run may bring the work of several people.
        for change in itertools.chain.from_iterable(self._chains.values()):
            steps[change.task.workstream.key].add((change.host or change.who, change.at))
        for key, version in Workstream.objects.values_list("key", "version"):
            counted = version - self._campaign.before["versions"][key]
            if counted != len(steps[key]):
                yield f"the version of {key} counts {counted} changes, {len(steps[key])} are recorded"

    def _deadlocks(self) -> Iterator[str]:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
                (number,) = cursor.fetchone()
            if number:
                yield f"PostgreSQL counts {number} deadlocks"
        said = [self._campaign.log, *(f"{run.ended.stdout}{run.ended.stderr}" for run in self._campaign.runs)]
        said += self._campaign.journal.wrongs
        for text in said:
            yield from (line for line in text.splitlines() if any(word in line for word in _NEVER))

    def _apart(self) -> Iterator[str]:
        """Yield differences at the end: hub, origins and clones agree, and the last round has found nothing."""
        world = self._campaign.world
        now: dict[str, dict[str, str]] = defaultdict(dict)
        for slug, key, status in Task.objects.values_list("workstream__repo__slug", "key", "status"):
            now[slug][key] = status
        for slug, clone in world.clones:
            tip = world.origins[slug].git("rev-parse", "refs/heads/main")
            if clone.head != tip or clone.status():
                yield f"{clone.path} is at {clone.head} with {clone.status()}, its origin at {tip}"
            said = statuses_in(clone)
            for task in sorted(now[slug].keys() | said.keys()):
                if (hub := now[slug].get(task)) != (file := said.get(task)):
                    yield f"{task} is {hub} in the hub and {file} in {clone.path}"
        for run in self._campaign.last:
            yield from (f"{run.host} still finds {finding}" for _, finding in run.findings)
            yield from (f"{run.host}: {repo['slug']} is not at rest" for repo in run.repos if not repo["converged"])

    def _other(self) -> Iterator[str]:
        campaign = self._campaign
        yield from campaign.wrongs
        yield from campaign.journal.wrongs
        yield from (f"the server said: {line}" for line in campaign.log.splitlines() if _GRAVE.search(line))
        yield from (wrong for run in campaign.runs for wrong in run.wrongs)
        yield from (wrong for person in campaign.people for wrong in person.wrongs)


def _since(shown: Json) -> datetime:
    return datetime.fromisoformat(shown["status_changed_at"])


def _words(report: Report) -> str:
    return f"{'reopen' if report.reopen else 'report'} of {report.task} as {report.status} by {report.reporter}"
