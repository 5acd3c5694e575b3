"""Why a search found a memory, in words: what each part of its score says, read off what ranking has computed."""

from dataclasses import dataclass

from memories.ranking import DEFAULT_SETTINGS, Query
from memories.search import SearchResult
from memories.snippets import Piece, marked, terms_met

# Closeness in meaning is told in a word: the share of the way from texts that have nothing to do with each other (0) to
# the same text (1).
CLOSENESS = ((0.75, "very close"), (0.5, "close"), (0.25, "related"), (0.0, "far"))
WORDS_NAMED = 8
WORD_CHARACTERS = 40
# A neighbour or a source that lifts the leg by less is not worth a sentence.
SUPPORT_WORTH_TELLING = 0.05


@dataclass(frozen=True)
class Why:
    """Why one memory was found. Shares are 0…1.

    meaning: how close in meaning, None where no embedder answered. meaning_words: the same in a word. met, missing:
    the question's words that it holds and those that it does not. support: sentences about neighbours and sources.
    confidence_costs, use_costs: the share of the score that they take away.
    """

    score: float
    meaning: float | None
    meaning_words: str
    words: float
    met: list[str]
    missing: list[str]
    support: list[str]
    confidence: float
    confidence_costs: float
    reads: int
    use_costs: float


@dataclass(frozen=True)
class Hit:
    """A result as a page shows it: title and snippet with the question's words apart, and why it was found."""

    result: SearchResult
    title: list[Piece]
    snippet: list[Piece]
    why: Why


def explained(query: str, result: SearchResult, *, has_meaning: bool) -> Hit:
    """What a page shows of a result. has_meaning: False when the answer came from keywords only."""
    terms = Query.of(query).terms
    return Hit(
        result, marked(result.memory.title, terms), marked(result.snippet, terms), why_found(query, result, has_meaning)
    )


def why_found(query: str, result: SearchResult, has_meaning: bool) -> Why:
    """The parts of a result's score in words."""
    memory, parts, settings = result.memory, result.parts, DEFAULT_SETTINGS
    text = " ".join([memory.title, memory.module, *memory.tags, memory.content_md, memory.resolution])
    met, missing = words_of(query, terms_met(text, Query.of(query).terms))
    return Why(
        score=result.score,
        meaning=parts["semantic"] if has_meaning else None,
        meaning_words=_closeness(parts["semantic"]) if has_meaning else "",
        words=parts["keyword"],
        met=met,
        missing=missing,
        support=_support(parts, has_meaning),
        confidence=result.confidence,
        confidence_costs=settings.confidence_share * (1 - result.confidence),
        reads=memory.access_count,
        use_costs=settings.use_share * (1 - parts["use"]),
    )


def words_of(query: str, met: frozenset[str]) -> tuple[list[str], list[str]]:
    """The words of a query, as it has them, that hold one of the terms that were met, and the others; each once.

    At most WORDS_NAMED of either; words that no search looks for (such as "the") are in neither.
    """
    wanted = Query.of(query).terms
    words = dict.fromkeys(piece.text for piece in marked(" ".join(query.split()), wanted) if piece.is_met)
    found = [word for word in words if terms_met(word, met)]
    lost = [word for word in words if not terms_met(word, met)]
    return [_short(word) for word in found[:WORDS_NAMED]], [_short(word) for word in lost[:WORDS_NAMED]]


def _short(word: str) -> str:
    return word if len(word) <= WORD_CHARACTERS else f"{word[: WORD_CHARACTERS - 1]}…"


def _closeness(share: float) -> str:
    return next(word for least, word in CLOSENESS if share >= least)


def _support(parts: dict[str, float], has_meaning: bool) -> list[str]:
    """What lifts it beside its own text."""
    told = []
    own, near, source = parts["semantic_passage"], parts["semantic_neighbours"], parts["semantic_source"]
    if has_meaning and near - own > SUPPORT_WORTH_TELLING:
        told.append("A memory saved next to it from the same source is closer in meaning and lifts it.")
    elif has_meaning and source - own > SUPPORT_WORTH_TELLING:
        told.append("Another memory of the same source is closer in meaning and lifts it.")
    if parts["keyword_source_bm25"] - parts["keyword_bm25"] > SUPPORT_WORTH_TELLING:
        told.append("Memories of the same source hold words of the question and lift it.")
    if parts["keyword_time"] > 0:
        told.append("The question asks when, and it names a time.")
    if parts["keyword_speaker"] > 0:
        told.append("Somebody whom the question names speaks in it.")
    return told
