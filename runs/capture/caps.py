"""Cutting long texts of a captured body, after its secrets are masked: the other order would leave half a secret."""

import json
from typing import Any

from runs.capture.hooks import LAST_WORDS_NAMES, PROMPT_NAMES, RESULT_NAMES

PROMPT_BYTES = 16 * 1024
# Head and tail: a command's output tells what it was at its beginning and how it went at its end.
TOOL_OUTPUT_BYTES = 2000
# What a tool was given, and whatever else a body holds: a patch is longer than a command.
OTHER_BYTES = 8000
ENTRIES_AT_MOST = 200
DEEPEST = 30
GAP = "\n[… {} bytes …]\n"
# What the gap's own words take at most.
GAP_BYTES = 32
# Quotes, colon and comma of an entry.
PUNCTUATION_BYTES = 8


def cut_body(body: dict[str, Any]) -> dict[str, Any]:
    """A masked body whose texts keep their caps: prompts, tools' outputs, and everything else by its field."""
    kept = {}
    for name, value in list(body.items())[:ENTRIES_AT_MOST]:
        if name in PROMPT_NAMES or name in LAST_WORDS_NAMES:
            most = PROMPT_BYTES
        else:
            most = TOOL_OUTPUT_BYTES if name in RESULT_NAMES else OTHER_BYTES
        kept[cut(name, 200)] = fitted(value, most)
    return kept


def fitted(value: Any, most: int, depth: int = 0) -> Any:
    """A JSON value whose names and texts take at most so many bytes of UTF-8: short parts stay whole, long texts lose
    their middle, and what has no room at all goes."""
    if isinstance(value, str):
        return cut(value, most)
    if not isinstance(value, dict | list):
        return value
    size = size_of(value)
    if size <= most and depth < DEEPEST:
        return value
    if depth >= DEEPEST or most < GAP_BYTES:
        return "[…]"
    entries = list(value.items() if isinstance(value, dict) else enumerate(value))[:ENTRIES_AT_MOST]
    names = [PUNCTUATION_BYTES + (size_of(name) if isinstance(name, str) else 0) for name, _ in entries]
    shares = _shares([size_of(entry) + named for (_, entry), named in zip(entries, names, strict=True)], most)
    short = {
        name: fitted(entry, share - named, depth + 1)
        for (name, entry), named, share in zip(entries, names, shares, strict=True)
        if share > named or (share == named and entry == "")
    }
    return short if isinstance(value, dict) else list(short.values())


def cut(text: str, most: int) -> str:
    """A text of at most so many bytes of UTF-8: its head and its tail, and between them how much was left out."""
    if len(text) <= most // 4:
        return text
    raw = text.encode("utf-8", "replace")
    if len(raw) <= most:
        return text
    room = max(most - GAP_BYTES, 0)
    head = raw[: room - room // 2].decode("utf-8", "ignore")
    tail = raw[len(raw) - room // 2 :].decode("utf-8", "ignore") if room > 1 else ""
    return head + GAP.format(len(raw) - room) + tail if most > GAP_BYTES else head


def size_of(value: Any) -> int:
    """Bytes of a JSON value, roughly: non-ASCII text counts as it is stored."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
    return len(json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace"))


def _shares(sizes: list[int], most: int) -> list[int]:
    """How many bytes each part may take: the short ones what they need, the long ones equal parts of the rest."""
    shares = [0] * len(sizes)
    left, parts = most, len(sizes)
    for place in sorted(range(len(sizes)), key=sizes.__getitem__):
        shares[place] = min(sizes[place], left // parts)
        left -= shares[place]
        parts -= 1
    return shares
