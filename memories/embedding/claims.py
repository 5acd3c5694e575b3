"""Memories whose vectors are missing: taken under a lease, stored while their text still fits, or put back.

A worker that dies leaves a lease that runs out; a memory that is saved again meanwhile keeps its place in the queue,
because vectors are only stored for the version they were made of.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from pgvector import HalfVector

from memories.chunking import last_statement, passages
from memories.models import EmbeddingSpace, Memory, PendingEmbedding, PendingEmbeddingQuerySet

READ_FIELDS = ("id", "version", "title", "content_md", "resolution", "project_id", "source_file", "source_position")
READ_COLUMNS = ", ".join(f"memory.{field}" for field in READ_FIELDS)
COPY_VECTORS = (
    "COPY memories_passagevector (space_id, memory_id, project_id, position, embedding) FROM STDIN (FORMAT BINARY)"
)
# A vector's own bytes pass as they are.
COPIED_TYPES = ("int8", "uuid", "int8", "int4", "bytea")
# Taken and read at once, for the embedder waits for it. Nothing that another transaction holds is waited for.
CLAIM = """
WITH due AS (
    SELECT id FROM memories_pendingembedding
    WHERE space_id = %s AND queued_at >= %s AND queued_at < %s AND not_before <= %s
    ORDER BY queued_at {direction} LIMIT %s FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE memories_pendingembedding AS pending SET not_before = %s FROM due
    WHERE pending.id = due.id RETURNING pending.memory_id, pending.queued_at
)
SELECT {fields} FROM leased JOIN memories_memory AS memory ON memory.id = leased.memory_id
WHERE memory.deleted_at IS NULL ORDER BY leased.queued_at {direction}
"""
LOCK_LIVE = """
SELECT id, version, project_id FROM memories_memory
WHERE id = ANY(%s) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE
"""
DROP_VECTORS = "DELETE FROM memories_passagevector WHERE memory_id = ANY(%s) AND space_id = %s"
DROP_PENDING = "DELETE FROM memories_pendingembedding WHERE memory_id = ANY(%s) AND space_id = %s"
LEASE = timedelta(minutes=5)
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=10)
# Who saved something may look for it now; what has waited longer than this waits in the order of its coming.
FRESH = timedelta(seconds=30)
ALWAYS = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True)
class Claim:
    """A memory's text as it was when a worker took it."""

    memory_id: uuid.UUID
    version: int
    passages: list[str]


def claim_oldest(space: EmbeddingSpace, most: int, *, fresh_too: bool = True) -> list[Claim]:
    """Take up to so many memories of a space that have waited longest, for the length of a lease.

    fresh_too: False leaves what `claim_fresh` takes.
    """
    return _claim(space, most, before=ALWAYS[1] if fresh_too else timezone.now() - FRESH)


def claim_fresh(space: EmbeddingSpace, most: int) -> list[Claim]:
    """Take up to so many memories that were queued within the last FRESH, newest first, for the length of a lease."""
    return _claim(space, most, since=timezone.now() - FRESH, newest_first=True)


def _claim(
    space: EmbeddingSpace,
    most: int,
    *,
    since: datetime = ALWAYS[0],
    before: datetime = ALWAYS[1],
    newest_first: bool = False,
) -> list[Claim]:
    now = timezone.now()
    taken = list(
        Memory.objects.raw(
            CLAIM.format(direction="DESC" if newest_first else "ASC", fields=READ_COLUMNS),
            [space.pk, since, before, now, most, now + LEASE],
        )
    )
    predecessors = _predecessors(taken)
    return [
        Claim(
            memory.pk,
            memory.version,
            passages(memory.title, embedded_text(memory), before=predecessors.get(memory.pk, "")),
        )
        for memory in taken
    ]


def renew_lease(space: EmbeddingSpace, claims: Sequence[Claim]) -> None:
    """Let the lease of memories that are worked only now begin anew."""
    _rows_of(space, claims).update(not_before=timezone.now() + LEASE)


def _predecessors(memories: Iterable[Memory]) -> dict[uuid.UUID, str]:
    """The last statement of what stands before each memory in its source: a reply is understood by what it replies to."""
    wanted = {
        (memory.project_id, memory.source_file, memory.source_position - 1): memory.pk
        for memory in memories
        if memory.source_file and memory.source_position
    }
    if not wanted:
        return {}
    places = Q()
    for project_id, source_file, position in wanted:
        places |= Q(project_id=project_id, source_file=source_file, source_position=position)
    found = Memory.objects.filter(places, deleted_at=None).only(*READ_FIELDS)
    return {
        wanted[(row.project_id, row.source_file, row.source_position or 0)]: last_statement(embedded_text(row))
        for row in found
    }


def embedded_text(memory: Memory) -> str:
    """What of a memory is embedded beside its title."""
    return f"{memory.content_md}\n{memory.resolution}" if memory.resolution else memory.content_md


def store(space: EmbeddingSpace, claims: Sequence[Claim], vectors: np.ndarray) -> int:
    """Replace the vectors of each memory that still has the version they were made of, and take it off the queue.

    vectors: of shape (passages of all claims, dimensions), in their order. Answers how many memories were stored.
    """
    ends = np.cumsum([len(claim.passages) for claim in claims])[:-1]
    parts = np.split(vectors, ends)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK_LIVE, [[claim.memory_id for claim in claims]])
        current = {memory_id: (version, project_id) for memory_id, version, project_id in cursor}
        fitting = [
            (claim.memory_id, current[claim.memory_id][1], part)
            for claim, part in zip(claims, parts, strict=True)
            if claim.memory_id in current and current[claim.memory_id][0] == claim.version
        ]
        keys = [memory_id for memory_id, _, _ in fitting]
        cursor.execute(DROP_VECTORS, [keys, space.pk])
        _copy_in(space, fitting)
        cursor.execute(DROP_PENDING, [keys, space.pk])
    return len(fitting)


def _copy_in(space: EmbeddingSpace, fitting: Sequence[tuple[uuid.UUID, int, np.ndarray]]) -> None:
    """Store vectors by COPY: thousands may come at once, and neither an object nor a text is made for each.

    fitting: of each memory its key, its project's key and the vectors of its passages.
    """
    with connection.cursor() as cursor, cursor.copy(COPY_VECTORS) as copy:
        copy.set_types(COPIED_TYPES)
        for memory_id, project_id, part in fitting:
            for position, vector in enumerate(part):
                copy.write_row((space.pk, memory_id, project_id, position, HalfVector(vector).to_binary()))


def put_back(space: EmbeddingSpace, claims: Sequence[Claim], error: str, *, counted: bool = True) -> None:
    """Queue a batch again after a pause that doubles with each failure of its own.

    counted: False when the embedder was away, which is not the memory's fault: it is tried again for ever.
    """
    rows = _rows_of(space, claims)
    for row in rows:
        row.attempts += counted
        row.last_error = error.replace("\x00", "")[:500]
        row.not_before = timezone.now() + min(FIRST_PAUSE * 2 ** min(max(row.attempts - 1, 0), 10), LONGEST_PAUSE)
    PendingEmbedding.objects.bulk_update(rows, ["attempts", "last_error", "not_before"])


def _rows_of(space: EmbeddingSpace, claims: Sequence[Claim]) -> PendingEmbeddingQuerySet:
    return PendingEmbedding.objects.filter(space=space, memory_id__in=[claim.memory_id for claim in claims])
