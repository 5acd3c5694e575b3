"""Per-token rates and use counts, kept over the Redis protocol so that a call costs no database write."""

import threading
import time
import uuid
from dataclasses import dataclass
from functools import cache

import redis
import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from access.callers import Caller
from access.errors import TooManyCalls
from access.models import RoleToken, TokenUseFlush

WINDOW_SECONDS = 60
USES_KEY = "zikra:token-uses"
STAGED_KEY = f"{USES_KEY}:flushing"
BATCH_FIELD = b"batch"  # no token's id looks like this

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class RateState:
    """Calls in this minute so far and the limit, 0 for none."""

    calls: int
    limit: int


_making = threading.Lock()


def _server() -> redis.Redis:
    """The one client of this process. Two made at once would leave one to be collected, which closes its connections
    under the call that uses it."""
    with _making:
        return _made_server(settings.REDIS_URL)


@cache
def _made_server(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)


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


def tries_left(kind: str, who: str, most: int, seconds: int) -> bool:
    """Count one try of a kind by somebody without a token, by address; False when `most` in `seconds` are used up.

    While the Redis server is away nothing is counted, as for tokens.
    """
    key = f"zikra:tries:{kind}:{who}:{int(time.time() // seconds)}"
    try:
        with _server().pipeline(transaction=False) as pipe:
            pipe.incr(key)
            pipe.expire(key, seconds * 2)
            return int(pipe.execute()[0]) <= most
    except redis.RedisError as error:
        log.warning("tries_not_counted", kind=kind, error=str(error))
        return True


def flush_token_uses() -> int:
    """Add the counted uses to the tokens' rows and stamp their last use; answers how many tokens were touched.

    Each use is added once, whenever a process dies or two of them flush at once: the counts are set aside as a batch
    with an id, the batch's id is written in the transaction that adds it, and a batch is thrown away only by a later
    flush that finds its id there. All of it happens under the lock of that row.
    """
    server = _server()
    if not server.exists(USES_KEY, STAGED_KEY):
        return 0
    with transaction.atomic():
        last = TokenUseFlush.objects.locked()
        uses = _set_aside(server, last.batch)
        batch = uses.pop(BATCH_FIELD, b"").decode()
        if not uses:
            return 0
        for token_id, count in uses.items():
            RoleToken.objects.filter(pk=token_id.decode()).update(
                hits=F("hits") + int(count), last_used_at=timezone.now()
            )
        last.batch = batch
        last.save(update_fields=["batch"])
    return len(uses)


def _set_aside(server: redis.Redis, applied: str) -> dict[bytes, bytes]:
    """The batch that waits to be added, by token id, with its own id; empty when there is nothing to add."""
    if applied and server.hget(STAGED_KEY, BATCH_FIELD) == applied.encode():
        server.delete(STAGED_KEY)
    if not server.exists(STAGED_KEY):
        if not server.exists(USES_KEY):
            return {}
        server.rename(USES_KEY, STAGED_KEY)
    server.hsetnx(STAGED_KEY, BATCH_FIELD, uuid.uuid4().hex)
    return server.hgetall(STAGED_KEY)  # type: ignore[return-value]
