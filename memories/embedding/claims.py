"""Memories whose vectors are missing: taken under a lease, stored while their text still fits, or put back.

A worker that dies leaves a lease that runs out; a memory that is saved again meanwhile keeps its place in the queue,
because vectors are only stored for the version they were made of.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from pgvector import HalfVector

from memories.chunking import last_statement, passages
from memories.models import EmbeddingSpace, Memory, PassageVector, PendingEmbedding, PendingEmbeddingQuerySet

READ_FIELDS = (
    "id",
    "version",
    "title",
    "content_md",
    "resolution",
    "project_id",
    "source_file",
    "source_position",
    "deleted_at",
)
COPY_VECTORS = (
    "COPY memories_passagevector (space_id, memory_id, project_id, position, embedding) FROM STDIN (FORMAT BINARY)"
)
# A vector's own bytes pass as they are.
COPIED_TYPES = ("int8", "uuid", "int8", "int4", "bytea")
FRESH_IS_DUE = """
SELECT EXISTS (
    SELECT FROM memories_pendingembedding WHERE space_id = %s AND queued_at >= %s AND not_before <= %s
)
"""
LEASE = timedelta(minutes=5)
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=10)
# Who saved something may look for it now; what has waited longer than this waits in the order of its coming.
FRESH = timedelta(seconds=30)


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
    due = space.pending.due() if fresh_too else space.pending.due().exclude(queued_at__gte=_fresh_since())
    return _claim(due.order_by("queued_at"), most)


def claim_fresh(space: EmbeddingSpace, most: int) -> list[Claim]:
    """Take up to so many memories that were queued within the last FRESH, newest first, for the length of a lease."""
    if not _has_fresh(space):
        return []
    return _claim(space.pending.due().filter(queued_at__gte=_fresh_since()).order_by("-queued_at"), most)


def _has_fresh(space: EmbeddingSpace) -> bool:
    """Asked before every turn, and mostly in vain: without a transaction, and without a query made of objects."""
    with connection.cursor() as cursor:
        cursor.execute(FRESH_IS_DUE, [space.pk, _fresh_since(), timezone.now()])
        return bool(cursor.fetchone()[0])


def _fresh_since() -> datetime:
    return timezone.now() - FRESH


def _claim(due: PendingEmbeddingQuerySet, most: int) -> list[Claim]:
    with transaction.atomic():
        rows = list(due.select_for_update(skip_locked=True)[:most])
        if not rows:
            return []
        PendingEmbedding.objects.filter(pk__in=[row.pk for row in rows]).update(not_before=timezone.now() + LEASE)
    taken = Memory.objects.only(*READ_FIELDS).in_bulk([row.memory_id for row in rows])
    before = _predecessors(taken.values())
    return [
        Claim(
            memory.pk, memory.version, passages(memory.title, embedded_text(memory), before=before.get(memory.pk, ""))
        )
        for row in rows
        if (memory := taken.get(row.memory_id)) is not None and memory.deleted_at is None
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
    with transaction.atomic():
        locked = Memory.objects.filter(pk__in=[claim.memory_id for claim in claims], deleted_at=None)
        current = {
            row.pk: row
            for row in locked.select_for_update(of=("self",), no_key=True)
            .only("id", "version", "project_id")
            .order_by("pk")
        }
        fitting = [
            (current[claim.memory_id], part)
            for claim, part in zip(claims, parts, strict=True)
            if claim.memory_id in current and current[claim.memory_id].version == claim.version
        ]
        keys = [memory.pk for memory, _ in fitting]
        PassageVector.objects.filter(space=space, memory_id__in=keys).delete()
        _copy_in(space, fitting)
        PendingEmbedding.objects.filter(space=space, memory_id__in=keys).delete()
    return len(fitting)


def _copy_in(space: EmbeddingSpace, fitting: Sequence[tuple[Memory, np.ndarray]]) -> None:
    """Store vectors by COPY: thousands may come at once, and neither an object nor a text is made for each."""
    with connection.cursor() as cursor, cursor.copy(COPY_VECTORS) as copy:
        copy.set_types(COPIED_TYPES)
        for memory, part in fitting:
            for position, vector in enumerate(part):
                copy.write_row((space.pk, memory.pk, memory.project_id, position, HalfVector(vector).to_binary()))


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
