"""The lines of a memory that a search shows, and how many results fit a budget of tokens."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from memories.analysis import analyse

SNIPPET_CHARACTERS = 240
"""Length of a snippet: three lines of a terminal, about 60 tokens."""

CHARACTERS_PER_TOKEN = 4
"""The contract's measure of a token, for titles and snippets alike."""

SCANNED_CHARACTERS = 20_000
"""How far into a text a snippet is looked for: a bound on the time of one result."""

ELLIPSIS = "…"

_WORD = re.compile(r"\S{1,100}")
_MARKUP = re.compile(r"`{1,3}|\*{1,3}(?=\S)|(?<=\S)\*{1,3}|^[ \t]{0,3}(?:#{1,6} |> |[-*+] )|\[\[|\]\]|~~", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\[\]\n]{0,300})\]\((?:[^()\s]|\([^()\s]{0,100}\)){0,500}\)")
_WIKILINK = re.compile(r"\[\[([^\[\]|\n]{1,300})(?:\|([^\[\]\n]{1,300}))?\]\]")
# Parts of what stands between two blanks; identifiers stay whole.
_PART = re.compile(r"\w+(?:[-'’.]\w+)*")
_GAPS = re.compile(r"[\s\x00]+")


def plain_text(markdown: str) -> str:
    """``markdown`` on one line without its signs; the words of links stay, their addresses go."""
    text = _WIKILINK.sub(lambda link: link.group(2) or link.group(1), markdown)
    return _GAPS.sub(" ", _MARKUP.sub("", _LINK.sub(r"\1", text))).strip()


def snippet(text: str, terms: Collection[str], max_characters: int = SNIPPET_CHARACTERS) -> str:
    """The stretch of ``text`` that holds most distinct ``terms``, in plain text of at most ``max_characters``.

    ``terms`` are the analyser's terms of the query. It is cut on word bounds, with an ellipsis where something was
    left out; without any match it is the beginning. Only the first SCANNED_CHARACTERS are searched.
    """
    plain = plain_text(text[:SCANNED_CHARACTERS])
    cut_short = len(text) > SCANNED_CHARACTERS
    if len(plain) <= max_characters and not cut_short:
        return plain
    start = _best_start(plain, frozenset(terms), max_characters - 2)
    return _trimmed(plain, start, max_characters, cut_short)


@lru_cache(maxsize=20_000)
def _terms_of(word: str) -> frozenset[str]:
    """Terms of one word. Words repeat: kept ones make a snippet of 20,000 characters take 3 ms and not 15."""
    return frozenset(analyse(word))


def _best_start(plain: str, terms: frozenset[str], width: int) -> int:
    """Where the window of ``width`` characters with the most distinct terms begins, a little before its first match."""
    hits = [
        (word.start(), word.end(), met) for word in _WORD.finditer(plain) if (met := terms & _terms_of(word.group()))
    ]
    best, best_score, best_end, left = 0, 0.0, 0, 0
    counts: dict[str, int] = {}
    for start, end, met in hits:
        for term in met:
            counts[term] = counts.get(term, 0) + 1
        while left < len(hits) and end - hits[left][0] > width and hits[left][0] < start:
            for term in hits[left][2]:
                counts[term] -= 1
                if not counts[term]:
                    del counts[term]
            left += 1
        score = len(counts) + 0.01 * sum(counts.values())
        if score > best_score:
            best, best_score, best_end = hits[left][0], score, end
    lead = max(0, (width - (best_end - best)) // 3)
    return max(0, best - lead)


def _trimmed(plain: str, start: int, max_characters: int, cut_short: bool) -> str:
    """``plain`` from about ``start``, on word bounds, with ellipses, at most ``max_characters`` long."""
    if max_characters <= 2:
        return plain[: max(0, max_characters)]
    if start > 0:
        start = max(0, min(start, len(plain) - (max_characters - 2)))
    if start > 0:
        space = plain.find(" ", start, start + max_characters // 4)
        start = space + 1 if space >= 0 and plain[start - 1] != " " else start
    room = max_characters - (1 if start else 0)
    if len(plain) - start <= room and not cut_short:
        return (ELLIPSIS if start else "") + plain[start:]
    end = min(len(plain), start + room - 1)
    if end < len(plain) and plain[end] != " ":
        space = plain.rfind(" ", start + room // 2, end)
        end = space if space >= 0 else end
    return (ELLIPSIS if start else "") + plain[start:end].rstrip() + ELLIPSIS


def tokens_of(title: str, snippet_text: str) -> int:
    """Tokens that one result spends: characters of title and snippet by four, rounded up."""
    return -(-(len(title) + len(snippet_text)) // CHARACTERS_PER_TOKEN)


def within_budget(costs: Sequence[int], max_tokens: int) -> tuple[int, int]:
    """How many of the results, best first, fit ``max_tokens``, and what they spend.

    The first always fits; the list ends before the first that would pass the budget, so no better one is left out.
    """
    spent = 0
    for count, cost in enumerate(costs):
        if count and spent + cost > max_tokens:
            return count, spent
        spent += cost
    return len(costs), spent


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text, and whether it is a word of the query."""

    text: str
    is_met: bool = False


def marked(text: str, terms: Collection[str]) -> list[Piece]:
    """``text`` in pieces, in order and complete, with the words apart that hold one of the query's ``terms``.

    Punctuation around a word stays outside its mark. Plain text still: whoever shows it escapes each piece.
    """
    wanted = frozenset(terms)
    pieces: list[Piece] = []
    shown = 0
    for word in _WORD.finditer(text) if wanted else ():
        if not wanted & _terms_of(word.group()):
            continue
        parts = [part.span() for part in _PART.finditer(word.group()) if wanted & _terms_of(part.group())]
        for start, end in parts or [(0, len(word.group()))]:
            if word.start() + start > shown:
                pieces.append(Piece(text[shown : word.start() + start]))
            pieces.append(Piece(text[word.start() + start : word.start() + end], is_met=True))
            shown = word.start() + end
    if shown < len(text):
        pieces.append(Piece(text[shown:]))
    return pieces


def terms_met(text: str, terms: Collection[str]) -> frozenset[str]:
    """Those of the query's ``terms`` that the first SCANNED_CHARACTERS of ``text`` hold."""
    wanted = frozenset(terms)
    return frozenset().union(*(wanted & _terms_of(word.group()) for word in _WORD.finditer(text[:SCANNED_CHARACTERS])))
