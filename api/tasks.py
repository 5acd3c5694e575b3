"""Scheduled work of the agents' doors."""

from celery import shared_task

from api import idempotency


@shared_task(name="api.purge_idempotency_records")
def purge_idempotency_records() -> int:
    """Forget the answers of calls whose idempotency keys are past their time."""
    return idempotency.purge_old_records()
