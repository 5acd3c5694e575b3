"""Waking the task that works captured events into runs."""

import threading
import time

import structlog
from django.core.cache import cache
from kombu.exceptions import OperationalError
from redis import RedisError

log = structlog.get_logger(__name__)

# One message is on its way at a time, and the task begins when the pause is over: it sees all that arrived meanwhile.
# A round takes many events of a session together, and costs hardly more for many than for one. So few hooks are worked
# soon (the board is looked at every four seconds), and a storm of them in fewer rounds, which leaves the cores to the
# agents that wait for an answer.
PAUSE_SECONDS = 2
STORM_PAUSE_SECONDS = 10
# So many hooks of a process in a second are a storm.
STORM_RATE = 50
# Holds the moment at which the task will begin, in seconds since 1970.
ON_ITS_WAY = "capture-signal"


class _Pause:
    """Until when this process need not ask whether a message is on its way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began_at = self._ends_at = 0.0
        self._hooks = 0

    def after_this_hook(self) -> int | None:
        """For how many seconds to pause, for the one who is to ask now; None for the others, who wait for what that
        one finds."""
        now = time.time()
        with self._lock:
            self._hooks += 1
            if now < self._ends_at:
                return None
            is_storm = self._hooks > STORM_RATE * max(now - self._began_at, 1.0)
            seconds = STORM_PAUSE_SECONDS if is_storm else PAUSE_SECONDS
            self._began_at, self._ends_at, self._hooks = now, now + seconds, 0
            return seconds

    def end_at(self, moment: float) -> None:
        """What arrives before this moment is seen by the task that begins then."""
        with self._lock:
            self._ends_at = moment


_pause = _Pause()


def send_signal() -> None:
    """Have what was stored worked soon, unless a message for it is on its way. The beat sweep finds what this misses."""
    from runs.tasks import work_captured_events

    seconds = _pause.after_this_hook()
    if seconds is None:
        return
    try:
        if cache.add(ON_ITS_WAY, time.time() + seconds, timeout=seconds):
            work_captured_events.apply_async(countdown=seconds)
        else:
            # Another process sent it, and its work may begin before a whole pause is over.
            _pause.end_at(cache.get(ON_ITS_WAY) or 0.0)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("capture_signal_not_sent", error=str(error))
