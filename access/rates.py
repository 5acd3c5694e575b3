"""Per-token rates and use counts, kept over the Redis protocol so that a call costs no database write."""

import time
from dataclasses import dataclass
from functools import cache

import redis
import structlog
from django.conf import settings
from django.db.models import F
from django.utils import timezone

from access.callers import Caller
from access.errors import TooManyCalls
from access.models import RoleToken

WINDOW_SECONDS = 60
USES_KEY = "zikra:token-uses"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class RateState:
    """Calls in this minute so far and the limit, 0 for none."""

    calls: int
    limit: int


@cache
def _server() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


def count_call(caller: Caller) -> RateState:
    """Count one call of a token; raises TooManyCalls when its minute is used up.

    While the Redis server is away calls go through uncounted: a memory that cannot be saved is worse than a rate not held.
    """
    limit = settings.TOKEN_RATE_PER_MINUTE if caller.rate_per_minute is None else caller.rate_per_minute
    if caller.token_id is None:
        return RateState(0, 0)
    now = time.time()
    window = int(now // WINDOW_SECONDS)
    key = f"zikra:rate:{caller.token_id}:{window}"
    try:
        with _server().pipeline(transaction=False) as pipe:
            pipe.incr(key)
            pipe.expire(key, WINDOW_SECONDS * 2)
            pipe.hincrby(USES_KEY, str(caller.token_id), 1)
            calls = int(pipe.execute()[0])
    except redis.RedisError as error:
        log.warning("rate_not_counted", error=str(error))
        return RateState(0, limit)
    if limit and calls > limit:
        raise TooManyCalls(limit, retry_after=max(1, int((window + 1) * WINDOW_SECONDS - now)))
    return RateState(calls, limit)


def flush_token_uses() -> int:
    """Add the counted uses to the tokens' rows and stamp their last use; answers how many tokens were touched."""
    staged = f"{USES_KEY}:flushing"
    server = _server()
    if not server.exists(staged) and not server.exists(USES_KEY):
        return 0
    if not server.exists(staged):
        server.rename(USES_KEY, staged)
    uses: dict[bytes, bytes] = server.hgetall(staged)  # type: ignore[assignment]
    for token_id, count in uses.items():
        RoleToken.objects.filter(pk=token_id.decode()).update(hits=F("hits") + int(count), last_used_at=timezone.now())
    server.delete(staged)
    return len(uses)
