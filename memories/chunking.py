"""What is embedded of a memory: many small passages, of which the best one counts.

A vector of a whole memory blurs what it holds; a vector of one statement answers one question. So a text is cut into
units (a turn of talk, a line, a sentence), and a passage is a unit, or a unit with the one before it for context.
Long texts get coarser passages, since each token costs the embedder time; very long ones are sampled evenly.
"""

import re
from collections import Counter
from itertools import pairwise

MAX_PASSAGE_TOKENS = 300
"""Estimated tokens of one passage. Small embedders read 512; random letters, the worst text measured, take 1.6 times
the estimate."""

MAX_PASSAGES = 128
"""Passages of one memory: a bound on its cost, about 40 seconds of one core at 1.1 ms a token. They cover some 100,000
characters of prose without a gap; of longer texts, what lies between them is found by keyword."""

UNIT_TOKENS = 60
"""Statements are filled up to about this size: a turn of talk or two or three sentences. Measured on conversations:
each statement with the one before it finds more than the statement alone or the whole memory as one vector."""

FINE_TOKENS = 400
"""Up to this size a memory is embedded about twice over (each statement in two passages)."""

MIN_UNIT_TOKENS = 12
"""A smaller unit ("Yes, thanks!") says nothing alone and joins its neighbour."""

WINDOW_TOKENS = 200
"""The smallest window of a memory that is longer than FINE_TOKENS: a paragraph."""

TAIL_CHARACTERS = 4_000
"""Of the end of a memory, where its last statement is looked for."""

EMPTY = "(empty)"
"""What is embedded of a memory without a word, so that each has a vector."""

_TOKEN = re.compile(
    r"(?P<letters>[A-Za-z]+)|(?P<space>\s+)|(?P<latin>[\u00c0-\u024f\u0370-\u06ff]+)|(?P<other>.)", re.DOTALL
)
_LETTERS_PER_TOKEN = 3.0  # 4 to 5 in English prose; identifiers and other languages take more tokens
_OTHER_LETTERS_PER_TOKEN = 2.0
_LONG_WORD = 20  # letters; longer runs are blobs, where an embedder's vocabulary knows single letters only


_SHORT = 40
_LETTERS = re.compile(r"[A-Za-z]+")
_LATIN = re.compile(r"[\u00c0-\u024f\u0370-\u06ff]+")
_ASTRAL = re.compile(r"[\U00010000-\U0010ffff]")


def estimated_tokens(text: str) -> int:
    """A cautious count of the tokens an embedder makes of ``text``: rather too many than too few.

    Letters of one word count a third each (half in other alphabets), blobs, digits, signs and characters of scripts
    without spaces one each. In a long text words of one length are counted together: a memory may hold a mebibyte.
    """
    if len(text) <= _SHORT:
        return int(sum(map(_cost, _TOKEN.finditer(text))) + 0.999)
    cost, others = 0.0, sum(map(len, text.split())) + (0 if text.isascii() else len(_ASTRAL.findall(text)))
    for words, letters_per_token in ((_LETTERS, _LETTERS_PER_TOKEN), (_LATIN, _OTHER_LETTERS_PER_TOKEN)):
        if words is _LATIN and text.isascii():
            continue
        for length, count in Counter(map(len, words.findall(text))).items():
            cost += count * _cost_of_word(length, letters_per_token)
            others -= count * length
    return int(cost + others + 0.999)


def _cost_of_word(length: int, letters_per_token: float) -> float:
    return length if length > _LONG_WORD else max(1.0, length / letters_per_token)


def _cost(token: re.Match[str]) -> float:
    """What one match of _TOKEN counts for in estimated_tokens."""
    kind, length = token.lastgroup, token.end() - token.start()
    if kind == "letters":
        return _cost_of_word(length, _LETTERS_PER_TOKEN)
    if kind == "latin":
        return _cost_of_word(length, _OTHER_LETTERS_PER_TOKEN)
    if kind == "space":
        return 0.0
    return 1.0 if ord(token.group()) < 0x10000 else 2.0


_TURN = re.compile(r"(?<=[.!?…\])\"'”’»])\s+(?=[A-Z][\w.'’-]{0,24}(?: [A-Z][\w.'’-]{0,24}){0,2}: )")
"""Before the name of the next speaker, where talk stands on one line: "Ana: Done? Ben: Yes."."""

_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’»)\]]{0,2}\s+|(?<=[。！？｡])")
_SPACE = re.compile(r"\s+")


def _cut(text: str, limit: float) -> list[str]:
    """``text`` in pieces of at most ``limit`` estimated tokens, at white space where there is some."""
    if estimated_tokens(text) <= limit:
        return [stripped] if (stripped := text.strip()) else []
    pieces, start, spent, last_space, spent_at_space = [], 0, 0.0, -1, 0.0
    for token in _TOKEN.finditer(text):
        kind, length = token.lastgroup, token.end() - token.start()
        blob = kind in ("letters", "latin") and length > limit / 2
        for place, cost in _places(token, blob):
            if spent + cost > limit and place > start:
                if last_space > start:
                    pieces.append(text[start:last_space])
                    start, spent = last_space, spent - spent_at_space
                else:
                    pieces.append(text[start:place])
                    start, spent = place, 0.0
                last_space, spent_at_space = -1, 0.0
            spent += cost
        if kind == "space":
            last_space, spent_at_space = token.end(), spent
    pieces.append(text[start:])
    return [piece for piece in (piece.strip() for piece in pieces) if piece]


def _places(token: re.Match[str], blob: bool) -> list[tuple[int, float]]:
    """Where a token may be cut, with the cost of each piece: a blob anywhere, others only before them."""
    if blob:
        return [(place, 1.0) for place in range(token.start(), token.end())]
    return [(token.start(), _cost(token))]


def _blocks(content: str) -> list[str]:
    """Turns of talk and lines, in order, without empty ones."""
    return [
        block for line in content.splitlines() if line.strip() for block in _TURN.split(line.strip()) if block.strip()
    ]


def _merged(pieces: list[str], size: int, joint: str) -> list[str]:
    """Neighbours joined while they stay within ``size`` estimated tokens."""
    merged: list[str] = []
    spent = 0
    for piece in pieces:
        cost = estimated_tokens(piece)
        if merged and spent + cost <= size:
            merged[-1] += joint + piece
            spent += cost
        else:
            merged.append(piece)
            spent = cost
    return merged


def _units(content: str, size: int) -> list[str]:
    """Statements of about ``size`` tokens: small blocks joined, large ones cut at sentences, then anywhere."""
    units: list[str] = []
    for block in _blocks(content):
        if estimated_tokens(block) <= size:
            units.append(block)
            continue
        sentences = [part for sentence in _SENTENCE.split(block) if sentence for part in _cut(sentence, size)]
        units.extend(_merged(sentences, size, " "))
    return units


def _statements(content: str) -> list[str]:
    """Units of UNIT_TOKENS, where one too small to say anything alone ("Yes, thanks!") joins its neighbour."""
    statements: list[str] = []
    short = False
    for unit in _units(content, UNIT_TOKENS):
        was_short, short = short, estimated_tokens(unit) < MIN_UNIT_TOKENS
        if statements and (short or was_short):
            statements[-1] += " " + unit
            short = estimated_tokens(statements[-1]) < MIN_UNIT_TOKENS
        else:
            statements.append(unit)
    return statements


def last_statement(content: str) -> str:
    """What ``passages`` of the next memory of the same source takes as its context: the end of this one."""
    statements = _statements(content[-TAIL_CHARACTERS:].replace("\x00", " "))
    return statements[-1] if statements else ""


def passages(title: str, content: str, before: str = "") -> list[str]:
    """The texts to embed for one memory, at least one, at most MAX_PASSAGES, each within MAX_PASSAGE_TOKENS.

    A memory up to FINE_TOKENS gives each of its statements with the one before it, so that every token is embedded
    twice; a longer one gives windows of growing size, each token once, under the title; one beyond the bound is sampled
    evenly from its first to its last words. What stands before the first statement is ``before``, the
    ``last_statement`` of the memory before it in the same source, or else the title. Dates are not embedded: the
    keyword leg finds them by their words, and here they would cost tokens of each passage.
    """
    title = (_cut(title.replace("\x00", " "), UNIT_TOKENS) or [""])[0]
    content = content.replace("\x00", " ")
    lead = (_cut(before.replace("\x00", " "), 2 * UNIT_TOKENS) or [""])[0] or title
    size = estimated_tokens(content)
    if size <= FINE_TOKENS:
        statements = [lead, *_statements(content)]
        windows = [_joined(pair) for pair in pairwise(statements)] or [lead]
    else:
        window = min(MAX_PASSAGE_TOKENS - UNIT_TOKENS, max(WINDOW_TOKENS, size // (MAX_PASSAGES // 2)))
        texts = _sampled(_merged(_units(content, window), window, "\n"))
        windows = [_joined((title, text)) for text in texts]
    return list(dict.fromkeys(filter(None, windows))) or [EMPTY]


def _joined(pair: tuple[str, str]) -> str:
    return " ".join(filter(None, pair))


def _sampled(windows: list[str]) -> list[str]:
    """All windows, or MAX_PASSAGES of them at even distances with the first and the last."""
    if len(windows) <= MAX_PASSAGES:
        return windows
    step = (len(windows) - 1) / (MAX_PASSAGES - 1)
    return [windows[round(place * step)] for place in range(MAX_PASSAGES)]
