"""The tail of a transcript that a client sends along, and what is kept of it: who used how many tokens and
changed which files, no texts.

A client sends what was written since it last did. The parts of a session are read together, as its transcript would
be; the readers count a message once however often they see it, so a part that is sent again doubles nothing.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from access.masking import mask
from runs.transcripts import Lines, Session, claude_code, codex, gemini_cli, opencode, part_of, text_of
from runs.transcripts.claude_code import EDITORS

# Of one part; a session's longest answer and its tools are some hundred lines.
LINES_AT_MOST = 20_000
PARTS_AT_MOST = 50
ID_LENGTH = 200
PATH_LENGTH = 1000
PATHS_AT_MOST = 200
LAST_WORDS_BYTES = 4000


@dataclass(frozen=True)
class Tail:
    """One file's part: which agent wrote it, in which thread, from which offset on, and the lines that count."""

    agent: str
    thread: str
    offset: int
    lines: list[str]
    last_words: str = ""

    @property
    def kept(self) -> dict[str, Any]:
        """As it stands beside the event."""
        return {
            "agent": self.agent,
            "thread": self.thread,
            "offset": self.offset,
            "lines": self.lines,
            "last_words": self.last_words,
        }


def tails_of(sent: Any) -> list[Tail]:
    """What `zikra_transcript` holds: an object, or a list of them, one for each file. What is none of that is left out."""
    parts = sent if isinstance(sent, list) else [sent]
    return [tail for tail in map(_tail_of, parts[:PARTS_AT_MOST]) if tail is not None]


def session_of_tails(tails: Iterable[dict[str, Any]]) -> Session | None:
    """The facts of a session from all parts that were kept of it; None where there are none."""
    by_agent: dict[str, dict[str, list[str]]] = {}
    for tail in tails:
        threads = by_agent.setdefault(tail.get("agent", ""), {})
        threads.setdefault(tail.get("thread", ""), []).extend(tail.get("lines") or [])
    whole: Session | None = None
    for agent, threads in sorted(by_agent.items()):
        for part in _read(agent, threads):
            whole = part if whole is None else whole.joined(part)
    return whole


def _read(agent: str, threads: dict[str, list[str]]) -> Iterator[Session]:
    if agent == claude_code.AGENT:
        # A session's files are read as one: a message may stand in several of them.
        yield claude_code.read(line for lines in threads.values() for line in lines)
    elif agent == codex.AGENT:
        # A file's own first line names its thread, whatever the file is called.
        yield from (codex.read(lines) for lines in threads.values())
    elif agent == gemini_cli.AGENT:
        yield from (gemini_cli.read(lines) for lines in threads.values())
    elif agent == opencode.AGENT:
        yield from (opencode.read(lines) for lines in threads.values())


def _tail_of(sent: Any) -> Tail | None:
    if not isinstance(sent, dict):
        return None
    agent = _agent_of(f"{text_of(sent.get('format'))} {text_of(sent.get('agent'))}".casefold())
    reduce = REDUCERS.get(agent)
    if reduce is None:
        return None
    told = sent.get("lines")
    lines = told if isinstance(told, list) else text_of(sent.get("text")).splitlines()
    source = Lines(line if isinstance(line, str | bytes) else json.dumps(line) for line in lines[:LINES_AT_MOST])
    kept, last_words = [], ""
    for record in source:
        reduced = reduce(record)
        if reduced:
            kept.append(json.dumps(reduced, ensure_ascii=True, separators=(",", ":")))
        last_words = LAST_WORDS[agent](record) or last_words
    offset = sent.get("offset")
    return Tail(
        agent=agent,
        thread=text_of(sent.get("thread"))[:ID_LENGTH],
        offset=offset if isinstance(offset, int) and 0 <= offset < 2**53 else 0,
        lines=kept,
        last_words=mask(last_words).text.encode("utf-8", "replace")[:LAST_WORDS_BYTES].decode("utf-8", "ignore"),
    )


def _agent_of(told: str) -> str:
    agents = (claude_code.AGENT, codex.AGENT, gemini_cli.AGENT, opencode.AGENT)
    for word, agent in zip(("claude", "codex", "gemini", "opencode"), agents, strict=True):
        if word in told:
            return agent
    return ""


# --- what is kept of a line -------------------------------------------------------------------------------------------


def _picked(record: dict[str, Any], *names: str) -> dict[str, Any]:
    """Those fields that are short words or numbers."""
    return {
        name: text_of(value)[:ID_LENGTH] if isinstance(value, str) else value
        for name in names
        if isinstance(value := record.get(name), str | int | float) and value != ""
    }


def _place(record: dict[str, Any], *names: str) -> dict[str, Any]:
    """Those fields that are paths or addresses, masked."""
    return {name: mask(told).text[:PATH_LENGTH] for name in names if (told := text_of(record.get(name)))}


def _counts(record: dict[str, Any], name: str) -> dict[str, Any]:
    """An object of numbers under this name, one level of objects in it too."""
    told = part_of(record, name)
    numbers: dict[str, Any] = {key[:60]: value for key, value in told.items() if isinstance(value, int | float)}
    for key, inner in told.items():
        if isinstance(inner, dict):
            numbers[key[:60]] = {word[:60]: value for word, value in inner.items() if isinstance(value, int | float)}
    return {name: numbers} if numbers else {}


def _reduced_claude_code(record: dict[str, Any]) -> dict[str, Any]:
    message = part_of(record, "message")
    content = message.get("content")
    blocks = (
        [_claude_code_block(block) for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    )
    kept = {**_picked(message, "id", "model"), **_counts(message, "usage"), "content": list(filter(None, blocks))}
    if "usage" not in kept and not kept["content"]:
        return {}
    names = ("type", "uuid", "sessionId", "requestId", "timestamp", "gitBranch", "isSidechain")
    forked = {"forkedFrom": True} if record.get("forkedFrom") else {}
    return {**_picked(record, *names), **_place(record, "cwd"), **forked, "message": kept}


def _claude_code_block(block: dict[str, Any]) -> dict[str, Any]:
    if block.get("type") == "tool_use":
        name = EDITORS.get(text_of(block.get("name")))
        path = _place(part_of(block, "input"), name) if name else {}
        return {**_picked(block, "type", "name", "id"), "input": path} if path else {}
    return _picked(block, "type", "tool_use_id", "is_error") if block.get("type") == "tool_result" else {}


def _reduced_codex(record: dict[str, Any]) -> dict[str, Any]:
    payload = part_of(record, "payload")
    outer = _picked(record, "type", "timestamp", "ordinal")
    kind = record.get("type")
    if kind == "session_meta":
        spawn = part_of(part_of(part_of(payload, "source"), "subagent"), "thread_spawn")
        kept = {
            **_picked(payload, "id", "session_id", "forked_from_id", "parent_thread_id", "timestamp"),
            **_place(payload, "cwd"),
            "git": {**_picked(part_of(payload, "git"), "branch"), **_place(part_of(payload, "git"), "repository_url")},
            "source": {"subagent": {"thread_spawn": _picked(spawn, "parent_thread_id")}},
        }
        return {**outer, "payload": kept}
    if kind == "turn_context":
        return {**outer, "payload": {**_picked(payload, "model"), **_place(payload, "cwd")}}
    if kind == "event_msg" and payload.get("type") == "token_count":
        info = part_of(payload, "info")
        counts = {**_counts(info, "total_token_usage"), **_counts(info, "last_token_usage")}
        return {**outer, "payload": {"type": "token_count", "info": counts}}
    item = part_of(payload, "item")
    if kind == "event_msg" and payload.get("type") == "patch_apply_end":
        done = {"type": "patch_apply_end", "success": payload.get("success") is True}
        return {**outer, "payload": {**done, "changes": _changes(payload)}}
    if kind == "event_msg" and payload.get("type") == "item_completed" and item.get("type") == "FileChange":
        changed = {**_picked(item, "type", "status"), "changes": _changes(item)}
        return {**outer, "payload": {"type": "item_completed", "item": changed}}
    return {}


def _changes(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The paths of a change, whether it names them or lists them, without what was written there."""
    changes = record.get("changes")
    told = [{"path": path} for path in changes] if isinstance(changes, dict) else changes
    listed = told if isinstance(told, list) else []
    return [kept for one in listed[:PATHS_AT_MOST] if isinstance(one, dict) and (kept := _place(one, "path"))]


def _last_words_of_claude_code(record: dict[str, Any]) -> str:
    if record.get("type") != "assistant" or record.get("isSidechain"):
        return ""
    content = part_of(record, "message").get("content")
    blocks = content if isinstance(content, list) else []
    texts = [text_of(block.get("text")) for block in blocks if isinstance(block, dict) and block.get("type") == "text"]
    return "\n\n".join(filter(None, texts))


def _last_words_of_codex(record: dict[str, Any]) -> str:
    payload = part_of(record, "payload")
    return text_of(payload.get("message")) if payload.get("type") == "agent_message" else ""


REDUCERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    claude_code.AGENT: _reduced_claude_code,
    codex.AGENT: _reduced_codex,
    gemini_cli.AGENT: gemini_cli.reduced,
    opencode.AGENT: opencode.reduced,
}
LAST_WORDS: dict[str, Callable[[dict[str, Any]], str]] = {
    claude_code.AGENT: _last_words_of_claude_code,
    codex.AGENT: _last_words_of_codex,
    gemini_cli.AGENT: gemini_cli.last_words,
    opencode.AGENT: opencode.last_words,
}
