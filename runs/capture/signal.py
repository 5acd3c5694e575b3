"""Waking the task that works captured events into runs."""

import structlog
from django.core.cache import cache
from kombu.exceptions import OperationalError
from redis import RedisError

log = structlog.get_logger(__name__)

# While this mark stands, a task has been sent that has not begun yet and will see what arrives meanwhile: a storm of
# hooks sends a handful of messages and not one each. It ends by itself should that message be lost.
SIGNAL_KEY = "capture-signal"
SIGNAL_SECONDS = 5


def send_signal() -> None:
    """Wake the task, unless a message is already on its way. The beat sweep finds what this misses."""
    from runs.tasks import work_captured_events

    try:
        if cache.add(SIGNAL_KEY, 1, SIGNAL_SECONDS):
            work_captured_events.delay()
    except (OperationalError, RedisError, OSError) as error:
        log.warning("capture_signal_not_sent", error=str(error))


def clear_signal() -> None:
    """Called by the task when it begins: later events need a message of their own."""
    try:
        cache.delete(SIGNAL_KEY)
    except (RedisError, OSError) as error:
        log.warning("capture_signal_not_cleared", error=str(error))
