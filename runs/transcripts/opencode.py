"""What OpenCode tells of its messages, one JSON object each, as its plugin hands them on: it keeps them in a database.

A message counts once, by its largest total. Its kinds of tokens do not overlap: what was read from a cache is not among
its input, and thoughts are not among its output (`total` is the sum of all where it is told).
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from runs.tokens import TokenCounts
from runs.transcripts import EARLIEST, LATEST, Lines, MessageTally, Session, count_of, part_of, text_of

AGENT = "opencode"


def read(lines: Iterable[str | bytes]) -> Session:
    """The facts of one session from its lines, in any order and however often repeated. Never raises for what they hold."""
    source = Lines(lines)
    reading = _Reading()
    for record in source:
        reading.take(record)
    return reading.session(AGENT, source)


def reduced(record: dict[str, Any]) -> dict[str, Any]:
    """What of a line tells of usage, without any text; empty where nothing does."""
    if not text_of(record.get("id")) or not counts_of(part_of(record, "tokens")).is_known:
        return {}
    words = {name: text_of(record.get(name))[:200] for name in ("id", "sessionID", "modelID")}
    return {**words, "tokens": _numbers(part_of(record, "tokens")), "time": _numbers(part_of(record, "time"))}


def last_words(_record: dict[str, Any]) -> str:
    """Nothing: its plugin tells the last answer beside the messages."""
    return ""


def counts_of(tokens: dict[str, Any]) -> TokenCounts:
    """The kinds of a message's `tokens`; what was thought is output too."""
    cache = part_of(tokens, "cache")
    given, written = count_of(tokens.get("input")), count_of(tokens.get("output"))
    if given is None and written is None:
        return TokenCounts()
    kept, stored = count_of(cache.get("read")) or 0, count_of(cache.get("write")) or 0
    thought = count_of(tokens.get("reasoning")) or 0
    # Some of its versions counted thoughts into the output as well.
    is_among_output = count_of(tokens.get("total")) == (given or 0) + (written or 0) + kept + stored
    return TokenCounts(
        tokens_input=given or 0,
        tokens_output=(written or 0) + (0 if is_among_output else thought),
        tokens_cache_read=kept,
        tokens_cache_write_5m=stored,
    )


class _Reading(MessageTally):
    """What has been seen so far."""

    def take(self, record: dict[str, Any]) -> None:
        """Take one line."""
        self.session_id = self.session_id or text_of(record.get("sessionID"))
        told = part_of(record, "time")
        for moment in filter(None, (_moment(told.get(name)) for name in ("created", "completed"))):
            self.note_time(moment)
        self.count(text_of(record.get("id")), text_of(record.get("modelID")), counts_of(part_of(record, "tokens")))


def _moment(told: Any) -> datetime | None:
    """A time in milliseconds since 1970, None for anything else and for times out of all reason."""
    milliseconds = count_of(told)
    if milliseconds is None or not EARLIEST.timestamp() <= milliseconds / 1000 < LATEST.timestamp():
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _numbers(told: dict[str, Any]) -> dict[str, Any]:
    """Its counts, one level of objects in it too."""
    kept: dict[str, Any] = {name[:60]: count for name, count in told.items() if count_of(count) is not None}
    return kept | {
        name[:60]: _numbers(inner) for name, inner in told.items() if name == "cache" and isinstance(inner, dict)
    }
