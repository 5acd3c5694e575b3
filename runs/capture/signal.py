"""Waking the task that works captured events into runs."""

import threading
import time

import structlog
from kombu.exceptions import OperationalError
from redis import RedisError

log = structlog.get_logger(__name__)

# A process sends one message a second at most, and the task begins a second later: it sees all that arrived meanwhile.
# So a storm of hooks costs a handful of messages, and each round of work takes many events of a session together.
PAUSE_SECONDS = 1.0


class _Signal:
    """When this process sent its last message."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent_at = -PAUSE_SECONDS

    def is_due(self) -> bool:
        """Whether a message is to be sent now; the one who is told so sends it."""
        now = time.monotonic()
        with self._lock:
            if now - self._sent_at < PAUSE_SECONDS:
                return False
            self._sent_at = now
            return True


_signal = _Signal()


def send_signal() -> None:
    """Have what was stored worked soon, unless a message for it is on its way. The beat sweep finds what this misses."""
    from runs.tasks import work_captured_events

    if not _signal.is_due():
        return
    try:
        work_captured_events.apply_async(countdown=PAUSE_SECONDS)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("capture_signal_not_sent", error=str(error))
