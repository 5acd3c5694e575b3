"""Beat jobs in the admin, and the pages of libraries that have no place there.

Only pages on `PortalModelAdmin` keep scope and audit; whatever else a library registers is taken off the site.
"""

import json
from importlib import import_module
from typing import Any

from celery import current_app
from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from kombu.exceptions import OperationalError
from redis import RedisError
from unfold.widgets import UnfoldAdminSelectWidget

from access.admin_base import PortalModelAdmin, RefusableForm, deed
from access.appearance import state_label
from access.callers import Caller
from access.errors import Conflict
from access.moments import relative_time
from access.roles import Role

LIBRARY_ADMINS = (
    "django.contrib.auth.admin",
    "allauth.account.admin",
    "allauth.mfa.admin",
    "django_celery_beat.admin",
    "oauth2_provider.admin",
)

for module in LIBRARY_ADMINS:
    import_module(module)
for model, registered in list(admin.site._registry.items()):
    if not isinstance(registered, PortalModelAdmin):
        admin.site.unregister(model)


def task_choices() -> list[tuple[str, str]]:
    """The portal's own tasks, by name."""
    current_app.loader.import_default_modules()
    return [(name, name) for name in sorted(current_app.tasks) if not name.startswith("celery.")]


class JobForm(RefusableForm):
    """What a job does and when."""

    task = forms.ChoiceField(choices=task_choices, widget=UnfoldAdminSelectWidget)

    class Meta:
        model = PeriodicTask
        fields = ("name", "description", "task", "interval", "crontab", "enabled")

    def clean(self) -> dict[str, Any]:
        """Exactly one of interval and crontab."""
        cleaned = super().clean()
        if bool(cleaned.get("interval")) == bool(cleaned.get("crontab")):
            self.add_error("interval", "Choose an interval or a crontab, not both and not neither.")
        return cleaned

    def validate_unique(self) -> None:
        """The scheduler says the same once more, of kinds of schedules that this form does not have."""
        if "interval" not in self.errors:
            super().validate_unique()


class ScheduleAdmin(PortalModelAdmin):
    """Rows of the scheduler's own tables: saved as they are, by owners."""

    whole_portal = True

    def save_by_verb(self, request: HttpRequest, caller: Caller, obj: Any, form: forms.ModelForm, change: bool) -> str:
        """Save the row; the scheduler sees the change within seconds."""
        caller.require(Role.OWNER)
        obj.save()
        return f"save_{self.subject_kind}"


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(ScheduleAdmin):
    """Beat jobs: what runs when, when it last ran, pause and run now."""

    form = JobForm
    subject_kind = "job"
    list_display = ("name", "state_shown", "schedule_shown", "last_run", "total_run_count", "task")
    search_fields = ("name", "task")
    ordering = ("name",)
    fields = ("name", "description", "task", "interval", "crontab", "enabled")
    deeds = ("run_now", "pause", "resume")

    def visible(self, caller: Caller) -> QuerySet:
        """All jobs but the scheduler's own."""
        jobs = PeriodicTask.objects.exclude(task__startswith="celery.")
        return jobs.select_related("interval", "crontab", "solar", "clocked")

    @admin.display(description="state", ordering="enabled")
    def state_shown(self, job: PeriodicTask) -> SafeString:
        """On or paused."""
        return state_label("on", "good") if job.enabled else state_label("paused", "attention")

    @admin.display(description="when")
    def schedule_shown(self, job: PeriodicTask) -> str:
        """The schedule in words."""
        return job.crontab.human_readable if job.crontab else str(job.scheduler)

    @admin.display(description="last run", ordering="last_run_at")
    def last_run(self, job: PeriodicTask) -> SafeString:
        """When it was last sent to a worker."""
        return relative_time(job.last_run_at)

    @deed("Run now", command="run_job", role=Role.OWNER, look="main", bulk="Run now")
    def run_now(self, request: HttpRequest, caller: Caller, job: PeriodicTask, answers: dict[str, Any]) -> str:
        """Hand the job to a worker at once."""
        try:
            current_app.send_task(job.task, args=json.loads(job.args or "[]"), kwargs=json.loads(job.kwargs or "{}"))
        except (OperationalError, RedisError, OSError) as error:
            raise Conflict(f"The queue cannot be reached: {error}", hint="Is the Redis server running?") from error
        return f"Sent “{job.name}” to a worker."

    @deed("Pause", command="pause_job", role=Role.OWNER, applies=lambda job: job.enabled, bulk="Pause")
    def pause(self, request: HttpRequest, caller: Caller, job: PeriodicTask, answers: dict[str, Any]) -> str:
        """Leave it out until it is resumed."""
        job.enabled = False
        job.save()
        return f"Paused “{job.name}”."

    @deed(
        "Resume", command="resume_job", role=Role.OWNER, applies=lambda job: not job.enabled, look="main", bulk="Resume"
    )
    def resume(self, request: HttpRequest, caller: Caller, job: PeriodicTask, answers: dict[str, Any]) -> str:
        """Let it run again."""
        job.enabled = True
        job.save()
        return f"Resumed “{job.name}”."


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(ScheduleAdmin):
    """Every so often."""

    subject_kind = "interval"
    list_display = ("__str__", "every", "period")
    fields = ("every", "period")


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(ScheduleAdmin):
    """At times of the day, week or month."""

    subject_kind = "crontab"
    list_display = ("human_readable", "minute", "hour", "day_of_week", "day_of_month", "month_of_year", "timezone")
    fields = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year", "timezone")
