"""The words of a text, as the keyword leg of the search counts them.

One analyser serves documents and queries, so that what was written is found by what is asked: letters are
folded (NFKC, case, Latin accents), stop words go, words are stemmed by their script, identifiers are kept
whole and in parts, scripts written without spaces become bigrams, and an emoji is a term of its own.
Everything here is pure and bounded: any string is accepted, in linear time.
"""

import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise

import Stemmer

MAX_TERM_LENGTH = 64
"""Characters of one term. Longer ones are blobs; their first characters tell them apart well enough."""

MAX_DOCUMENT_TERMS = 20_000
"""Distinct terms kept of one document: more than one mebibyte of prose holds, a bound for one of random strings."""

TITLE_WEIGHT = 2
"""How often a word of the title, the tags or the module counts: a name says more than a mention."""

TIME_MARK = "mark time"
"""A pseudo term of documents that say when something happened. It holds a space, so no real term equals it."""

SPEAKER_MARK = "mark speaker "
"""Begins the pseudo term of one who speaks in a document ("Ana: …"); the name's term follows."""

_STOP_WORDS = """
    a about above after again against ain all also am an and any are aren as at be because been before being below
    between both but by can cannot could couldn did didn do does doesn doing don down during each few for from further
    had hadn has hasn have haven having he her here hers herself him himself his how i if in into is isn it its itself
    just let ll me might mightn more most mustn my myself needn no nor not now of off on once only or other our ours
    ourselves out over own re same shan she should shouldn so some such than that the their theirs them themselves then
    there these they this those through to too under until up ve very was wasn we were weren what when where which
    while who whom whose why will with won would wouldn you your yours yourself yourselves
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())

CONTRACTIONS = frozenset(("s", "t", "m", "d", "re", "ve", "ll"))
"""What stands after the apostrophe in English short forms; it carries no meaning of its own."""

_IRREGULAR_FORMS = """
    arise arose arisen|awake awoke awoken|bear bore borne|beat beaten|become became|begin began begun|bend bent
    bind bound|bite bit bitten|bleed bled|blow blew blown|break broke broken|breed bred|bring brought|build built
    burn burnt|buy bought|catch caught|choose chose chosen|cling clung|come came|creep crept|deal dealt|dig dug
    draw drew drawn|dream dreamt|drink drank drunk|drive drove driven|eat ate eaten|fall fell fallen|feed fed
    feel felt|fight fought|find found|flee fled|fly flew flown|forbid forbade forbidden|forget forgot forgotten
    forgive forgave forgiven|freeze froze frozen|get got gotten|give gave given|go went gone goes|grow grew grown
    hang hung|hear heard|hide hid hidden|hold held|keep kept|kneel knelt|know knew known|lay laid|lead led|lean leant
    learn learnt|leave left|lend lent|lie lain lying|lose lost|make made|mean meant|meet met|pay paid|ride rode ridden
    ring rang rung|rise rose risen|run ran|say said|see saw seen|seek sought|sell sold|send sent|shake shook shaken
    shine shone|shoot shot|show shown|shrink shrank shrunk|sing sang sung|sink sank sunk|sit sat|sleep slept|slide slid
    speak spoke spoken|spend spent|spin spun|spread spreads|stand stood|steal stole stolen|stick stuck|sting stung
    strike struck|swear swore sworn|sweep swept|swim swam swum|swing swung|take took taken|teach taught|tear tore torn
    tell told|think thought|throw threw thrown|understand understood|wake woke woken|wear wore worn|weave wove woven
    weep wept|win won|wind wound|withdraw withdrew withdrawn|write wrote written
    child children|foot feet|goose geese|man men|mouse mice|ox oxen|person people|tooth teeth|woman women|wife wives
    life lives|half halves|leaf leaves|shelf shelves|knife knives|index indices|vertex vertices|matrix matrices
"""
IRREGULAR_FORMS = {
    form: entry.split()[0]
    for line in _IRREGULAR_FORMS.strip().splitlines()
    for entry in line.strip().split("|")
    for form in entry.split()[1:]
}
"""English forms that no suffix rule leads back to their word."""

# --- characters ------------------------------------------------------------------------------------------------------
# Python's \w leaves out combining marks, without which words of these scripts fall to pieces.
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc-\u09cd\u09d7\u0a01-\u0a03"
    "\u0a3c-\u0a51\u0a70\u0a71\u0a81-\u0a83\u0abc-\u0acd\u0b01-\u0b03\u0b3c-\u0b57\u0b82\u0bbe-\u0bcd\u0bd7"
    "\u0c00-\u0c04\u0c3e-\u0c56\u0c81-\u0c83\u0cbc-\u0cd6\u0d00-\u0d03\u0d3b-\u0d4d\u0d57\u0dca-\u0ddf"
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd\u0f71-\u0f84\u102b-\u103e\u17b4-\u17d3"
)
_WORD = rf"[\w{_MARKS}]"
_EMOJI = (
    "\U0001f1e6-\U0001f1ff\U0001f300-\U0001f3fa\U0001f400-\U0001faff\u2600-\u27bf\u2b50\u2b55\u231a\u231b\u23e9-\u23f3"
)
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"  # kana, Han
    "\u1100-\u11ff\uac00-\ud7ff"  # Hangul: spaced, yet its words carry their endings
)
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")

# Every repetition is bounded and its pieces are disjoint, so the scan is linear on any input.
_CHUNK = re.compile(
    rf"{_WORD}{{1,256}}(?:[.\-/:@'’\\&]{{1,2}}{_WORD}{{1,256}}){{0,24}}(?:\+\+|\#(?!\w))?"
    rf"|[\U0001f1e6-\U0001f1ff]{{2}}|[{_EMOJI}]"
)
_SEGMENTS = re.compile(r"[./:@\\&]+")
_WORDS_OF_SEGMENT = re.compile(r"[_\-'’]+")
_CASE_PARTS = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+|[^A-Za-z\d]+")
_CAMEL = re.compile(r"[a-z\d][A-Z]|[A-Z]{2}[a-z]")
_LETTERS_THEN_DIGITS = re.compile(r"([^\W\d_]+)\d+\Z")
_VERSION = re.compile(r"[vV]?(\d{1,9}(?:\.\d{1,9}){1,8}(?:-?[A-Za-z]{1,8}\.?\d{0,6})?)\Z")
_UNSPACED_OR_OTHER = re.compile(rf"([{_UNSPACED}]+)|([^{_UNSPACED}]+)")
_LATIN_ACCENTS = re.compile(r"([A-Za-z])[\u0300-\u036f]+")
_SEMITIC_POINTS = re.compile("[\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc]+")
_SLICE = re.compile(r".{1,512}(?:\s|\Z)|.{1,512}", re.DOTALL)

_SCRIPT_STEMMERS = (
    (re.compile(r"[a-z]+\Z"), "english"),
    (re.compile("[\u0400-\u052f]+\\Z"), "russian"),
    (re.compile("[\u0370-\u03ff\u1f00-\u1fff]+\\Z"), "greek"),
    (re.compile("[\u0600-\u06ff]+\\Z"), "arabic"),
    (re.compile("[\u0530-\u058f]+\\Z"), "armenian"),
    (re.compile("[\u0900-\u097f]+\\Z"), "hindi"),
    (re.compile("[\u0b80-\u0bff]+\\Z"), "tamil"),
)
_stemmers = threading.local()  # a Stemmer object keeps a buffer of its own: one for each thread

# --- time words ------------------------------------------------------------------------------------------------------
_TIME_WORDS = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|ago|(?:last|next|this|past|previous|coming) (?:few )?(?:day|night|week|"
    r"weekend|month|year|summer|winter|spring|fall|autumn|monday|tuesday|wednesday|thursday|friday|saturday|sunday|january|"
    r"february|march|april|may|june|july|august|september|october|november|december)s?|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|april|june|july|august|september|october|november|"
    r"december|(?:19|20)\d\d|\d{1,2}:\d\d|recently|since|weekend|(?:this|that) (?:morning|afternoon|evening))\b",
    re.IGNORECASE,
)
_ASKS_WHEN = re.compile(
    r"\b(?:when|(?:what|which) (?:\w+ )?(?:date|day|month|year|time|week|season)|how long|how many (?:days|weeks|"
    r"months|years)|since)\b",
    re.IGNORECASE,
)

_SPEAKER = re.compile(
    r"(?:^|(?<=[.!?…\])\"”])\s)[*_>\- \t]{0,4}"
    rf"([^\W\d_a-z]{_WORD}{{0,24}}(?: [^\W\d_a-z]{_WORD}{{0,24}}){{0,2}})\*{{0,2}}:(?=\s)",
    re.MULTILINE,
)
_NAME = re.compile(rf"(?<!{_WORD})[^\W\d_a-z]{_WORD}{{1,24}}")
_MOST_SPEAKERS = 32  # marks of one document or query: more is a list of words with colons, not talk


def _normalised(text: str) -> str:
    """NFKC of ``text``. Sliced, since reordering a long run of combining marks takes quadratic time."""
    if text.isascii():
        return text
    return "".join(unicodedata.normalize("NFKC", piece.group()) for piece in _SLICE.finditer(text))


def _folded(word: str) -> str:
    """``word`` without case, Latin accents and Hebrew or Arabic points."""
    word = word.casefold()
    if word.isascii():
        return word
    word = _LATIN_ACCENTS.sub(r"\1", unicodedata.normalize("NFD", word))
    return _SEMITIC_POINTS.sub("", unicodedata.normalize("NFC", word))


def stem(word: str) -> str:
    """The stem of one folded word, by the Snowball algorithm of its script; other words come back as they are."""
    for script, language in _SCRIPT_STEMMERS:
        if script.match(word):
            stemmer = getattr(_stemmers, language, None)
            if stemmer is None:
                stemmer = Stemmer.Stemmer(language)
                setattr(_stemmers, language, stemmer)
            return str(stemmer.stemWord(IRREGULAR_FORMS.get(word, word)))
    return word


def _bigrams(run: str) -> Iterator[str]:
    """Pairs of neighbouring characters, and each Han character alone, since it may be a word and a query."""
    if len(run) == 1:
        yield run
        return
    for first, second in pairwise(run):
        yield first + second
    yield from _HAN.findall(run)


def _word_terms(word: str) -> Iterator[str]:
    """Terms of a piece without any connector: itself, or its camel-case parts after the whole."""
    for unspaced, other in _UNSPACED_OR_OTHER.findall(word):
        if unspaced:
            yield from _bigrams(unspaced)
            continue
        parts = _CASE_PARTS.findall(other) if _CAMEL.search(other) else []
        if len(parts) > 1:
            yield stem(_folded(other))
        for part in parts or [other]:
            folded = _folded(part)
            if folded.isdigit() and len(folded) == 2:
                folded = folded.lstrip("0") or "0"
            yield stem(folded)
            numbered = _LETTERS_THEN_DIGITS.match(folded)
            if numbered:
                yield stem(numbered.group(1))


def _segment_terms(segment: str) -> Iterator[str]:
    """Terms of an identifier or a word: ``get_user_id``, ``getUserId``, ``no-verify``, ``don't``."""
    words = [word for word in _WORDS_OF_SEGMENT.split(segment) if word]
    if len(words) > 1 and ("'" in segment or "’" in segment):
        words = [word for place, word in enumerate(words) if not place or word.casefold() not in CONTRACTIONS]
    if len(words) > 1:
        yield stem(_folded("".join(words)))
    for word in words:
        yield from _word_terms(word)


def _chunk_terms(chunk: str) -> Iterator[str]:
    version = _VERSION.match(chunk)
    if version:
        numbers = _folded(version.group(1)).split(".")
        yield from (".".join(numbers[:count]) for count in range(len(numbers), 0, -1))
        return
    if chunk.endswith(("+", "#")):
        yield _folded(chunk)
        chunk = chunk.rstrip("+#")
    segments = [segment for segment in _SEGMENTS.split(chunk) if segment]
    if len(segments) > 1:
        yield _folded(chunk)
        if "/" in chunk and "." in chunk.rpartition("/")[2]:
            yield _folded(chunk.rpartition("/")[2])
    for segment in segments:
        yield from _segment_terms(segment)


@lru_cache(maxsize=50_000)
def _cached_chunk_terms(chunk: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Terms of a chunk without, and with, its stop words. Natural text repeats its words: most calls hit the cache."""
    words = tuple(term[:MAX_TERM_LENGTH] for term in _chunk_terms(chunk) if term)
    return tuple(word for word in words if word not in STOP_STEMS), words


STOP_STEMS = frozenset(stem(word) for word in STOP_WORDS) | STOP_WORDS


def _terms(text: str) -> Iterable[tuple[tuple[str, ...], tuple[str, ...]]]:
    for chunk in _CHUNK.findall(_normalised(text)):
        yield _cached_chunk_terms(chunk)


def analyse(text: str) -> list[str]:
    """Terms of ``text`` in order, repeated as often as they stand there; for documents and for queries.

    An identifier gives itself and its parts (``get_user_id``: getuserid, get, user, id; the same as getUserId). A
    text made of stop words alone keeps them, so that a note titled "To do" can be found. No string raises; no term
    is longer than MAX_TERM_LENGTH characters; the time is linear in the length of the text.
    """
    pairs = list(_terms(text))
    kept = [term for pair in pairs for term in pair[0]]
    return kept or [term for pair in pairs for term in pair[1]]


def date_words(day: date) -> str:
    """``day`` as people and tools write it, for the words of something that happened then: "8 May 2023 2023-05-08"."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year} {day.isoformat()[:10]}"


_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def term_frequencies(
    title: str, content: str, tags: Iterable[str] = (), module: str = "", occurred: date | None = None
) -> tuple[dict[str, int], int]:
    """The counted terms of one memory, and its length in terms, for the posting table.

    Words of title, tags and module count TITLE_WEIGHT times. ``occurred`` is the day that the memory speaks of when
    that is not the day of saving; its date becomes words. The dictionary also holds the marks that ``query_marks`` asks
    for (TIME_MARK, SPEAKER_MARK); they are not counted in the length. At most MAX_DOCUMENT_TERMS distinct terms are
    kept, first come first.
    """
    counts: Counter[str] = Counter()
    for text in (title, " ".join(tags), module):
        for term in analyse(text or ""):
            counts[term] += TITLE_WEIGHT
    counts.update(analyse(content))
    if occurred is not None:
        counts.update(analyse(date_words(occurred)))
    kept = dict(counts) if len(counts) <= MAX_DOCUMENT_TERMS else dict(list(counts.items())[:MAX_DOCUMENT_TERMS])
    length = sum(kept.values())
    if _TIME_WORDS.search(content) or _TIME_WORDS.search(title):
        kept[TIME_MARK] = 1
    speakers = dict.fromkeys(name for match in _SPEAKER.finditer(content) for name in analyse(match.group(1)))
    kept.update((SPEAKER_MARK + name, 1) for name in list(speakers)[:_MOST_SPEAKERS])
    return kept, length


def query_terms(text: str) -> dict[str, float]:
    """The distinct terms of a query in order, each with its weight (1: a repeated word gains nothing)."""
    return dict.fromkeys(analyse(text), 1.0)


def query_marks(text: str) -> list[str]:
    """Marks that answers to this query tend to hold, besides its words.

    TIME_MARK for a question that asks when; SPEAKER_MARK and a name for each name (a word with a capital letter) in it.
    They are looked up in the posting table beside the terms, and never make a memory a candidate by themselves.
    """
    time = [TIME_MARK] if _ASKS_WHEN.search(text) else []
    names = dict.fromkeys(term for name in _NAME.findall(text) for term in analyse(name) if term not in STOP_WORDS)
    return time + [SPEAKER_MARK + name for name in list(names)[:_MOST_SPEAKERS]]


def term_key(term: str) -> int:
    """A stable signed 64-bit key of a term, the same on every machine (BLAKE2b of its UTF-8 bytes, 8 bytes)."""
    digest = blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
