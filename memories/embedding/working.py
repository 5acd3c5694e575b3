"""Making the vectors that are missing: take a lease on a batch, embed outside any transaction, store what still fits.

A worker that dies leaves a lease that runs out; a memory that is saved again meanwhile keeps its place in the queue,
because vectors are only stored for the version they were made of.
"""

import uuid
from collections.abc import Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from memories.chunking import last_statement, passages
from memories.embedding.providers import EmbedderUnavailable
from memories.embedding.spaces import ATTEMPTS_BEFORE_FAILED, embedder_of
from memories.models import EmbeddingSpace, Memory, PassageVector, PendingEmbedding

log = structlog.get_logger(__name__)

# Memories a batch: enough to keep every core busy, few enough that the first of a storm is found soon.
BATCH_MEMORIES = 32
READ_FIELDS = ("id", "version", "title", "content_md", "resolution", "project_id", "source_file", "source_position")
# A statement takes 65,535 values bound by the server, and a vector's row has five.
VECTORS_A_STATEMENT = 1_000
LEASE = timedelta(minutes=5)
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=10)


@dataclass(frozen=True)
class Claim:
    """A memory's text as it was when a worker took it."""

    memory_id: uuid.UUID
    version: int
    passages: list[str]


def embed_pending_of(space: EmbeddingSpace) -> int:
    """Embed batches of a space until nothing of it is due; answers how many memories were stored.

    While one batch is stored, which keeps PostgreSQL busy and leaves the embedder idle, the next is embedded beside it.
    When the embedder is away what was taken is put back with a pause and the work ends; the sweep tries again.
    """
    stored = 0
    with ThreadPoolExecutor(1, thread_name_prefix="next-batch") as beside:
        coming = _begin(space, beside)
        while coming is not None:
            batch, vectors = coming
            wait([vectors])
            coming = _begin(space, beside)
            try:
                stored += _finish(space, batch, vectors)
            except EmbedderUnavailable as error:
                for taken in [batch, coming[0]] if coming else [batch]:
                    _put_back(space, taken, str(error), counted=False)
                log.warning("embedder_unavailable", space=str(space), error=str(error))
                break
    return stored


def _begin(space: EmbeddingSpace, beside: Executor) -> tuple[list[Claim], Future[np.ndarray]] | None:
    """Take a batch and start to embed it; None when nothing is due. Statements stay in the caller's thread."""
    batch = _claim(space)
    return (batch, beside.submit(_vectors, space, batch)) if batch else None


def _claim(space: EmbeddingSpace) -> list[Claim]:
    """Take the oldest due memories of a space for the length of a lease."""
    with transaction.atomic():
        rows = list(space.pending.due().select_for_update(skip_locked=True)[:BATCH_MEMORIES])
        PendingEmbedding.objects.filter(pk__in=[row.pk for row in rows]).update(not_before=timezone.now() + LEASE)
    taken = Memory.objects.filter(pk__in=[row.memory_id for row in rows], deleted_at=None).only(*READ_FIELDS)
    before = _predecessors(taken)
    return [
        Claim(
            memory.pk, memory.version, passages(memory.title, embedded_text(memory), before=before.get(memory.pk, ""))
        )
        for memory in taken
    ]


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


def _finish(space: EmbeddingSpace, batch: list[Claim], vectors: Future[np.ndarray]) -> int:
    """Store an embedded batch; when its texts were refused, try each memory alone, so that one cannot hold up the rest."""
    try:
        return _store(space, batch, vectors.result())
    except EmbedderUnavailable:
        raise
    except Exception as error:
        log.warning("embedding_batch_failed", space=str(space), error=repr(error))
    stored = 0
    for claim in batch:
        try:
            stored += _store(space, [claim], _vectors(space, [claim]))
        except EmbedderUnavailable:
            raise
        except Exception as error:
            _put_back(space, [claim], repr(error))
    return stored


def _vectors(space: EmbeddingSpace, batch: list[Claim]) -> np.ndarray:
    return embedder_of(space).embed_passages([passage for claim in batch for passage in claim.passages])


def _store(space: EmbeddingSpace, batch: list[Claim], vectors: np.ndarray) -> int:
    """Replace the vectors of each memory that still has the version they were made of, and take it off the queue."""
    ends = np.cumsum([len(claim.passages) for claim in batch])[:-1]
    parts = np.split(vectors.astype(np.float16), ends)
    with transaction.atomic():
        locked = Memory.objects.filter(pk__in=[claim.memory_id for claim in batch], deleted_at=None)
        current = {
            row.pk: row
            for row in locked.select_for_update(of=("self",), no_key=True)
            .only("id", "version", "project_id")
            .order_by("pk")
        }
        fitting = [
            (current[claim.memory_id], part)
            for claim, part in zip(batch, parts, strict=True)
            if claim.memory_id in current and current[claim.memory_id].version == claim.version
        ]
        keys = [memory.pk for memory, _ in fitting]
        PassageVector.objects.filter(space=space, memory_id__in=keys).delete()
        PassageVector.objects.bulk_create(
            [
                PassageVector(
                    space=space, memory=memory, project_id=memory.project_id, position=position, embedding=vector
                )
                for memory, part in fitting
                for position, vector in enumerate(part)
            ],
            batch_size=VECTORS_A_STATEMENT,
        )
        PendingEmbedding.objects.filter(space=space, memory_id__in=keys).delete()
    return len(fitting)


def _put_back(space: EmbeddingSpace, batch: list[Claim], error: str, *, counted: bool = True) -> None:
    """Queue a batch again after a pause that doubles with each failure of its own.

    counted: False when the embedder was away, which is not the memory's fault: it is tried again for ever.
    """
    rows = PendingEmbedding.objects.filter(space=space, memory_id__in=[claim.memory_id for claim in batch])
    for row in rows:
        row.attempts += counted
        row.last_error = error.replace("\x00", "")[:500]
        row.not_before = timezone.now() + min(FIRST_PAUSE * 2 ** min(max(row.attempts - 1, 0), 10), LONGEST_PAUSE)
    PendingEmbedding.objects.bulk_update(rows, ["attempts", "last_error", "not_before"])


def failed_again_later(space: EmbeddingSpace) -> int:
    """Give the memories that failed for good another try; answers how many."""
    failed = space.pending.filter(attempts__gte=ATTEMPTS_BEFORE_FAILED)
    return failed.update(attempts=0, not_before=timezone.now(), last_error="")
