"""The few tables that everybody writes and nobody owns: audit trail, jobs, mail, heartbeats."""

from typing import Any, ClassVar, NoReturn

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from sasvpay.kit.state import Stateful


class AppendOnlyQuerySet(models.QuerySet["AuditEvent"]):
    """Rows that can be added and read. PostgreSQL refuses the rest by trigger."""

    def update(self, **kwargs: Any) -> NoReturn:
        """Refuse."""
        raise TypeError("The audit trail is append-only.")

    def delete(self) -> NoReturn:
        """Refuse."""
        raise TypeError("The audit trail is append-only.")


class AuditEvent(models.Model):
    """One thing that somebody did. No foreign keys: the trail never holds live rows back."""

    # A team ("team:7") or the house ("house"): each is a hash chain of its own.
    chain = models.CharField(max_length=32)
    number = models.BigIntegerField()
    hash = models.CharField(max_length=64)
    event = models.CharField(max_length=48)
    at = models.DateTimeField()
    actor_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=254)
    role = models.CharField(max_length=32, blank=True)
    team_id = models.BigIntegerField(null=True)
    game = models.CharField(max_length=64, blank=True)
    object_type = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64)
    object_label = models.CharField(max_length=200)
    # What changed, `{"before": …, "after": …}` among other facts; never a secret.
    facts = models.JSONField(default=dict)
    request_id = models.CharField(max_length=36, blank=True)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["chain", "number"], name="kit_audit_number_once"),
        ]
        # The page shows one chain by time, whole or by one of these.
        indexes: ClassVar = [
            models.Index(fields=["chain", "-at"], name="kit_audit_chain_at"),
            models.Index(fields=["chain", "game", "-at"], name="kit_audit_game_at"),
            models.Index(fields=["chain", "actor", "-at"], name="kit_audit_actor_at"),
            models.Index(fields=["chain", "event", "-at"], name="kit_audit_event_at"),
            models.Index(
                fields=["chain", "object_type", "object_id", "-at"], name="kit_audit_object_at"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.chain}#{self.number} {self.event}"


class AuditHead(models.Model):
    """The end of one chain; locking this row orders those who write to it."""

    chain = models.CharField(max_length=32, primary_key=True)
    number = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True, default="")

    def __str__(self) -> str:
        return f"{self.chain}#{self.number}"


class Job(Stateful):
    """Work that takes longer than a page: what, for whom, how far, and what came of it."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Done")
        FAILED = "failed", _("Failed")

    TRANSITIONS: ClassVar = {
        Status.QUEUED: frozenset({Status.RUNNING}),
        # A job whose worker died is queued again.
        Status.RUNNING: frozenset({Status.SUCCEEDED, Status.FAILED, Status.QUEUED}),
    }

    kind = models.CharField(max_length=48)
    # What it is about, as text ("game:mg_8f21c4"): the kit knows no other model.
    subject = models.CharField(max_length=100)
    params = models.JSONField(default=dict)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.QUEUED)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    result = models.JSONField(default=dict)
    result_file = models.FileField(upload_to="jobs/", blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["lease_until"],
                name="kit_job_unfinished",
                condition=models.Q(status__in=["queued", "running"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Mail(models.Model):
    """A letter in the outbox. Its body is encrypted, and erased once the server accepted it."""

    to = models.EmailField()
    subject = models.CharField(max_length=200)
    body_encrypted = models.BinaryField(null=True)
    kind = models.CharField(max_length=48)
    created_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"],
                name="kit_mail_due",
                condition=models.Q(sent_at=None, failed_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.to}"


class Heartbeat(models.Model):
    """When a kind of process (worker, dispatcher) was last seen at work."""

    name = models.CharField(max_length=32, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%H:%M:%S}"
