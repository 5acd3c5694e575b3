"""Waking the task that works captured events into runs."""

import threading
import time

import structlog
from django.core.cache import cache
from kombu.exceptions import OperationalError
from redis import RedisError

log = structlog.get_logger(__name__)

# One message is on its way at a time, and the task begins when the pause is over: it sees all that arrived meanwhile.
# So a storm of hooks costs a message every two seconds, and each round of work takes many events of a session together;
# the board is looked at every four.
PAUSE_SECONDS = 2
# Holds the moment at which the task will begin, in seconds since 1970.
ON_ITS_WAY = "capture-signal"


class _Pause:
    """Until when this process need not ask whether a message is on its way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends_at = 0.0

    def is_over(self) -> bool:
        """Whether to ask now; the one who is told so does it, and the others wait for what that one finds."""
        now = time.time()
        with self._lock:
            if now < self._ends_at:
                return False
            self._ends_at = now + PAUSE_SECONDS
            return True

    def end_at(self, moment: float) -> None:
        """What arrives before this moment is seen by the task that begins then."""
        with self._lock:
            self._ends_at = moment


_pause = _Pause()


def send_signal() -> None:
    """Have what was stored worked soon, unless a message for it is on its way. The beat sweep finds what this misses."""
    from runs.tasks import work_captured_events

    if not _pause.is_over():
        return
    try:
        begins_at = time.time() + PAUSE_SECONDS
        if cache.add(ON_ITS_WAY, begins_at, timeout=PAUSE_SECONDS):
            work_captured_events.apply_async(countdown=PAUSE_SECONDS)
        else:
            # Another process sent it, and its work may begin before a whole pause is over.
            _pause.end_at(cache.get(ON_ITS_WAY) or 0.0)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("capture_signal_not_sent", error=str(error))
