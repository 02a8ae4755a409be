"""The rules after a campaign: nothing lost, nothing gone back, all at rest, no job stuck, no worker hanging."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator

from django.db import connection, transaction

from consistency.models import Finding
from statehub.models import StatusChange, Task
from statehub.statuses import is_regress, rank
from tests.fleet.campaign import Campaign, unrest
from tests.fleet.world import HOSTS

_NEVER = re.compile(r"Traceback|internal error|deadlock|\[(?:ERROR|CRITICAL)\]|^(?:ERROR|CRITICAL)|please report")


def judge(campaign: Campaign) -> list[str]:
    """Return all that is wrong."""
    found = [*campaign.wrongs, *campaign.deliveries.wrongs, *campaign.faults.wrongs]
    found += [wrong for person in campaign.people for wrong in person.wrongs]
    found += [wrong for reporter in campaign.reporters for wrong in reporter.wrongs]
    found += [
        *_losses(campaign),
        *_lost_notes(campaign),
        *unrest(campaign.world),
        *_standing(campaign),
        *_logs(campaign),
    ]
    return found


def find_blind_spots(campaign: Campaign) -> list[str]:
    """Return damage that the rules do not see, of some that is made on purpose and undone."""
    done = [report for each in campaign.reporters for report in each.reports if report.answer == 200]
    marks = StatusChange.objects.filter(commit__in=[report.mark for report in done])
    damage: dict[str, Callable[[], object]] = {
        "a report that is not recorded": lambda: marks.filter(pk=marks.latest("pk").pk).delete(),
        "a task that went back": lambda: Task.objects.exclude(status="todo").update(status="todo"),
    }
    blind = []
    for name, do in damage.items():
        with transaction.atomic():
            do()
            blind += [] if _losses(campaign) else [f"not seen: {name}"]
            transaction.set_rollback(True)
    slug, person = next((slug, each) for each in campaign.people for slug in each.kept if each.kept[slug])
    person.kept[slug].add("notes/of-no-one")
    blind += [] if list(_lost_notes(campaign)) else ["not seen: a commit that is gone"]
    person.kept[slug].discard("notes/of-no-one")
    return blind


def _losses(campaign: Campaign) -> list[str]:
    chains: dict[str, list[StatusChange]] = defaultdict(list)
    for change in StatusChange.objects.order_by("pk").select_related("task"):
        chains[change.task.key].append(change)
    return [*_chain_faults(campaign, chains), *_lost_reports(campaign, chains)]


def _chain_faults(campaign: Campaign, chains: dict[str, list[StatusChange]]) -> Iterator[str]:
    """Yield faults in the chains: moves of a task follow from each other, and only a reopen goes back."""
    now = dict(Task.objects.values_list("key", "status"))
    if now.keys() != campaign.before.keys():
        yield f"tasks came or went: {sorted(now.keys() ^ campaign.before.keys())}"
    for task, chain in chains.items():
        status = campaign.before.get(task, "todo")
        for change in chain:
            if change.old != status:
                yield f"{task} was {status} when it was moved from {change.old} to {change.new}"
            if is_regress(change.old, change.new) and not change.reopen:
                yield f"{task} went back from {change.old} to {change.new}"
            status = change.new
        if now.get(task) != status:
            yield f"{task} is {now.get(task)}, its last move was to {status}"


def _lost_reports(campaign: Campaign, chains: dict[str, list[StatusChange]]) -> Iterator[str]:
    """Yield reports that were accepted and are not on record, or after which the task is lower without a reopen."""
    now = dict(Task.objects.values_list("key", "status"))
    for reporter in campaign.reporters:
        for report in reporter.reports:
            moves = [change for change in chains[report.task] if change.commit == report.mark]
            words = f"the report of {report.task} as {report.status}, {report.mark}, answered {report.answer}"
            if report.answer != 200 and moves:
                yield f"{words} is recorded"
            if report.answer != 200:
                continue
            if len(moves) > 1:
                yield f"{words} is recorded {len(moves)} times"
            if not moves and report.status not in {campaign.before[report.task], *(c.new for c in chains[report.task])}:
                yield f"{words} is recorded nowhere"
            after = moves[0].pk if moves else 0
            reopened = any(change.reopen and change.pk > after for change in chains[report.task])
            if not reopened and rank(now[report.task]) < rank(report.status):
                yield f"{words} is lost: it is {now[report.task]}"


def _lost_notes(campaign: Campaign) -> Iterator[str]:
    """Yield notes of people that were pushed and are not on the branch, unless they dropped them."""
    for slug, origin in campaign.world.origins.items():
        there = set(origin.git("ls-tree", "-r", "--name-only", "main", "notes/").splitlines())
        for person in campaign.people:
            for note in sorted(person.kept[slug] - person.dropped[slug] - there):
                yield f"{note} of {slug} was pushed and is gone"


def _standing(campaign: Campaign) -> Iterator[str]:
    """Yield findings, rows of workers and checks that are not as after a quiet day."""
    for slug, code, message in Finding.objects.open().values_list("checkout__repo__slug", "code", "message"):
        yield f"{slug} still has {code}: {message}"
    for host in HOSTS:
        document = json.loads(
            campaign.world.manage(host, "check_consistency", "--all", "--format", "json", "--fail-on", "never")
        )
        for repo in document["repos"]:
            if not repo["converged"] or repo["findings"]:
                yield f"{host} finds in {repo['slug']}: {[(f['code'], f['message']) for f in repo['findings']]}"
    if campaign.exits != [0] * len(campaign.exits):
        yield f"workers ended with {campaign.exits}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT status::text, task_name FROM procrastinate_jobs WHERE status = 'doing'")
        if jobs := cursor.fetchall():
            yield f"jobs are stuck: {jobs}"


def _logs(campaign: Campaign) -> Iterator[str]:
    yield from (f"the server said: {line}" for line in campaign.server_log.splitlines() if _NEVER.search(line))
    for log in campaign.world.logs:
        for line in log.read_text(errors="replace").splitlines():
            if _NEVER.search(line):
                yield f"{log.name} said: {line}"
