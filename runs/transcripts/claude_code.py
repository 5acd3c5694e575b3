"""Claude Code's transcripts: `projects/<directory>/<session>.jsonl` and `<session>/subagents/*.jsonl` beside it.

A message is written several times while it streams, and again wherever a transcript goes on from another one
(subagents, forks): one message counts once, with the largest total that was seen.
"""

import json
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from runs.tokens import TokenCounts
from runs.transcripts import (
    PROMPT_READ,
    CountedMessage,
    Lines,
    Session,
    count_of,
    inside,
    key_of,
    moment_of,
    opening,
    part_of,
    text_of,
    usage_by_model,
)

AGENT = "claude-code"
# What the program itself says in a model's place: no model was asked, so nothing was used.
NO_MODEL = "<synthetic>"
EDITORS = {"Write": "file_path", "Edit": "file_path", "MultiEdit": "file_path", "NotebookEdit": "notebook_path"}
# What the program puts into a person's mouth: its own commands, their output, its notices.
NOT_TYPED = (
    *("<command-", "<local-command-", "<bash-", "<system-reminder", "<task-notification", "<user-prompt-submit-hook"),
    *("Caveat: The messages below", "[Request interrupted", "This session is being continued"),
)


def read(lines: Iterable[str | bytes], *, taken: Container[int] = frozenset(), session_id: str = "") -> Session:
    """The facts of one session from the lines of all its files, in any order and however often repeated.

    taken: `keys` of sessions that were counted before; what was copied from them counts there. session_id: what the
    session is called; without it, what its lines say. Never raises for what the lines hold.
    """
    source = Lines(lines)
    reading = _Reading(taken=taken, session_id=session_id)
    for record in source:
        reading.take(record)
    return reading.session(source)


def counts_of(usage: dict[str, Any]) -> TokenCounts:
    """The five kinds of a message's `usage`. Cache writes that nobody says the life of count as 5 minutes."""
    split = part_of(usage, "cache_creation")
    short, long = count_of(split.get("ephemeral_5m_input_tokens")), count_of(split.get("ephemeral_1h_input_tokens"))
    written = count_of(usage.get("cache_creation_input_tokens"))
    if written is not None:
        short = max(written - (long or 0), short or 0)
    return TokenCounts(
        tokens_input=count_of(usage.get("input_tokens")),
        tokens_output=count_of(usage.get("output_tokens")),
        tokens_cache_read=count_of(usage.get("cache_read_input_tokens")),
        tokens_cache_write_5m=short,
        tokens_cache_write_1h=long,
    )


@dataclass
class _Reading:
    """What has been seen so far. Of two lines that tell the same thing the earlier or larger one holds, in any order."""

    taken: Container[int]
    session_id: str
    messages: dict[int, CountedMessage] = field(default_factory=dict)
    keys: set[int] = field(default_factory=set)
    times: list[datetime] = field(default_factory=list)
    cwd: tuple[datetime, str] | None = None
    branch: tuple[datetime, str] | None = None
    prompt: tuple[datetime, str] | None = None
    edits: dict[str, str] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def take(self, record: dict[str, Any]) -> None:
        """Take one line, unless it is a copy of another session's."""
        key = key_of("line", text_of(record.get("uuid"))) if text_of(record.get("uuid")) else None
        if record.get("forkedFrom") or (key is not None and key in self.taken):
            return
        if key is not None:
            self.keys.add(key)
        self.session_id = self.session_id or text_of(record.get("sessionId"))
        moment = moment_of(record.get("timestamp"))
        if moment is not None:
            self._place(record, moment)
        message = part_of(record, "message")
        if record.get("type") == "assistant":
            self._count(record, message)
        for block in _blocks(message):
            self._edit(block)

    def _place(self, record: dict[str, Any], moment: datetime) -> None:
        self.times = [min([*self.times, moment]), max([*self.times, moment])]
        cwd, branch = text_of(record.get("cwd")), text_of(record.get("gitBranch"))
        if cwd:
            self.cwd = min(self.cwd or (moment, cwd), (moment, cwd))
        if branch:
            self.branch = max(self.branch or (moment, branch), (moment, branch))
        prompt = _typed(record)
        if prompt:
            self.prompt = min(self.prompt or (moment, prompt), (moment, prompt))

    def _count(self, record: dict[str, Any], message: dict[str, Any]) -> None:
        counts, model = counts_of(part_of(message, "usage")), text_of(message.get("model"))
        if model == NO_MODEL or not counts.is_known:
            return
        key = _message_key(record, message)
        if key in self.taken:
            return
        self.keys.add(key)
        weighed = (counts.total, tuple(-1 if count is None else count for count in counts.known()), model)
        if key not in self.messages or weighed > self.messages[key][:3]:
            self.messages[key] = (*weighed, counts)

    def _edit(self, block: dict[str, Any]) -> None:
        if block.get("type") == "tool_use":
            name, called = text_of(block.get("name")), text_of(block.get("id"))
            path = text_of(part_of(block, "input").get(EDITORS.get(name, "")))
            if path and called:
                self.edits[called] = path
        elif block.get("type") == "tool_result" and not block.get("is_error"):
            self.done.add(text_of(block.get("tool_use_id")))

    def session(self, source: Lines) -> Session:
        """What it comes to."""
        cwd = self.cwd[1] if self.cwd else ""
        return Session(
            agent=AGENT,
            session_id=self.session_id,
            started_at=self.times[0] if self.times else None,
            last_at=self.times[1] if self.times else None,
            cwd=cwd,
            branch=self.branch[1] if self.branch else "",
            first_prompt=opening(self.prompt[1]) if self.prompt else "",
            files_modified=tuple(sorted({inside(path, cwd) for call, path in self.edits.items() if call in self.done})),
            usage=usage_by_model(self.messages.values()),
            keys=frozenset(self.keys),
            lines=source.read,
            broken_lines=source.broken,
        )


def _message_key(record: dict[str, Any], message: dict[str, Any]) -> int:
    """One message's own mark; a line that names no message is known by its own id, or else by all it says."""
    name = text_of(message.get("id"))
    if name:
        return key_of("message", name, text_of(record.get("requestId")))
    return key_of("line", text_of(record.get("uuid")) or json.dumps(record, sort_keys=True))


def _blocks(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    content = message.get("content")
    if isinstance(content, list):
        yield from (block for block in content if isinstance(block, dict))


def _typed(record: dict[str, Any]) -> str:
    """The beginning of what a person typed, or "" for every other line."""
    if record.get("type") != "user" or any(
        record.get(mark) for mark in ("isMeta", "isSidechain", "isCompactSummary", "isVisibleInTranscriptOnly")
    ):
        return ""
    message = part_of(record, "message")
    content = message.get("content")
    texts = (
        [content] if isinstance(content, str) else [b.get("text") for b in _blocks(message) if b.get("type") == "text"]
    )
    return next((text[:PROMPT_READ] for text in map(text_of, texts) if text and not text.startswith(NOT_TYPED)), "")
