"""Runs of agents, and the prompts that a runner picked up for its next one."""

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from access.models import Member, Project, RoleToken

if TYPE_CHECKING:
    from access.callers import Caller

NAME_LENGTH = 200


class RunQuerySet(models.QuerySet["Run"]):
    """Questions about runs."""

    def visible_to(self, caller: "Caller") -> Self:
        """Runs in the caller's scope."""
        return self if caller.project_ids is None else self.filter(project_id__in=caller.project_ids)


class Run(models.Model):
    """One session of an agent, as it was reported. The same session reported twice is one run."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="runs")
    runner = models.CharField(max_length=NAME_LENGTH, blank=True)
    session_id = models.CharField(max_length=NAME_LENGTH, blank=True)
    # The prompt is a memory, which lies above this room: only its id and title are known here.
    prompt_id = models.UUIDField(null=True)
    prompt_name = models.CharField(max_length=500, blank=True)
    status = models.CharField(max_length=40, default="success")
    output_summary = models.TextField(blank=True)
    model = models.CharField(max_length=NAME_LENGTH, blank=True)
    tokens_input = models.PositiveBigIntegerField(null=True)
    tokens_output = models.PositiveBigIntegerField(null=True)
    tokens_cache_read = models.PositiveBigIntegerField(null=True)
    tokens_cache_creation = models.PositiveBigIntegerField(null=True)
    cost_usd = models.DecimalField(
        max_digits=14, decimal_places=6, null=True, help_text="As reported; empty when unknown."
    )
    files_modified = ArrayField(models.CharField(max_length=1000), default=list)
    duration_s = models.FloatField(null=True)
    finished_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    token = models.ForeignKey(RoleToken, null=True, on_delete=models.SET_NULL, related_name="runs")
    member = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="runs")
    reported_by = models.CharField(max_length=NAME_LENGTH, blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "session_id"],
                condition=~models.Q(session_id=""),
                name="one_run_per_session_and_project",
            ),
            models.CheckConstraint(
                condition=models.Q(cost_usd=None) | models.Q(cost_usd__gte=0), name="cost_is_not_negative"
            ),
        ]
        indexes = [models.Index(fields=["project", "-created_at"], name="run_newest")]

    def __str__(self) -> str:
        return f"{self.runner or self.reported_by} {self.created_at:%Y-%m-%d %H:%M}"


class PromptPickupQuerySet(models.QuerySet["PromptPickup"]):
    """Questions about pickups."""

    def open_for(self, project_id: int, runner: str, *, since: datetime) -> Self:
        """Pickups of a runner in a project that no run is linked to yet, newest first."""
        return self.filter(project_id=project_id, runner=runner, run=None, picked_up_at__gte=since).order_by(
            "-picked_up_at", "-pk"
        )


class PromptPickup(models.Model):
    """A prompt that a runner fetched: the runner's next report in that project is linked to it, once."""

    id = models.BigAutoField(primary_key=True)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="prompt_pickups")
    runner = models.CharField(max_length=NAME_LENGTH)
    prompt_id = models.UUIDField()
    prompt_name = models.CharField(max_length=500)
    picked_up_at = models.DateTimeField(default=timezone.now, db_default=Now())
    run = models.OneToOneField(Run, null=True, on_delete=models.SET_NULL, related_name="prompt_pickup")

    objects = PromptPickupQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["project", "runner", "picked_up_at"], condition=models.Q(run=None), name="pickup_open")
        ]

    def __str__(self) -> str:
        return f"{self.runner}: {self.prompt_name}"
