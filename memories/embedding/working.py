"""Making the vectors that are missing: what was saved a moment ago passes what has long waited.

Passages are given to the embedder in turns, each a fraction of a second of one core. Before each turn it is asked anew
what is most urgent, so that a save is found by meaning soon while thousands wait, or while a long memory is embedded.
Statements stay in the caller's thread; the embedder works beside them.
"""

import socket
import time
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import structlog
from django.db import connection

from memories.chunking import estimated_tokens
from memories.embedding.claims import Claim, claim_fresh, claim_oldest, put_back, renew_lease, store
from memories.embedding.providers import EmbedderUnavailable, Pace, pace_of
from memories.embedding.spaces import embedder_of
from memories.models import EmbeddingSpace, PendingEmbedding

log = structlog.get_logger(__name__)

# Stored together: enough memories that statements cost little, few enough passages that a slow machine has them
# within a lease.
BATCH_MEMORIES = 64
BATCH_PASSAGES = 256
# Of what is fresh so few are taken at a time that the newest waits for half a second of two cores at most, and so many that
# they share what a batch costs beside the embedder: with 4 at a time a storm of saves was embedded a sixth slower.
FRESH_MEMORIES = 16
FRESH_BATCH_PASSAGES = 64
# A memory with more passages than this goes with the backlog: others would have to wait for it.
FRESH_PASSAGES = 16
# While more is saved than can be embedded, every fourth turn is for what has waited longest.
FRESH_TURNS_IN_A_ROW = 3
RENEWED_AFTER_SECONDS = 30.0  # a small part of a lease
EMBEDDING_LOCK = 7723_02  # any number of our own, for pg_try_advisory_lock


@dataclass(eq=False)
class Batch:
    """Memories of a space that are embedded in turns and stored together."""

    space: EmbeddingSpace
    claims: list[Claim]
    turns: list[list[str]]
    taken_at: float = field(default_factory=time.monotonic)
    vectors: dict[int, np.ndarray] = field(default_factory=dict)
    begun: int = 0
    running: int = 0
    problem: Exception | None = None

    @property
    def has_waited(self) -> bool:
        """Whether it was taken so long ago that its lease should begin anew with its first turn."""
        return not self.begun and time.monotonic() - self.taken_at >= RENEWED_AFTER_SECONDS

    @property
    def has_turns(self) -> bool:
        """Whether a turn of it is left to begin."""
        return self.begun < len(self.turns)

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it is left to wait for."""
        return not self.has_turns and not self.running

    def all_vectors(self) -> np.ndarray:
        """The vectors of all passages, in their order."""
        return np.concatenate([self.vectors[place] for place in range(len(self.turns))])


def embed_pending_alone() -> int:
    """Embed what is due in all spaces in use, unless another process of this machine is at it; answers how many.

    One process keeps every core busy; a second would only make each turn take twice as long. The one that is at it looks
    again after it has let go of the lock, so that nothing waits that was queued in its last moment.
    """
    in_use = EmbeddingSpace.objects.in_use().order_by("state", "pk")
    stored = 0
    while PendingEmbedding.objects.due().filter(space__in=in_use).exists():
        with _sole_embedder() as is_ours:
            if not is_ours:
                break
            stored += embed_pending_of(*in_use)
    return stored


def machine_lock() -> tuple[int, int]:
    """The key of this machine's advisory lock in PostgreSQL."""
    return EMBEDDING_LOCK, zlib.crc32(socket.gethostname().encode()) - 2**31


@contextmanager
def _sole_embedder() -> Iterator[bool]:
    """Whether this process is the one of its machine that embeds; PostgreSQL lets go of the lock when it dies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", machine_lock())
        is_ours = cursor.fetchone()[0]
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", machine_lock())


def embed_pending_of(*spaces: EmbeddingSpace) -> int:
    """Embed what is due in these spaces, of the first space first, until nothing is; answers how many memories were stored.

    When the embedder of a space is away, what was taken of it is put back with a pause, and the other spaces go on.
    """
    at_once = max((pace_of(space.provider).turns for space in spaces), default=1)
    with ThreadPoolExecutor(at_once, thread_name_prefix="turn") as beside:
        try:
            # One more is ready, so that no core waits while what is done is stored.
            return _Work(list(spaces), beside, at_once + 1).until_nothing_is_due()
        finally:
            beside.shutdown(cancel_futures=True)


class _Work:
    """What is taken and not yet stored: a fresh batch of the first space, and the backlog of all."""

    def __init__(self, spaces: list[EmbeddingSpace], beside: Executor, at_once: int) -> None:
        self._spaces = spaces
        self._beside = beside
        self._at_once = at_once
        self._fresh: Batch | None = None
        self._backlog: deque[Batch] = deque()
        self._running: dict[Future[np.ndarray], tuple[Batch, int]] = {}
        self._fresh_in_a_row = 0
        self._stored = 0

    def until_nothing_is_due(self) -> int:
        """Work until nothing is due; answers how many memories were stored."""
        self._begin_turns()
        while self._running:
            ended = wait(self._running, return_when=FIRST_COMPLETED).done
            whole = [batch for future in ended if (batch := self._take(future)).has_ended]
            # The embedder goes on while PostgreSQL stores; what is fresh has few memories and is stored first.
            self._begin_turns()
            for batch in sorted(whole, key=lambda batch: len(batch.claims)):
                self._finish(batch)
            self._begin_turns()
        return self._stored

    # --- what comes next ---------------------------------------------------------------------------------------------

    def _begin_turns(self) -> None:
        """Give the embedder as many turns as it takes at once."""
        while len(self._running) < self._at_once:
            batch = self._most_urgent()
            if batch is None:
                return
            future = self._beside.submit(_vectors, batch.space, batch.turns[batch.begun])
            self._running[future] = (batch, batch.begun)
            batch.begun += 1
            batch.running += 1

    def _most_urgent(self) -> Batch | None:
        """The batch whose turn it is: the fresh one, but for the share of the backlog."""
        if self._fresh_in_a_row >= FRESH_TURNS_IN_A_ROW:
            # Whether or not it uses its share: asked before every turn, an empty backlog would cost the fresh.
            self._fresh_in_a_row = 0
            if (batch := self._of_backlog()) is not None:
                return batch
        if (fresh := self._of_fresh()) is not None:
            self._fresh_in_a_row += 1
            return fresh
        return self._of_backlog()

    def _of_fresh(self) -> Batch | None:
        """A batch of what was just saved, taken now if need be."""
        if self._spaces and (self._fresh is None or not self._fresh.has_turns):
            space = self._spaces[0]
            claims = claim_fresh(space, FRESH_MEMORIES)
            short = [claim for claim in claims if len(claim.passages) <= FRESH_PASSAGES]
            self._backlog.extend(_batches(space, [claim for claim in claims if claim not in short], BATCH_PASSAGES))
            batches = deque(_batches(space, short, FRESH_BATCH_PASSAGES))
            self._fresh = batches.popleft() if batches else None
            self._backlog.extendleft(reversed(batches))
        return self._fresh if self._fresh is not None and self._fresh.has_turns else None

    def _of_backlog(self) -> Batch | None:
        """A batch of what has waited longest, taken now if need be."""
        while self._backlog and not self._backlog[0].has_turns:
            self._backlog.popleft()
        for place, space in enumerate(self._spaces):
            if not self._backlog:
                # What is fresh in the first space comes in the other lane, few at a time.
                self._backlog.extend(
                    _batches(space, claim_oldest(space, BATCH_MEMORIES, fresh_too=place > 0), BATCH_PASSAGES)
                )
        batch = self._backlog[0] if self._backlog else None
        if batch is not None and batch.has_waited:
            renew_lease(batch.space, batch.claims)
        return batch

    # --- what comes back ---------------------------------------------------------------------------------------------

    def _take(self, future: Future[np.ndarray]) -> Batch:
        """Note a turn's vectors, or that there are none; answers its batch."""
        batch, place = self._running.pop(future)
        batch.running -= 1
        try:
            batch.vectors[place] = future.result()
        except Exception as error:
            batch.problem = error
            batch.begun = len(batch.turns)
        return batch

    def _finish(self, batch: Batch) -> None:
        """Store an embedded batch; when its texts were refused, try each memory alone, so that one cannot hold up the rest."""
        try:
            if batch.problem is not None:
                raise batch.problem
            self._stored += store(batch.space, batch.claims, batch.all_vectors())
        except EmbedderUnavailable as error:
            self._leave(batch, error)
        except Exception as error:
            log.warning("embedding_batch_failed", space=str(batch.space), error=repr(error))
            self._one_by_one(batch)

    def _one_by_one(self, batch: Batch) -> None:
        for claim in batch.claims:
            try:
                self._stored += store(batch.space, [claim], _vectors(batch.space, claim.passages))
            except EmbedderUnavailable as error:
                self._leave(batch, error)
                return
            except Exception as error:
                put_back(batch.space, [claim], repr(error))

    def _leave(self, batch: Batch, error: EmbedderUnavailable) -> None:
        """The embedder of a batch's space is away: put back what waits for it, and take nothing more of the space.

        Turns that run meanwhile end by themselves, and their batches come here too.
        """
        space = batch.space
        log.warning("embedder_unavailable", space=str(space), error=str(error))
        self._spaces = [other for other in self._spaces if other != space]
        unbegun = [other for other in self._backlog if other.space == space and not other.begun]
        for left in [batch, *unbegun]:
            put_back(space, left.claims, str(error), counted=False)
        self._backlog = deque(other for other in self._backlog if other not in unbegun)


def _vectors(space: EmbeddingSpace, texts: Sequence[str]) -> np.ndarray:
    return embedder_of(space).embed_passages(texts)


def _batches(space: EmbeddingSpace, claims: Sequence[Claim], most: int) -> Iterator[Batch]:
    """Claims in their order, cut into batches of at most so many passages or of one memory."""
    pace = pace_of(space.provider)
    together: list[Claim] = []
    passages = 0
    for claim in claims:
        if together and passages + len(claim.passages) > most:
            yield Batch(space, together, _turns(together, pace))
            together, passages = [], 0
        together.append(claim)
        passages += len(claim.passages)
    if together:
        yield Batch(space, together, _turns(together, pace))


def _turns(claims: Sequence[Claim], pace: Pace) -> list[list[str]]:
    """The passages of claims in their order, cut into turns of an embedder's pace, none empty."""
    turns: list[list[str]] = []
    tokens = 0
    for passage in (passage for claim in claims for passage in claim.passages):
        cost = estimated_tokens(passage)
        if not turns or len(turns[-1]) >= pace.passages or tokens + cost > pace.tokens:
            turns.append([])
            tokens = 0
        turns[-1].append(passage)
        tokens += cost
    return turns
