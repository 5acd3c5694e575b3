"""How the keyword and the semantic leg of a search become one order.

Each leg is brought to 0…1 and the two are summed with the weights of the settings; that sum is multiplied by a gentle
factor for confidence and one for use. Everything is pure arithmetic on what the search has read.

Memories of one source (a session, a transcript, a file) support each other: what one of them says is often asked in
the words of the one before. So each leg looks at a memory, at its neighbours and at its source. Support never lowers a
score, and a memory without a source is its own neighbourhood, so both kinds compare fairly.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import log1p
from typing import Any

import numpy as np

from memories.analysis import TIME_MARK, query_marks, query_terms, term_key

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
    """The weights of the fusion, chosen by measurement on conversations (tuned on some, checked on the others).

    ``semantic`` and ``keyword`` weigh the legs; only their proportion counts. The other numbers divide a leg among its
    parts, or say how far confidence and use may lower a score: at most by their share.
    """

    semantic: float = 0.7
    keyword: float = 0.3
    confidence_share: float = 0.2
    use_share: float = 0.05
    use_saturation: int = 50


DEFAULT_SETTINGS = Settings()

SEMANTIC_PARTS = {"passage": 1.0, "neighbours": 1.0, "source": 1.0}
"""Of the semantic leg: the memory's own best passage, the best among it and its neighbours, the best of its source."""

KEYWORD_PARTS = {"bm25": 0.40, "words_near": 0.25, "source_bm25": 0.25, "time": 0.20, "speaker": 0.10}
"""Of the keyword leg: BM25 of the memory; share of the question's words that it and its neighbours hold; BM25 of its
source; for a question that asks when: it holds time words; for a question that names someone: that one speaks in it."""


@dataclass(frozen=True, slots=True)
class Space:
    """An embedding space's scale: ``background`` is the mean cosine of a question and a passage that share nothing.

    It is about 0.75 for E5 models and 0.1 for others, so it is measured once for each space, and is the zero of the
    semantic leg.
    """

    background: float = 0.0


def rank(
    query: Query,
    candidates: Sequence[Candidate],
    corpus: Corpus,
    space: Space | None,
    settings: Settings = DEFAULT_SETTINGS,
    limit: int | None = None,
) -> list[Scored]:
    """The best ``limit`` candidates (None: all) by falling score, each within 0…1; equal scores keep their order.

    ``space`` None means that there is no semantic leg (no embedder answers): keywords decide alone. A query without a
    term is decided by meaning alone. A candidate without a vector of its own counts as the median one.
    """
    if not candidates:
        return []
    near = _neighbours(candidates)
    semantic = _semantic_parts(candidates, space, near)
    keyword = _keyword_parts(query, candidates, corpus, near)
    meaning, words = _leg(semantic, SEMANTIC_PARTS), _leg(keyword, KEYWORD_PARTS)
    for_meaning = settings.semantic if space is not None else 0.0
    for_words = settings.keyword if query.keys else 0.0
    relevance = (for_meaning * meaning + for_words * words) / max(for_meaning + for_words, 1e-9)
    confidence = np.clip([candidate.confidence for candidate in candidates], 0.0, 1.0)
    reads = np.array([max(candidate.access_count, 0) for candidate in candidates], dtype=float)
    use = np.minimum(1.0, np.log1p(reads) / np.log1p(settings.use_saturation))
    score = relevance * (1 - settings.confidence_share * (1 - confidence)) * (1 - settings.use_share * (1 - use))
    columns = {"semantic": meaning, "keyword": words, "relevance": relevance, "confidence": confidence, "use": use}
    columns |= {f"semantic_{name}": part for name, part in semantic.items()}
    columns |= {f"keyword_{name}": part for name, part in keyword.items()}
    order = np.argsort(-score, kind="stable")[:limit]
    table = np.stack(list(columns.values()), axis=1)[order].tolist()
    scores = score[order].tolist()
    return [
        Scored(candidates[place].id, points, dict(zip(columns, parts, strict=True)))
        for place, points, parts in zip(order.tolist(), scores, table, strict=True)
    ]


def inverse_document_frequency(documents: int, frequency: int) -> float:
    """BM25's weight of a term: ln(1 + (N − n + 0.5) / (n + 0.5)), never negative."""
    frequency = min(max(frequency, 0), max(documents, 0))
    return log1p((documents - frequency + 0.5) / (frequency + 0.5))


def _leg(parts: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    return sum((weights[name] * part for name, part in parts.items()), np.zeros(())) / sum(weights.values())


@dataclass(frozen=True, slots=True)
class _Near:
    """Places of each candidate's neighbours (its own where there is none), and the number of its source."""

    before: np.ndarray
    after: np.ndarray
    source: np.ndarray
    sources: int


def _neighbours(candidates: Sequence[Candidate]) -> _Near:
    places = {
        (c.source, c.position): i for i, c in enumerate(candidates) if c.source is not None and c.position is not None
    }
    numbers: dict[Hashable, int] = {}
    before, after, source = [], [], []
    for place, candidate in enumerate(candidates):
        group, position = candidate.source, candidate.position
        source.append(numbers.setdefault(("alone", place) if group is None else ("source", group), len(numbers)))
        knows_place = group is not None and position is not None
        before.append(places.get((group, (position or 0) - 1), place) if knows_place else place)
        after.append(places.get((group, (position or 0) + 1), place) if knows_place else place)
    return _Near(np.array(before), np.array(after), np.array(source), len(numbers))


def _semantic_parts(candidates: Sequence[Candidate], space: Space | None, near: _Near) -> dict[str, np.ndarray]:
    """The cosines on a scale where 0 is the background of the space and 1 is the same text."""
    own = np.zeros(len(candidates))
    if space is not None:
        cosine = np.array([np.nan if c.cosine is None else c.cosine for c in candidates], dtype=float)
        known = cosine[~np.isnan(cosine)]
        cosine = np.where(np.isnan(cosine), np.median(known) if known.size else space.background, cosine)
        own = np.clip((cosine - space.background) / max(1 - space.background, 1e-6), 0.0, 1.0)
    best = np.zeros(near.sources)
    np.maximum.at(best, near.source, own)
    return {
        "passage": own,
        "neighbours": np.maximum(own, np.maximum(own[near.before], own[near.after])),
        "source": best[near.source],
    }


def _keyword_parts(query: Query, candidates: Sequence[Candidate], corpus: Corpus, near: _Near) -> dict[str, np.ndarray]:
    """BM25 as a share of the best candidate's, words met as a share of their weight, marks as 0 or 1."""
    count = len(candidates)
    time_key = term_key(TIME_MARK)
    speakers = [mark for mark in query.marks if mark != time_key]
    held = [candidate.term_frequencies for candidate in candidates]
    asked_when = time_key in query.marks
    time = np.array([asked_when and time_key in terms for terms in held], dtype=float)
    speaker = np.array([any(mark in terms for mark in speakers) for terms in held], dtype=float)
    if not query.keys:
        nothing = np.zeros(count)
        return {"bm25": nothing, "words_near": nothing, "source_bm25": nothing, "time": time, "speaker": speaker}
    counts = np.array([[terms.get(key, 0) for key in query.keys] for terms in held], dtype=float)
    idf = np.array(
        [inverse_document_frequency(corpus.documents, corpus.document_frequencies.get(key, 0)) for key in query.keys]
    ) * np.array(query.weights)
    length = np.array([candidate.length for candidate in candidates], dtype=float) / max(corpus.average_length, 1.0)
    counts /= (1 - B + B * length)[:, None]
    of_source = np.zeros((near.sources, len(query.keys)))
    np.add.at(of_source, near.source, counts)
    met = counts > 0
    met_near = met | met[near.before] | met[near.after]
    return {
        "bm25": _share_of_best(_saturated(counts) @ idf),
        "words_near": met_near @ idf / max(float(idf.sum()), 1e-9),
        "source_bm25": _share_of_best(_saturated(of_source) @ idf)[near.source],
        "time": time,
        "speaker": speaker,
    }


def _saturated(counts: np.ndarray) -> np.ndarray:
    """BM25's growth of a term's counts, which are already divided by the length of their text."""
    return counts * (K1 + 1) / (counts + K1)


def _share_of_best(scores: np.ndarray) -> np.ndarray:
    best = float(scores.max())
    return scores / best if best > 0 else scores
