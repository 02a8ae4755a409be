"""The mirrored rows: repos and their checkouts, workstreams, tasks, and every change of a task's status.

Statuses change through `statehub.transitions` alone, which holds the rank rule in the update itself and increases
`Workstream.version`.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from django.db import models
from django.db.models import Case, F, Q, When
from django.db.models.functions import Left, Length
from django.utils import timezone

from statehub.fields import IdField
from statehub.globs import DEFAULT_WORKPLANS, join_globs
from statehub.statuses import DEFAULT_PRIORITY, PRIORITIES, TASK_RANKS, TASK_STATUSES, WORKSTREAM_STATUSES
from statehub.text import escape_control

NAME_LENGTH = 200
"""Characters of a row's name in a list or a link."""

URGENCIES = {priority: number for number, priority in enumerate(reversed(PRIORITIES))}
"""The priorities as numbers, 0 for the highest."""

INDEXED_LENGTH = 500
"""Characters of a text that an index has: PostgreSQL refuses an entry of more than 2,704 bytes."""

models.TextField.register_lookup(Length)


def is_indexed(name: str) -> Q:
    """Return the condition of a partial index on the text *name*, which leaves out empty and very long ones."""
    return ~Q(**{name: ""}) & Q(**{f"{name}__length__lte": INDEXED_LENGTH})


class Writeback(models.TextChoices):
    """How the hub's statuses get into a repo's files; by default the hub's own clones push, and others only commit."""

    PUSH = "push"
    PROPOSE = "propose"
    OFF = "off"


class Forge(models.TextChoices):
    """The software of the server that has a repo."""

    GITHUB = "github", "GitHub"
    GITLAB = "gitlab", "GitLab"
    GITEA = "gitea", "Gitea"
    FORGEJO = "forgejo", "Forgejo"
    BITBUCKET = "bitbucket", "Bitbucket"
    GENERIC = "generic", "other"


class Repo(models.Model):
    """A git repository known by its slug, its addresses and its history.

    `origin` is its normalised remote URL or ''. `aliases` are other addresses of the same repository,
    `former_origins` those that it has moved away from. `first_commits` are the root commits of its history, empty if
    unknown. `workplans` and `exclude` are globs, one a line: a file that matches one of `exclude` is not a workplan.
    `branch` is the mirrored one: a fix on any other writes nothing. '' is any. `remote` is the URL that the hub's own
    clones are made from, as git takes it; '' without one. `hook_heard_at` is the time of the last webhook delivery.
    """

    slug = models.CharField(max_length=200, unique=True)
    workplans = models.TextField(default=DEFAULT_WORKPLANS)
    exclude = models.TextField(blank=True, default="")
    origin = models.TextField(blank=True, default="")
    aliases = models.JSONField(blank=True, default=list)
    former_origins = models.JSONField(blank=True, default=list, editable=False)
    first_commits = models.JSONField(blank=True, default=list, editable=False)
    branch = models.TextField(blank=True, default="")
    remote = models.TextField(blank=True, default="", editable=False)
    writeback = models.CharField(max_length=10, blank=True, default="", choices=Writeback.choices)
    forge = models.CharField(max_length=20, blank=True, default="", choices=Forge.choices)
    hook_heard_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("slug",)
        constraints = (
            models.CheckConstraint(condition=Q(writeback__in=("", *Writeback.values)), name="repo_writeback_known"),
            models.CheckConstraint(condition=Q(forge__in=("", *Forge.values)), name="repo_forge_known"),
        )

    def __str__(self) -> str:
        return self.slug

    @property
    def addresses(self) -> tuple[str, ...]:
        """The repository's URLs, its origin first; empty without an origin."""
        return (self.origin, *self.aliases) if self.origin else ()

    @property
    def pattern(self) -> str:
        """Globs of workplans, one a line; one of excluded files begins with `:!`."""
        return join_globs(self.workplans.split("\n"), filter(None, self.exclude.split("\n")))


class CheckoutQuerySet(models.QuerySet["Checkout"]):
    """Checkouts: active ones are run and can be overdue, retired ones only keep their history."""

    def active(self) -> CheckoutQuerySet:
        """Return those that are not retired."""
        return self.filter(retired_at=None)

    def served(self) -> CheckoutQuerySet:
        """Return the active ones that workers run: the hub's own clones, and those given to a worker."""
        return self.active().filter(Q(managed=True) | Q(watch=True))

    def retired(self) -> CheckoutQuerySet:
        """Return those that are retired."""
        return self.exclude(retired_at=None)


class Checkout(models.Model):
    """One clone of a repo: a host name and a path on that host.

    `head` and `tip` are those of its last complete fix: the hub has taken the statuses in these commits.
    `unreachable_since` is the time of the first failed fetch since one worked; `fetch_timeouts` counts those in a row
    that timed out although data was arriving. `retired_at` is set once it is no longer run.

    `managed` is a clone of the hub's own; `watch` gives a person's clone to a worker. `token_file` or the environment
    variable `token_variable` has the token for its remote. `clone_size` is in bytes. A worker polls the remote at
    `poll_at`; `poll_failures` counts polls in a row that failed. `unannounced_at` is the time of a poll that found a
    push that no webhook had announced, until one is heard. `rung_at` is the time of the oldest push that is known and
    not taken yet, `push_lag` the seconds that the last one waited.
    """

    repo = models.ForeignKey(Repo, on_delete=models.CASCADE, related_name="checkouts")
    host = models.CharField(max_length=255)
    path = models.TextField()
    head = models.CharField(max_length=64, blank=True, default="", editable=False)
    tip = models.CharField(max_length=64, blank=True, default="", editable=False)
    unreachable_since = models.DateTimeField(null=True, blank=True, editable=False)
    fetch_timeouts = models.PositiveSmallIntegerField(default=0, editable=False)
    managed = models.BooleanField(default=False, editable=False)
    watch = models.BooleanField(default=False)
    token_file = models.TextField(blank=True, default="", editable=False)
    token_variable = models.CharField(max_length=200, blank=True, default="", editable=False)
    clone_size = models.PositiveBigIntegerField(null=True, blank=True, editable=False)
    poll_at = models.DateTimeField(null=True, blank=True, editable=False)
    poll_failures = models.PositiveSmallIntegerField(default=0, editable=False)
    unannounced_at = models.DateTimeField(null=True, blank=True, editable=False)
    rung_at = models.DateTimeField(null=True, blank=True, editable=False)
    push_lag = models.FloatField(null=True, blank=True, editable=False)
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = CheckoutQuerySet.as_manager()

    class Meta:
        ordering = ("host", "path")
        permissions = (
            ("run_checkout", "Can check and fix a checkout now"),
            ("retire_checkout", "Can retire checkouts"),
        )
        constraints = (
            # Of retired ones there may be several: a folder may hold one repository after another.
            models.UniqueConstraint(
                fields=("host", "path"), condition=Q(retired_at=None), name="checkout_active_place_unique"
            ),
            models.UniqueConstraint(fields=("repo", "host", "path"), name="checkout_repo_place_unique"),
        )

    def __str__(self) -> str:
        return escape_control(f"{self.host}:{self.path}")


class TrustedHost(models.Model):
    """The host keys of an ssh server that a person has confirmed: lines of a known_hosts file (sshd(8)).

    `name` is the host, or `[host]:port` for another port than 22.
    """

    name = models.CharField(max_length=300, unique=True)
    keys = models.TextField()
    who = models.TextField(blank=True, default="")
    trusted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return escape_control(self.name)


class Workstream(models.Model):
    """A workplan's row. `version` increases with every change of it or of one of its tasks.

    `committed` is false while no commit of the repo's branch is known to have the file: then only the checkouts that
    have had it can report it as gone. `may_be_missing` is set by a fix with `--allow-missing`, for all checkouts of the
    repo.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    repo = models.ForeignKey(Repo, on_delete=models.CASCADE, related_name="workstreams", db_index=False)
    key = IdField(max_length=200)
    title = models.TextField()
    status = models.CharField(max_length=20)
    path = models.TextField()
    version = models.PositiveBigIntegerField(default=1)
    domain = models.TextField(blank=True, default="")
    repo_name = models.TextField(blank=True, default="", help_text="The front matter's `repo`.")
    owner = models.TextField(blank=True, default="")
    topic_slug = models.TextField(blank=True, default="")
    created = models.TextField(blank=True, default="", help_text="As the front matter has it.")
    updated = models.TextField(blank=True, default="", help_text="As the front matter has it.")
    status_changed_at = models.DateTimeField(default=timezone.now)
    committed = models.BooleanField(default=True, db_default=True, editable=False)
    may_be_missing = models.BooleanField(default=False, db_default=False, editable=False)

    class Meta:
        ordering = ("repo", "key")
        constraints = (
            models.UniqueConstraint(fields=("repo", "key"), name="workstream_repo_key_unique"),
            models.CheckConstraint(condition=Q(status__in=WORKSTREAM_STATUSES), name="workstream_status_known"),
            models.CheckConstraint(condition=~Q(key=""), name="workstream_key_not_empty"),
        )

    def __str__(self) -> str:
        return escape_control(f"{self.key} {self.title}"[:NAME_LENGTH])


class WorkstreamMove(models.Model):
    """One move of a workstream from one repo to another, with its tasks and their history. Only added, never changed.

    `commit` is the HEAD of the checkout in which the hub found the workplan: the statuses in it and in its ancestors
    are older than those that the hub has at that time.
    """

    workstream = models.ForeignKey(Workstream, on_delete=models.CASCADE, related_name="moves")
    from_repo = models.ForeignKey(Repo, on_delete=models.SET_NULL, null=True, related_name="+")
    from_slug = models.CharField(max_length=200)
    to_repo = models.ForeignKey(Repo, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    who = models.TextField(blank=True, default="")
    host = models.CharField(max_length=255, blank=True, default="")
    commit = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        ordering = ("-at", "-id")

    def __str__(self) -> str:
        return f"{self.from_slug} → {self.to_repo}"


class TaskQuerySet(models.QuerySet["Task"]):
    """Tasks of any workstreams."""

    def count_by_status(self, workstreams: Iterable[uuid.UUID]) -> dict[uuid.UUID, Counter[str]]:
        """Count the tasks of each of *workstreams* by status, in one query."""
        counts: dict[uuid.UUID, Counter[str]] = {pk: Counter() for pk in workstreams}
        rows = self.filter(workstream__in=list(counts)).order_by().values_list("workstream", "status")
        for pk, status, number in rows.annotate(number=models.Count("pk")):
            counts[pk][status] = number
        return counts


class Task(models.Model):
    """A task block's row. `status_changed_at` is the time of its last change of status, or of its creation.

    `depends` are the ids of the tasks that must be finished before it, as its block has them, one a line. `position` is
    the block's place among those of its workplan, from 0. `taken_by` is who has it, since `taken_at`: whoever moved it
    to in_progress, as long as it is there or blocked. `urgency` is the priority as a number, 0 for the highest.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workstream = models.ForeignKey(Workstream, on_delete=models.CASCADE, related_name="tasks", db_index=False)
    key = IdField(max_length=200)
    title = models.TextField()
    status = models.CharField(max_length=20)
    priority = models.CharField(max_length=20, default=DEFAULT_PRIORITY)
    owner = models.TextField(blank=True, default="")
    depends = models.TextField(blank=True, default="")
    position = models.PositiveIntegerField(default=0, editable=False)
    taken_by = models.TextField(blank=True, default="", editable=False)
    taken_at = models.DateTimeField(null=True, blank=True, editable=False)
    urgency = models.GeneratedField(
        expression=Case(*(When(priority=each, then=number) for each, number in URGENCIES.items()), default=9),
        output_field=models.SmallIntegerField(),
        db_persist=True,
    )
    status_changed_at = models.DateTimeField(default=timezone.now)

    objects = TaskQuerySet.as_manager()

    class Meta:
        ordering = ("workstream", "key")
        permissions = (
            ("advance_task", "Can advance a task's status"),
            ("reopen_task", "Can reopen a task, with a reason"),
        )
        indexes = (
            models.Index(fields=("key",), name="task_key"),
            models.Index(fields=("-status_changed_at", "-id"), name="task_moved"),
            models.Index(fields=("status", "-status_changed_at"), name="task_status_moved"),
            models.Index(
                fields=("urgency", "position", "id"), condition=Q(status="todo", taken_by=""), name="task_next"
            ),
            models.Index(fields=("urgency", "position", "id"), name="task_order"),
            models.Index(fields=("owner", "status"), condition=is_indexed("owner"), name="task_owner"),
            models.Index(fields=("taken_by", "status"), condition=is_indexed("taken_by"), name="task_taken_by"),
            models.Index(fields=("workstream",), condition=~Q(depends=""), name="task_depends"),
            # To count all tasks, or those of a priority. With few different values it is small: 7 MB for a million.
            models.Index(fields=("status", "urgency"), name="task_status"),
        )
        constraints = (
            models.UniqueConstraint(fields=("workstream", "key"), name="task_workstream_key_unique"),
            models.CheckConstraint(condition=Q(status__in=TASK_STATUSES), name="task_status_known"),
            models.CheckConstraint(condition=Q(priority__in=PRIORITIES), name="task_priority_known"),
            models.CheckConstraint(condition=~Q(key=""), name="task_key_not_empty"),
        )

    def __str__(self) -> str:
        return escape_control(f"{self.key} {self.title}"[:NAME_LENGTH])

    @property
    def version(self) -> str:
        """16 hexadecimal digits that differ after every change of the task.

        A status that changed there and back has another time, and so another version.
        """
        return make_task_version(
            id=self.pk,
            key=self.key,
            title=self.title,
            status=self.status,
            priority=self.priority,
            owner=self.owner,
            depends=self.depends,
            status_changed_at=self.status_changed_at,
        )


def make_task_version(
    *,
    id: uuid.UUID,
    key: str,
    title: str,
    status: str,
    priority: str,
    owner: str,
    depends: str,
    status_changed_at: datetime,
) -> str:
    """Return the version of a task with these values (`Task.version`)."""
    state = (str(id), key, title, status, priority, owner, depends, status_changed_at.isoformat())
    return hashlib.sha256("\0".join(state).encode()).hexdigest()[:16]


class Source(models.TextChoices):
    """The origins of a status change."""

    FILE = "file"
    API = "api"
    ADMIN = "admin"
    COMMAND = "command"


def _no_regress() -> Q:
    """Return the rank rule as a condition on `old` and `new`: a higher or equal rank, unless it is a reopen."""
    rule = Q(reopen=True)
    for old, old_rank in TASK_RANKS.items():
        allowed = [new for new, new_rank in TASK_RANKS.items() if new_rank >= old_rank]
        rule |= Q(old=old, new__in=allowed)
    return rule


class StatusChange(models.Model):
    """One change of a task's status: from what to what, when, by whom, from where. Only added, never changed.

    If it came from a file, `commit` is the commit that brought it into the file and `authored` its author date in
    seconds since 1970; if no commit has it yet, `digest` is that of the file. For a reopen, `known_heads` are the
    commits that the hub had taken from the repo's checkouts: the statuses in them are older than the reopen.
    """

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="changes", db_index=False)
    old = models.CharField(max_length=20)
    new = models.CharField(max_length=20)
    at = models.DateTimeField(default=timezone.now)
    who = models.TextField(blank=True, default="")
    source = models.CharField(max_length=10, choices=Source.choices)
    host = models.CharField(max_length=255, blank=True, default="")
    commit = models.CharField(max_length=64, blank=True, default="", help_text="The commit that brought it.")
    authored = models.BigIntegerField(null=True, blank=True)
    digest = models.CharField(max_length=64, blank=True, default="")
    known_heads = models.JSONField(default=list, blank=True)
    reopen = models.BooleanField(default=False)
    reason = models.TextField(blank=True, default="")

    class Meta:
        ordering = ("-at", "-id")
        indexes = (
            models.Index(fields=("task", "-at"), name="change_task_at"),
            models.Index(fields=("at",), name="change_at"),
            # Every run with a change asks for the reopens of a day, and there are few among all changes.
            models.Index(fields=("at",), name="change_reopen_at", condition=Q(reopen=True)),
            models.Index(Left("who", INDEXED_LENGTH), F("at").desc(), F("id").desc(), name="change_who_at"),
        )
        constraints = (
            models.CheckConstraint(condition=Q(old__in=TASK_STATUSES), name="change_old_known"),
            models.CheckConstraint(condition=Q(new__in=TASK_STATUSES), name="change_new_known"),
            models.CheckConstraint(condition=_no_regress(), name="change_no_regress"),
            models.CheckConstraint(condition=Q(reopen=False) | ~Q(reason=""), name="change_reopen_has_reason"),
        )

    def __str__(self) -> str:
        return f"{self.old} → {self.new}"
