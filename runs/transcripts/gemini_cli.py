"""Gemini CLI's transcripts: `tmp/<project>/chats/session-<time>-<id>.jsonl`.

A message is written again when its tools have answered; one message counts once. Its input holds what was read from
the cache; what was thought is told apart from its output.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from runs.tokens import TokenCounts
from runs.transcripts import Lines, MessageTally, Session, count_of, moment_of, part_of, text_of

AGENT = "gemini-cli"
LAST_WORDS_READ = 20_000


def read(lines: Iterable[str | bytes]) -> Session:
    """The facts of one session from its lines, in any order and however often repeated. Never raises for what they hold."""
    source = Lines(lines)
    reading = _Reading()
    for record in source:
        reading.take(record)
    return reading.session(AGENT, source)


def reduced(record: dict[str, Any]) -> dict[str, Any]:
    """What of a line tells of usage, without any text; empty where nothing does."""
    messages = []
    for message in _messages(record):
        counts = {name: count for name, count in part_of(message, "tokens").items() if count_of(count) is not None}
        if counts and text_of(message.get("id")):
            words = {name: text_of(message.get(name))[:200] for name in ("id", "timestamp", "type", "model")}
            messages.append({**words, "tokens": counts})
    session = text_of(record.get("sessionId"))[:200]
    if not messages and not session:
        return {}
    return {**({"sessionId": session} if session else {}), **({"messages": messages} if messages else {})}


def last_words(record: dict[str, Any]) -> str:
    """What the agent says in a line, "" for other lines."""
    said = [text_of(message.get("content"))[:LAST_WORDS_READ] for message in _messages(record) if _is_answer(message)]
    return next((text for text in reversed(said) if text), "")


def counts_of(tokens: dict[str, Any]) -> TokenCounts:
    """The kinds of a message's `tokens`: input holds what was cached, and tools' answers beside it."""
    given, cached = count_of(tokens.get("input")), count_of(tokens.get("cached"))
    written, thought = count_of(tokens.get("output")), count_of(tokens.get("thoughts"))
    if given is None and written is None:
        return TokenCounts()
    cached = min(cached or 0, given or 0)
    return TokenCounts(
        tokens_input=(given or 0) - cached + (count_of(tokens.get("tool")) or 0),
        tokens_output=(written or 0) + (thought or 0),
        tokens_cache_read=cached,
    )


class _Reading(MessageTally):
    """What has been seen so far."""

    def take(self, record: dict[str, Any]) -> None:
        """Take one line."""
        self.session_id = self.session_id or text_of(record.get("sessionId"))
        for message in _messages(record):
            at = moment_of(message.get("timestamp"))
            if at is not None:
                self.note_time(at)
            counts = counts_of(part_of(message, "tokens"))
            self.count(text_of(message.get("id")), text_of(message.get("model")), counts)


def _messages(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The messages of a line: itself, or those that it sets."""
    told = record.get("messages") or part_of(record, "$set").get("messages")
    if isinstance(told, list):
        yield from (message for message in told if isinstance(message, dict))
    elif record.get("type"):
        yield record


def _is_answer(message: dict[str, Any]) -> bool:
    return message.get("type") == "gemini"
