"""The rows of the web: tokens, answers to repeat, failed attempts by address, webhooks, and days of charts."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from statehub.models import Forge, Repo
from statehub.text import escape_control


class ApiToken(models.Model):
    """A remote machine's key, by the SHA-256 of its secret; `name` is who its reports are recorded as.

    Made by `web.api.tokens.create` alone, which shows the secret once. A revoked token is kept for the record.
    """

    name = models.CharField(max_length=200)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    read_only = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute.")

    class Meta:
        ordering = ("name", "-created_at")
        verbose_name = "API token"
        constraints = (
            models.UniqueConstraint(fields=("name",), condition=Q(revoked_at=None), name="token_name_unique"),
            models.CheckConstraint(condition=~Q(name=""), name="token_name_not_empty"),
        )

    def __str__(self) -> str:
        return escape_control(self.name)

    @property
    def inactive_reason(self) -> str:
        """'revoked', 'expired', or '' for an active token."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= timezone.now() else ""


class IdempotencyRecord(models.Model):
    """The answer to the first call with an Idempotency-Key; `claim` identifies that call."""

    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="idempotency_records")
    key = models.CharField(max_length=255)
    claim = models.UUIDField()
    request = models.CharField(max_length=64, help_text="SHA-256 of what was asked.")
    status = models.PositiveSmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    body = models.TextField(default="")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-at",)
        indexes = (models.Index(fields=("at",), name="idempotency_at"),)
        constraints = (models.UniqueConstraint(fields=("token", "key"), name="idempotency_token_key_unique"),)

    def __str__(self) -> str:
        return f"{self.key}: {self.status}"


class FailedAuthAttempts(models.Model):
    """How many attempts with an invalid token came from one address in one minute."""

    address = models.CharField(max_length=50)
    minute = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("-minute", "address")
        verbose_name_plural = "failed auth attempts"
        constraints = (models.UniqueConstraint(fields=("minute", "address"), name="failed_auth_minute_address_unique"),)

    def __str__(self) -> str:
        return f"{self.address}: {self.count}"


class Webhook(models.Model):
    """A repo's webhook: a delivery to `/hooks/<id>` that is signed with `secret` announces a push.

    `previous_secret` is accepted until `previous_until`. `delivered_at` and `event` describe the last delivery that was
    accepted, `refused_at` and `refused_reason` the last one that was not.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    repo = models.OneToOneField(Repo, on_delete=models.CASCADE, related_name="webhook")
    forge = models.CharField(max_length=20, choices=Forge.choices)
    secret = models.CharField(max_length=100, editable=False)
    previous_secret = models.CharField(max_length=100, blank=True, default="", editable=False)
    previous_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    delivered_at = models.DateTimeField(null=True, blank=True, editable=False)
    event = models.CharField(max_length=100, blank=True, default="", editable=False)
    refused_at = models.DateTimeField(null=True, blank=True, editable=False)
    refused_reason = models.TextField(blank=True, default="", editable=False)

    class Meta:
        ordering = ("repo__slug",)

    def __str__(self) -> str:
        return escape_control(self.repo.slug)


class ChartDay(models.Model):
    """A day of one of the dashboard's charts that has ended, with its numbers as they were counted then."""

    chart = models.CharField(max_length=20)
    day = models.DateField()
    numbers = models.JSONField()

    class Meta:
        ordering = ("chart", "day")
        constraints = (models.UniqueConstraint(fields=("chart", "day"), name="chart_day_unique"),)

    def __str__(self) -> str:
        return f"{self.chart} {self.day}"
