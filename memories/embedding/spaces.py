"""Embedding spaces: which one answers, building the next one in the background, and how far it is.

The settings name the wanted space. When it is not there yet, its row is made, every memory is queued in it, and the
old space answers until nothing waits any more; then they change places.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Min, Q
from django.utils import timezone

from access.errors import Conflict
from memories.embedding import providers
from memories.embedding.queue import queue_all
from memories.models import EmbeddingSpace, Memory, PassageVector, SpaceState

log = structlog.get_logger(__name__)

# HNSW takes half-precision vectors up to this dimension (pgvector's documentation); larger ones are compared exactly.
HNSW_DIMENSIONS_AT_MOST = 4000
# With fewer links than pgvector's default (m = 16, ef_construction = 64) a new vector costs less than half; that a search
# looks at 160 neighbours instead of 40 (settings.DATABASES) makes up for what it would miss. Measured: benchmarks/neighbours.py.
HNSW_OPTIONS = "m = 9, ef_construction = 56"
# After so many failures a memory is shown as failed, and a new space does not wait for it.
ATTEMPTS_BEFORE_FAILED = 5
SPACE_LOCK = 7723_01  # any number of our own, for pg_advisory_xact_lock

# Sentences that have nothing to do with each other, in several languages and kinds of text, to measure what an
# embedder answers for texts that are unrelated. Written for this purpose.
UNRELATED_TEXTS = (
    "The invoice service retries a failed payment three times before it gives up.",
    "My grandmother's plum cake needs a hot oven and a lot of patience.",
    "def area(width, height): return width * height",
    "Der Zug nach Lissabon fährt heute von Gleis vier.",
    "Migrating birds rest on the salt marsh in October.",
    "ERROR 1042: connection to the printer on the second floor was lost",
    "La réunion du conseil municipal est reportée à jeudi prochain.",
    "A bassoon is easier to carry than a double bass.",
    "El contrato de alquiler vence a finales de marzo.",
    "Glaciers carve valleys over thousands of years.",
    "We use tabs in the Makefile because make insists on them.",
    "She beat the former chess champion with a quiet rook move.",
)


@dataclass(frozen=True)
class SpaceProgress:
    """How far a space is: memories embedded, waiting and failed, and the age of the oldest that waits."""

    space: EmbeddingSpace
    total: int
    waiting: int
    failed: int
    lag: timedelta

    @property
    def embedded(self) -> int:
        """Memories whose vectors are up to date."""
        return max(self.total - self.waiting - self.failed, 0)

    @property
    def share(self) -> float:
        """Embedded part, 0…1; 1 for a portal without memories."""
        return self.embedded / self.total if self.total else 1.0


def embedder_of(space: EmbeddingSpace) -> providers.Embedder:
    """The embedder that makes a space's vectors. Raises EmbedderUnavailable."""
    return providers.embedder(space.provider, space.model, space.dimensions, space.url)


def ensure_wanted_space() -> EmbeddingSpace | None:
    """The space that the settings name, made and queued when it is new; None without a provider. Safe to call often."""
    if settings.EMBEDDING_PROVIDER == providers.NONE:
        return None
    with transaction.atomic():
        _lock()
        space, made = EmbeddingSpace.objects.get_or_create(**_wanted())
        if made or space.state == SpaceState.RETIRED:
            _begin(space)
    return space


def activate_finished_spaces() -> EmbeddingSpace | None:
    """Let the wanted space answer once nothing of it waits; its predecessor is retired. Answers a space that changed."""
    with transaction.atomic():
        _lock()
        space = EmbeddingSpace.objects.filter(state=SpaceState.BUILDING, **_wanted()).first()
        if space is None or space.pending.filter(attempts__lt=ATTEMPTS_BEFORE_FAILED).exists():
            return None
        for old in EmbeddingSpace.objects.in_use().exclude(pk=space.pk):
            retire_space(old)
        space.state, space.activated_at = SpaceState.ACTIVE, timezone.now()
        space.save(update_fields=["state", "activated_at"])
    log.info("embedding_space_activated", space=str(space))
    return space


def retire_space(space: EmbeddingSpace) -> None:
    """Take a space out of use and free its vectors and index. Raises Conflict for the one that the settings name."""
    if (
        all(getattr(space, name) == value for name, value in _wanted().items())
        and settings.EMBEDDING_PROVIDER != providers.NONE
    ):
        raise Conflict("The settings name this embedding space; change EMBEDDING_MODEL first.")
    with transaction.atomic():
        space.pending.all().delete()
        PassageVector.objects.filter(space=space).delete()
        with connection.cursor() as cursor:
            cursor.execute(f"DROP INDEX IF EXISTS {index_name(space)}")
        space.state = SpaceState.RETIRED
        space.save(update_fields=["state"])


def start_reembedding(memory_ids: list | None = None) -> int:
    """Queue every memory (or these) in the answering space once more; answers how many."""
    space = EmbeddingSpace.objects.answering()
    return queue_all(space, memory_ids) if space else 0


def progress() -> list[SpaceProgress]:
    """How far each space in use is."""
    total = Memory.objects.filter(deleted_at=None).count()
    failed = Q(pending__attempts__gte=ATTEMPTS_BEFORE_FAILED)
    spaces = (
        EmbeddingSpace.objects.in_use()
        .order_by("-pk")
        .annotate(
            waiting=Count("pending", filter=~failed),
            failed=Count("pending", filter=failed),
            oldest=Min("pending__queued_at", filter=~failed),
        )
    )
    now = timezone.now()
    return [
        SpaceProgress(space, total, space.waiting, space.failed, now - space.oldest if space.oldest else timedelta())
        for space in spaces
    ]


def index_name(space: EmbeddingSpace) -> str:
    """Name of the space's own HNSW index."""
    return f"memories_vector_hnsw_{int(space.pk)}"


def measure_background(embedder: providers.Embedder) -> float:
    """Mean cosine of unrelated texts, one as a question and one as a passage: the zero of the semantic score.

    Every embedder has its own (multilingual-e5 answers about 0.75 for texts that share nothing, others about 0.1).
    """
    questions = np.array([embedder.embed_query(text) for text in UNRELATED_TEXTS])
    cosines = questions @ embedder.embed_passages(UNRELATED_TEXTS).T
    others = ~np.eye(len(UNRELATED_TEXTS), dtype=bool)
    return float(cosines[others].mean())


def background_of(space: EmbeddingSpace) -> float:
    """The space's background similarity, measured and kept at the first call. Raises EmbedderUnavailable."""
    if space.background_similarity is None:
        space.background_similarity = measure_background(embedder_of(space))
        space.save(update_fields=["background_similarity"])
    return space.background_similarity


def _wanted() -> dict[str, Any]:
    if settings.EMBEDDING_PROVIDER == providers.EMBEDDED:
        return {
            "provider": providers.EMBEDDED,
            "model": providers.EMBEDDED_MODEL,
            "dimensions": providers.EMBEDDED_DIMENSIONS,
            "url": "",
        }
    return {
        "provider": settings.EMBEDDING_PROVIDER,
        "model": settings.EMBEDDING_MODEL,
        "dimensions": settings.EMBEDDING_DIMENSIONS,
        "url": settings.EMBEDDING_URL,
    }


def _begin(space: EmbeddingSpace) -> None:
    """Index the new space, queue every memory, and let it answer at once when there is nothing older that can."""
    first = not EmbeddingSpace.objects.filter(state=SpaceState.ACTIVE).exists()
    space.state = SpaceState.ACTIVE if first else SpaceState.BUILDING
    space.activated_at = timezone.now() if first else None
    space.save(update_fields=["state", "activated_at"])
    if space.dimensions <= HNSW_DIMENSIONS_AT_MOST:
        with connection.cursor() as cursor:
            cursor.execute(
                f"CREATE INDEX IF NOT EXISTS {index_name(space)} ON memories_passagevector USING hnsw "
                f"((embedding::halfvec({int(space.dimensions)})) halfvec_cosine_ops) WITH ({HNSW_OPTIONS}) "
                f"WHERE space_id = {int(space.pk)}"
            )
    queue_all(space)
    log.info("embedding_space_begun", space=str(space), answers_at_once=first)


def _lock() -> None:
    """One process at a time makes or changes spaces."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SPACE_LOCK])
