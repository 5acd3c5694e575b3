"""Scheduled work on tokens."""

from celery import shared_task

from access import rates


@shared_task(name="access.flush_token_uses")
def flush_token_uses() -> int:
    """Move use counts from the Redis server into the tokens' rows."""
    return rates.flush_token_uses()
