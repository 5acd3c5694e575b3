"""What Celery beat does and when. Rows are made once, by name; owners see, change and pause them in the admin."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any


@dataclass(frozen=True)
class Job:
    """A scheduled task: every so often, or daily at a time (UTC)."""

    name: str
    task: str
    every: timedelta | None = None
    daily_at: tuple[int, int] = (0, 0)


JOBS = (
    # A save wakes the embedding task itself; the sweep finds what no message announced.
    Job("Embed what was missed", "memories.sweep_embeddings", every=timedelta(seconds=15)),
    Job("Count token use", "access.flush_token_uses", every=timedelta(seconds=30)),
    Job("Sum up days that changed", "runs.roll_up_changed_days", every=timedelta(minutes=10)),
    # A change of costs wakes the check itself; the sweep finds what no message announced.
    Job("Watch budgets", "runs.check_budgets", every=timedelta(minutes=10)),
    Job("Mail what was missed", "access.mail_what_was_missed", every=timedelta(minutes=5)),
    Job("Count common terms", "memories.count_common_terms", every=timedelta(minutes=5)),
    # A hook wakes the task itself; the sweep finds what no message announced.
    Job("Work what hooks told", "runs.work_captured_events", every=timedelta(minutes=1)),
    Job("Give back handoffs that nobody used", "runs.look_after_handoffs", every=timedelta(minutes=5)),
    Job("Write session pages that are due", "memories.write_session_pages", every=timedelta(minutes=1)),
    Job("Ask the language model about sessions", "memories.rewrite_sessions", every=timedelta(minutes=5)),
    Job("Forget what hooks told long ago", "runs.forget_captured_events", daily_at=(3, 50)),
    Job("Sum up days that are over", "runs.roll_up_finished_days", daily_at=(2, 30)),
    Job("Return dropped requirements", "requirements_pipeline.return_dropped", every=timedelta(minutes=1)),
    Job("Archive faded memories", "memories.archive_faded", daily_at=(3, 10)),
    Job("Forget clients nobody let in", "access.forget_clients", every=timedelta(hours=6)),
    Job("Forget sessions that are over", "access.forget_sessions", daily_at=(3, 30)),
    Job("Forget old idempotency keys", "api.purge_idempotency_records", daily_at=(3, 40)),
)


def make_missing_jobs(sender: Any = None, **_: Any) -> None:
    """Add the jobs that the table does not have yet. What an owner changed stays changed.

    As a receiver of post_migrate it acts once, after the scheduler's own tables.
    """
    from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

    if sender is not None and sender.name != "django_celery_beat":
        return
    known = set(PeriodicTask.objects.values_list("name", flat=True))
    for job in JOBS:
        if job.name in known:
            continue
        if job.every is not None:
            seconds = int(job.every.total_seconds())
            interval, _made = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
            PeriodicTask.objects.create(name=job.name, task=job.task, interval=interval)
        else:
            hour, minute = job.daily_at
            crontab, _made = CrontabSchedule.objects.get_or_create(
                minute=str(minute), hour=str(hour), day_of_week="*", day_of_month="*", month_of_year="*", timezone="UTC"
            )
            PeriodicTask.objects.create(name=job.name, task=job.task, crontab=crontab)
