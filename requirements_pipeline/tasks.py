"""What happens to requirements in the background."""

from celery import shared_task

from requirements_pipeline import pulling


@shared_task(name="requirements_pipeline.return_dropped")
def return_dropped() -> int:
    """Return to the queue what nobody works on any more."""
    return len(pulling.return_dropped_requirements())
