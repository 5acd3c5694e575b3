"""Who turns text into vectors: the model inside the wheel, or any OpenAI-compatible endpoint."""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
from django.conf import settings

from memories.chunking import MAX_PASSAGE_TOKENS

EMBEDDED = "embedded"
OPENAI = "openai"
NONE = "none"
PROVIDERS = (EMBEDDED, OPENAI, NONE)

EMBEDDED_MODEL = "multilingual-e5-small-q4"
EMBEDDED_DIMENSIONS = 384
CORES = os.cpu_count() or 1
PASSAGES_A_TURN = 8
# A core of a small machine takes 0.2 to 0.3 ms a token.
TOKENS_A_TURN = 320


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
        return Pace(PASSAGES_A_TURN, TOKENS_A_TURN, turns=CORES)
    return Pace(ENDPOINT_TURN, ENDPOINT_TURN * MAX_PASSAGE_TOKENS, turns=2)


class EmbedderUnavailable(Exception):
    """No vector can be made now; the text of the exception says why, in words for an operator."""


class Embedder(Protocol):
    """Makes L2-normalised vectors of one space."""

    def embed_query(self, text: str) -> np.ndarray:
        """One vector of shape (dimensions,) for a question. Raises EmbedderUnavailable."""

    def embed_passages(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of shape (len(texts), dimensions) for what is to be found. Raises EmbedderUnavailable."""


class EmbeddedE5:
    """multilingual-e5-small, run in this process; needs no key and no network."""

    def __init__(self) -> None:
        # Imported where it is needed: a portal with an endpoint may lack the packages.
        try:
            from memories.embedding.e5.encoder import encoder
        except ImportError as error:
            raise EmbedderUnavailable(
                f"The embedded embedder lacks a package ({error.name}), which may have no wheel for this platform; "
                "set EMBEDDING_PROVIDER=openai and EMBEDDING_URL, or EMBEDDING_PROVIDER=none."
            ) from error
        try:
            self._encoder = encoder()
        except Exception as error:  # ONNX Runtime's have no base of their own
            raise EmbedderUnavailable(f"The embedded embedder does not start: {error}") from error

    def embed_query(self, text: str) -> np.ndarray:
        """One vector for a question, with the model's own `query: ` prefix; other threads run meanwhile."""
        return self._encoder.vector("query: " + _clean(text))

    def embed_passages(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors for passages, with the model's own `passage: ` prefix.

        One after the other, on the caller's core: several texts in one pass of the network would save nothing, and pay
        for the longest among them. Threads that ask at once use a core each.
        """
        vectors = [self._encoder.vector("passage: " + _clean(text)) for text in texts]
        return np.array(vectors, dtype=np.float32).reshape(len(texts), EMBEDDED_DIMENSIONS)


def load_what_processes_share() -> None:
    """Load the embedded model before a server parts into processes, which then share them.

    It takes a second that no first question waits for. Where it cannot be loaded nothing is said yet: whoever asks for
    a vector is told why.
    """
    if settings.EMBEDDING_PROVIDER != EMBEDDED:
        return
    with suppress(EmbedderUnavailable):
        embedder(EMBEDDED, EMBEDDED_MODEL, EMBEDDED_DIMENSIONS, "")


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
