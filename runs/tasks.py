"""What happens to runs and costs in the background."""

from celery import shared_task

from runs import rollups


@shared_task(name="runs.roll_up_finished_days")
def roll_up_finished_days() -> int:
    """The nightly job: sum up every day that is over and has no sums yet."""
    return rollups.roll_up_finished_days()


@shared_task(name="runs.roll_up_changed_days")
def roll_up_changed_days() -> int:
    """Sum up again the days that late reports changed."""
    return rollups.roll_up_changed_days()
