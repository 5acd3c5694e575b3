"""What the agents' doors remember: first results of calls that carried an idempotency key."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

KEY_LENGTH = 200


class IdempotencyRecordQuerySet(models.QuerySet["IdempotencyRecord"]):
    """Questions about remembered calls."""

    def made_before(self, moment: datetime) -> Self:
        """Records that are older than a moment."""
        return self.filter(created_at__lt=moment)


class IdempotencyRecord(models.Model):
    """The first answer to a call, by who sent it, which command, and the key that they chose.

    The row is inserted inside the call's own transaction: a second call with the same key waits for the first one's
    end, and a call that was refused leaves nothing.
    """

    id = models.BigAutoField(primary_key=True)
    holder = models.CharField(max_length=80, help_text="The token or member that sent the call.")
    command = models.CharField(max_length=80)
    key = models.CharField(max_length=KEY_LENGTH)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the call's arguments.")
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())

    objects = IdempotencyRecordQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["holder", "command", "key"], name="one_answer_per_idempotency_key"),
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_age")]

    def __str__(self) -> str:
        return f"{self.command} {self.key}"
