"""The records of runs: runs, findings, own commits, and the ledger of each checkout's files."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from consistency.core.codes import CODES, SEVERITIES
from statehub.fields import IdTextField
from statehub.models import NAME_LENGTH, Checkout, Repo
from statehub.text import escape_control


class Mode(models.TextChoices):
    """The kind of a run."""

    CHECK = "check"
    FIX = "fix"


class RunState(models.TextChoices):
    """How a run ended; `running` also if its process died."""

    RUNNING = "running"
    OK = "ok"
    SKIPPED = "skipped"
    ERROR = "error"


TRIGGERS = ("command", "cron", "admin", "api", "webhook", "poll", "report")
"""The starters of runs: a command that does not name itself, or one of the others. The last three are a worker's."""


class RunQuerySet(models.QuerySet["Run"]):
    """Runs of any checkouts."""

    def finished(self) -> RunQuerySet:
        """Keep those that ended."""
        return self.filter(finished_at__isnull=False)

    def newest_per_checkout(self, column: str, *, checkout: str = "pk", order: str = "-started_at") -> Subquery:
        """Select *column* of the newest of these runs, for each row of a query whose checkout is in its *checkout*."""
        runs = self.filter(checkout=OuterRef(checkout)).order_by(order)
        return Subquery(runs.values(column)[:1])


class Run(models.Model):
    """One check or fix of one checkout, with its freshness receipt. `seconds` is the duration by phase."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    checkout = models.ForeignKey(Checkout, on_delete=models.CASCADE, related_name="runs", db_index=False)
    mode = models.CharField(max_length=10, choices=Mode.choices)
    dry_run = models.BooleanField(default=False)
    trigger = models.CharField(max_length=10, default="command")
    user = models.TextField(blank=True, default="")
    version = models.CharField(max_length=50, blank=True, default="")
    outcome = models.CharField(max_length=10, choices=RunState.choices, default=RunState.RUNNING)
    converged = models.BooleanField(default=False)
    error = models.TextField(blank=True, default="")
    freshness = models.CharField(max_length=20, blank=True, default="")
    fetch = models.TextField(blank=True, default="", help_text="'ok', 'not asked', or git's message why it failed.")
    head = models.CharField(max_length=64, blank=True, default="")
    branch = models.TextField(blank=True, default="")
    upstream = models.TextField(blank=True, default="")
    upstream_place = models.TextField(blank=True, default="", help_text="The upstream as every checkout names it.")
    tip = models.CharField(max_length=64, blank=True, default="", help_text="The upstream's commit that was seen.")
    fetched_at = models.DateTimeField(null=True, blank=True, help_text="When it was seen.")
    ahead = models.PositiveIntegerField(null=True, blank=True, help_text="Unknown if empty.")
    behind = models.PositiveIntegerField(null=True, blank=True, help_text="Unknown if empty.")
    writeback_commit = models.CharField(max_length=64, blank=True, default="")
    push = models.TextField(blank=True, default="", help_text="'ok', or why what was committed is not pushed.")
    counts = models.JSONField(default=dict)
    seconds = models.JSONField(default=dict)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ("-started_at",)
        indexes = (
            models.Index(fields=("checkout", "-started_at"), name="run_checkout_started"),
            models.Index(fields=("-started_at", "-id"), name="run_started"),
            models.Index(fields=("outcome", "-started_at"), name="run_outcome_started"),
            models.Index(fields=("trigger", "-started_at"), name="run_trigger_started"),
            models.Index(fields=("upstream_place", "-fetched_at"), condition=~Q(tip=""), name="run_upstream_fetched"),
        )
        constraints = (
            models.CheckConstraint(condition=Q(mode__in=Mode.values), name="run_mode_known"),
            models.CheckConstraint(condition=Q(outcome__in=RunState.values), name="run_outcome_known"),
        )

    def __str__(self) -> str:
        return f"{self.mode} {self.started_at:%Y-%m-%d %H:%M}"


class FindingQuerySet(models.QuerySet["Finding"]):
    """Findings of any checkouts."""

    def open(self) -> FindingQuerySet:
        """Keep those that are not resolved."""
        return self.filter(resolved_at=None)


class Finding(models.Model):
    """A finding from its first to its last sighting: while open, the only one with its fingerprint in a checkout."""

    checkout = models.ForeignKey(Checkout, on_delete=models.CASCADE, related_name="findings", db_index=False)
    fingerprint = models.CharField(max_length=64)
    code = models.CharField(max_length=10)
    severity = models.CharField(max_length=10)
    message = models.TextField()
    file = models.TextField(blank=True, default="")
    line = models.PositiveIntegerField(null=True, blank=True)
    workplan = IdTextField(blank=True, default="")
    task = IdTextField(blank=True, default="")
    db_status = models.CharField(max_length=20, blank=True, default="")
    file_status = models.CharField(max_length=20, blank=True, default="")
    action = models.CharField(max_length=20, default="none")
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    times_seen = models.PositiveIntegerField(default=1)
    opened_by = models.ForeignKey(Run, on_delete=models.SET_NULL, null=True, related_name="opened")
    resolved_by = models.ForeignKey(Run, on_delete=models.SET_NULL, null=True, blank=True, related_name="resolved")
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(
        max_length=20, blank=True, default="", help_text="How it ended; 'gone': not found again."
    )
    commit = models.CharField(max_length=64, blank=True, default="", help_text="The writeback commit that resolved it.")

    objects = FindingQuerySet.as_manager()

    class Meta:
        ordering = ("-last_seen", "-id")
        # By first_seen, which never changes: an open finding that is seen again moves in none of the indexes.
        indexes = (
            models.Index(fields=("checkout", "code"), name="finding_checkout_code"),
            models.Index(
                fields=("checkout", "-resolved_at"), condition=Q(resolution="written_back"), name="finding_written_back"
            ),
            models.Index(fields=("-first_seen", "-id"), name="finding_first"),
            models.Index(fields=("code", "-first_seen"), name="finding_code_first"),
            models.Index(fields=("severity", "-first_seen"), name="finding_severity_first"),
            models.Index(fields=("-first_seen",), condition=Q(resolved_at=None), name="finding_open_first"),
            models.Index(fields=("code", "first_seen"), condition=Q(resolved_at=None), name="finding_open_code"),
            models.Index(fields=("resolved_at",), name="finding_resolved"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("checkout", "fingerprint"), condition=Q(resolved_at=None), name="finding_open_once"
            ),
            models.CheckConstraint(condition=Q(code__in=tuple(CODES)), name="finding_code_known"),
            models.CheckConstraint(
                condition=Q(severity__in=tuple(str(severity) for severity in SEVERITIES)),
                name="finding_severity_known",
            ),
        )

    def __str__(self) -> str:
        return escape_control(f"{self.code} {self.message}"[:NAME_LENGTH])


class OwnCommit(models.Model):
    """A commit that State Hub made in some checkout of the repo: known by this record, whatever name or text it has.

    `authored` is its author date in seconds since 1970, which a rebase or an amend keeps; null if it is not known.
    `changes` are the statuses it wrote: [path, workplan, task, old, new, digest of the file]. `withdrawn` is a proposal
    that was taken back and that no one can merge: a file that says the same says it for itself. Never pruned.
    """

    repo = models.ForeignKey(Repo, on_delete=models.CASCADE, related_name="own_commits")
    commit = models.CharField(max_length=64)
    authored = models.BigIntegerField(null=True, blank=True)
    changes = models.JSONField(default=list, blank=True)
    withdrawn = models.BooleanField(default=False)
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-recorded_at", "-id")
        constraints = (models.UniqueConstraint(fields=("repo", "commit"), name="own_commit_once"),)

    def __str__(self) -> str:
        return self.commit


class Proposal(models.Model):
    """The branch that holds the hub's statuses for a repo whose own branch is protected.

    `branch` is the branch on the remote, or the full name of another ref; `commit` its commit as the hub has left it
    there, '' if the hub has removed it. `base` is the commit of the repo's branch below it: with one, the branch may be
    there. `page` is the URL at which a person opens or reads the request, `proposed_at` since when it waits; null if
    it does not. `withdrawn` are the commits that were there before, the last until `withdrawn_at`, and that a request
    merged at the same moment may still have brought.
    """

    repo = models.OneToOneField(Repo, on_delete=models.CASCADE, related_name="proposal")
    branch = models.TextField()
    commit = models.CharField(max_length=64, blank=True, default="")
    base = models.CharField(max_length=64, blank=True, default="")
    page = models.TextField(blank=True, default="")
    proposed_at = models.DateTimeField(null=True, blank=True)
    withdrawn = models.JSONField(default=list, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return escape_control(self.branch[:NAME_LENGTH])


class Worker(models.Model):
    """One process of `run_worker`: it works on the queue of *host*, on `concurrency` checkouts at a time.

    Its row goes when it ends; that of a killed one when `seen_at` is too old.
    """

    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    concurrency = models.PositiveSmallIntegerField()
    version = models.CharField(max_length=50, blank=True, default="")
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("host", "started_at")

    def __str__(self) -> str:
        return escape_control(f"{self.host} ({self.pid})")


class Receiver(models.Model):
    """One receiver of notifications. Its address is only in the settings: `address_hash` is the SHA-256 in hex.

    `name` is the address without its secret path. `secret` signs the messages of a webhook; until `previous_until` they
    have a signature with `previous_secret`, too. After a failure it is tried again at `retry_at`; `failures` counts
    those in a row, the first of which was at `failing_since`. `busy_until` is set while a process sends to it.
    """

    address_hash = models.CharField(max_length=64, unique=True)
    name = models.TextField()
    secret = models.CharField(max_length=100)
    previous_secret = models.CharField(max_length=100, blank=True, default="")
    previous_until = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True, default="")
    retry_at = models.DateTimeField(null=True, blank=True)
    busy_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return escape_control(self.name)


class Subject(models.TextChoices):
    """The subject of a notification."""

    FINDING = "finding"
    OVERDUE = "overdue"
    PROPOSAL = "proposal"
    DIGEST = "digest"


class Notification(models.Model):
    """One episode that one receiver is notified of, once, whichever process sends it.

    `episode` names it: the subject, its row, and the time of its beginning if it may come back. `since` is the time of
    its beginning, `ended_at` of its end. `delivered_at` is null until the receiver has taken the message,
    `end_delivered_at` until it has taken the one that the episode is resolved.
    """

    receiver = models.ForeignKey(Receiver, on_delete=models.CASCADE, related_name="notifications", db_index=False)
    episode = models.CharField(max_length=200)
    subject = models.CharField(max_length=10, choices=Subject.choices)
    # Without a constraint, so that deleting findings costs no queries here; `record_ends` removes rows without one.
    finding = models.ForeignKey(
        Finding, on_delete=models.DO_NOTHING, null=True, related_name="notifications", db_constraint=False
    )
    checkout = models.ForeignKey(Checkout, on_delete=models.CASCADE, null=True, related_name="notifications")
    repo = models.ForeignKey(Repo, on_delete=models.CASCADE, null=True, related_name="notifications")
    since = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    end_delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-since", "-id")
        indexes = (
            models.Index(fields=("subject",), condition=Q(end_delivered_at=None), name="notification_lasting"),
            models.Index(
                fields=("receiver",),
                condition=Q(delivered_at=None) | Q(ended_at__isnull=False, end_delivered_at=None),
                name="notification_undelivered",
            ),
        )
        constraints = (
            models.UniqueConstraint(fields=("receiver", "episode"), name="notification_once"),
            models.CheckConstraint(condition=Q(subject__in=Subject.values), name="notification_subject_known"),
        )

    def __str__(self) -> str:
        return escape_control(self.episode)


class LedgerEntry(models.Model):
    """One workplan file of one checkout as of the last fix.

    `version` is the workstream's when both sides agreed on the bytes with `digest`; null if they did not. `content` has
    the file's statuses and those that the hub took from it (`core.ledger_codec`).
    """

    checkout = models.ForeignKey(Checkout, on_delete=models.CASCADE, related_name="ledger", db_index=False)
    path = models.TextField()
    key = models.CharField(max_length=200)
    workstream = models.UUIDField()
    digest = models.CharField(max_length=64)
    version = models.PositiveBigIntegerField(null=True)
    content = models.TextField()

    class Meta:
        ordering = ("path",)
        verbose_name_plural = "ledger entries"
        constraints = (models.UniqueConstraint(fields=("checkout", "path"), name="ledger_checkout_path_unique"),)

    def __str__(self) -> str:
        return self.path
