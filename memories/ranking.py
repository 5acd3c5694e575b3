"""How the keyword and the semantic leg of a search become one order.

Each leg is brought to 0…1 and the two are summed with the weights of the settings; that sum is multiplied by a gentle
factor for confidence and one for use. Everything is pure arithmetic on what the search has read.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from memories.analysis import query_marks, query_terms, term_key

K1 = 1.2
"""BM25: how soon a repeated term stops to count (Robertson and Zaragoza 2009, section 3.4)."""
B = 0.75
"""BM25: how much a long text is held against its matches (same source)."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked: the text, the keys and weights of its terms, the keys of its marks."""

    text: str
    terms: tuple[str, ...]
    keys: tuple[int, ...]
    weights: tuple[float, ...]
    marks: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> "Query":
        """The analysed query; at most MAX_QUERY_TERMS terms, first come first."""
        weights = dict(list(query_terms(text).items())[:MAX_QUERY_TERMS])
        return cls(
            text=text,
            terms=tuple(weights),
            keys=tuple(term_key(term) for term in weights),
            weights=tuple(weights.values()),
            marks=tuple(term_key(mark) for mark in query_marks(text)),
        )


MAX_QUERY_TERMS = 64
"""Terms of one query that are looked up; a bound on the work for a query of a mebibyte."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """What inverse document frequency needs of the projects searched. It may lag behind the memories."""

    documents: int
    average_length: float
    document_frequencies: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One memory in question, with the raw parts of its score.

    ``cosine`` is that of its best passage, None without a vector. ``term_frequencies`` maps the keys of query terms and
    marks that it holds to their counts (as posted). ``source`` names the group (project and source file) and
    ``position`` the place in it; None when it stands alone.
    """

    id: Any
    cosine: float | None
    term_frequencies: Mapping[int, int]
    length: int
    source: Hashable | None = None
    position: int | None = None
    confidence: float = 1.0
    access_count: int = 0


@dataclass(frozen=True, slots=True)
class Scored:
    """A result: its score (0…1) and the parts that ``explain`` shows."""

    id: Any
    score: float
    parts: dict[str, float]


@dataclass(frozen=True, slots=True)
class Settings:
    """The weights of the fusion. ``semantic`` and ``keyword`` need not sum to 1; their share counts."""

    semantic: float = 0.7
    keyword: float = 0.3
    confidence_share: float = 0.2
    use_share: float = 0.05
    use_saturation: int = 50


DEFAULT_SETTINGS = Settings()


@dataclass(frozen=True, slots=True)
class Space:
    """An embedding space's scale: ``background`` is the mean cosine of unrelated texts (see ``measured_space``)."""

    background: float = 0.0


def rank(
    query: Query,
    candidates: Sequence[Candidate],
    corpus: Corpus,
    space: Space | None,
    settings: Settings = DEFAULT_SETTINGS,
) -> list[Scored]:
    """The candidates by falling score. Equal scores keep the order in which they came."""
    if not candidates:
        return []
    semantic = _semantic(candidates, space)
    keyword = _keyword(query, candidates, corpus)
    weights = settings.semantic + settings.keyword
    relevance = (settings.semantic * semantic + settings.keyword * keyword) / weights
    confidence = np.array([c.confidence for c in candidates])
    use = np.minimum(1.0, np.log1p([c.access_count for c in candidates]) / np.log1p(settings.use_saturation))
    score = relevance * (1 - settings.confidence_share * (1 - confidence)) * (1 - settings.use_share * (1 - use))
    return [
        Scored(
            candidates[place].id,
            float(score[place]),
            {
                "semantic": float(semantic[place]),
                "keyword": float(keyword[place]),
                "confidence": float(confidence[place]),
                "use": float(use[place]),
            },
        )
        for place in np.argsort(-score, kind="stable")
    ]


def _semantic(candidates: Sequence[Candidate], space: Space | None) -> np.ndarray:
    if space is None:
        return np.zeros(len(candidates))
    cosine = np.array([space.background if c.cosine is None else c.cosine for c in candidates])
    return np.clip((cosine - space.background) / max(1e-6, 1 - space.background), 0.0, 1.0)


def inverse_document_frequency(documents: int, frequency: int) -> float:
    """BM25's weight of a term: ln(1 + (N − n + 0.5) / (n + 0.5)), never negative."""
    frequency = min(max(frequency, 0), max(documents, 0))
    return float(np.log1p((documents - frequency + 0.5) / (frequency + 0.5)))


def _keyword(query: Query, candidates: Sequence[Candidate], corpus: Corpus) -> np.ndarray:
    if not query.keys:
        return np.zeros(len(candidates))
    counts = np.array([[c.term_frequencies.get(key, 0) for key in query.keys] for c in candidates], dtype=float)
    idf = np.array([inverse_document_frequency(corpus.documents, corpus.document_frequencies.get(k, 0)) for k in query.keys])
    length = np.array([c.length for c in candidates], dtype=float) / max(corpus.average_length, 1.0)
    bm25 = (counts * (K1 + 1) / (counts + K1 * (1 - B + B * length)[:, None])) @ (idf * query.weights)
    top = bm25.max()
    return bm25 / top if top > 0 else bm25
