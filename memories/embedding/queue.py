"""What waits to be embedded: written in the save's own transaction, so that no lost message loses a memory."""

import structlog
from django.core.cache import cache
from django.db import connection, transaction
from kombu.exceptions import OperationalError
from redis import RedisError

from memories.models import EmbeddingSpace, Memory, PassageVector, PendingEmbedding

log = structlog.get_logger(__name__)

# While this mark stands, a task has been sent that has not begun yet and will see what is queued meanwhile: a storm
# of saves sends a handful of messages and not one each. It ends by itself should that message be lost.
SIGNAL_KEY = "embedding-signal"
SIGNAL_SECONDS = 5

QUEUE = """
INSERT INTO memories_pendingembedding (memory_id, space_id, queued_at, not_before, attempts, last_error)
SELECT %s, id, clock_timestamp(), clock_timestamp(), 0, '' FROM memories_embeddingspace WHERE state IN ('active', 'building')
ON CONFLICT (memory_id, space_id) DO UPDATE
SET queued_at = excluded.queued_at, not_before = excluded.not_before, attempts = 0, last_error = ''
"""
QUEUE_ALL = """
INSERT INTO memories_pendingembedding (memory_id, space_id, queued_at, not_before, attempts, last_error)
SELECT memory.id, %s, clock_timestamp(), clock_timestamp(), 0, '' FROM memories_memory AS memory
WHERE memory.deleted_at IS NULL {bound}
ON CONFLICT (memory_id, space_id) DO UPDATE
SET queued_at = excluded.queued_at, not_before = excluded.not_before, attempts = 0, last_error = ''
"""


def queue_embedding(memory: Memory, *, had_vectors: bool = True) -> None:
    """Drop the memory's vectors of its former text and queue it in every space in use.

    had_vectors: False spares a new memory the removal. Call it inside the transaction that changes the text.
    """
    if had_vectors:
        PassageVector.objects.filter(memory=memory).delete()
    with connection.cursor() as cursor:
        cursor.execute(QUEUE, [memory.pk])
    transaction.on_commit(send_signal, robust=True)


def forget_embedding(memory: Memory) -> None:
    """Drop a memory's vectors and its place in the queue."""
    PassageVector.objects.filter(memory=memory).delete()
    PendingEmbedding.objects.filter(memory=memory).delete()


def queue_all(space: EmbeddingSpace, memory_ids: list | None = None) -> int:
    """Queue every memory that is not deleted (or these) in a space; answers how many. Present vectors answer until replaced."""
    bound, arguments = ("", []) if memory_ids is None else ("AND memory.id = ANY(%s)", [list(memory_ids)])
    with connection.cursor() as cursor:
        cursor.execute(QUEUE_ALL.format(bound=bound), [space.pk, *arguments])
        queued = cursor.rowcount
    transaction.on_commit(send_signal, robust=True)
    return queued


def send_signal() -> None:
    """Wake the embedding task, unless a message is already on its way. The beat sweep finds what this misses."""
    from memories.tasks import embed_pending

    try:
        if cache.add(SIGNAL_KEY, 1, SIGNAL_SECONDS):
            embed_pending.delay()
    except (OperationalError, RedisError, OSError) as error:
        log.warning("embedding_signal_not_sent", error=str(error))


def clear_signal() -> None:
    """Called by the task when it begins: later saves need a message of their own."""
    try:
        cache.delete(SIGNAL_KEY)
    except (RedisError, OSError) as error:
        log.warning("embedding_signal_not_cleared", error=str(error))
