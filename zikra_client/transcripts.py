"""What a session's transcript tells about tokens: the lines that carry usage, masked, with no words but the last answer's."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from zikra_client.events import shortened
from zikra_client.masking import mask, mask_all
from zikra_client.places import marks_of, read_json, write_private

# One event carries so much; what is left is sent with the next one.
LINES_AT_MOST, BYTES_AT_MOST = 2_000, 24 * 1024 * 1024
# Keys of Claude Code's lines that say which request it was, of which session, and what it took.
CLAUDE_LINE = ("type", "timestamp", "sessionId", "requestId", "uuid", "isSidechain", "agentId", "costUSD", "version")
CLAUDE_MESSAGE = ("id", "model", "role", "usage", "type", "stop_reason")
# Of what the agent said, so much travels: the portal shows the last answer.
ANSWER_BYTES = 4_000
# A line without any of these tells nothing that travels.
MARKS = (
    *(b'"usage"', b'"token_count"', b'"turn_context"', b'"session_meta"', b'"tokens"'),
    *(b'"FileChange"', b'"patch_apply_end"'),
)
CODEX_CONTEXT = ("model", "cwd", "turn_id")
CODEX_META = (
    *("id", "session_id", "timestamp", "cwd", "originator", "cli_version", "model", "model_provider", "git"),
    # Whose child a thread is: its first totals count what its parent took.
    *("forked_from_id", "parent_thread_id", "source"),
)
# A rollout's name ends with its thread's id.
THREAD_LENGTH = 36
OPENCODE_MESSAGE = ("id", "sessionID", "modelID", "tokens", "time")
GEMINI_MESSAGE = ("id", "type", "timestamp", "model", "tokens")


def usage_since_last_time(agent: str, session_id: str, transcript: str) -> list[dict[str, Any]]:
    """The parts of a session's transcript that were written since the last call, one dict a file.

    Each has `agent`, `thread` (the file's stem), `offset` (bytes before this part) and `lines` (JSON texts). Marks of
    how far it has read are kept in the client's directory; a part may come twice, and the portal counts it once.
    """
    if not transcript or not session_id:
        return []
    marks_path = marks_of(session_id)
    marks = read_json(marks_path)
    parts = []
    for path in _files(agent, transcript):
        offset = int(marks.get(path, 0))
        read_to, lines = _part(agent, path, offset)
        if lines:
            thread = _thread(agent, path)
            told = [json.dumps(mask_all(line)[0], separators=(",", ":")) for line in lines]
            parts.append({"agent": agent, "thread": thread, "offset": offset, "lines": told})
        marks[path] = read_to
    write_private(marks_path, json.dumps(marks))
    return parts


def usage_told(agent: str, session_id: str, messages: Any) -> list[dict[str, Any]]:
    """The part for what a plugin tells of its messages by itself, as a list of objects: only numbers and names travel."""
    listed = messages if isinstance(messages, list) else []
    kept = [_only(message, OPENCODE_MESSAGE) for message in listed[-LINES_AT_MOST:] if isinstance(message, dict)]
    counted = [mask_all(message)[0] for message in kept if isinstance(message.get("tokens"), dict)]
    lines = [json.dumps(message, separators=(",", ":")) for message in counted]
    return [{"agent": agent, "thread": session_id, "offset": 0, "lines": lines}] if lines else []


def _thread(agent: str, path: str) -> str:
    stem = os.path.splitext(os.path.basename(path))[0]
    return stem[-THREAD_LENGTH:] if agent == "codex" else stem


def _files(agent: str, transcript: str) -> Iterator[str]:
    yield transcript
    if agent == "claude-code":
        beside = os.path.join(os.path.splitext(transcript)[0], "subagents")
        names = sorted(os.listdir(beside)) if os.path.isdir(beside) else []
        for name in names:
            if name.endswith(".jsonl"):
                yield os.path.join(beside, name)


def _part(agent: str, path: str, offset: int) -> tuple[int, list[dict[str, Any]]]:
    """How far a file has been read now, and what its new lines tell. A file that cannot be read tells nothing."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            first = [file.readline()] if agent == "codex" and 0 < offset <= size else []
            file.seek(offset if offset <= size else 0)
            raw = file.read(BYTES_AT_MOST)
    except OSError:
        return offset, []
    read = offset if offset <= size else 0
    # Which session it is stands in a rollout's first line only.
    lines = [kept for line in first if (kept := _kept(agent, line))]
    # A line that is being written is read the next time.
    for line in raw[: raw.rfind(b"\n") + 1].splitlines(keepends=True):
        if len(lines) >= LINES_AT_MOST:
            break
        read += len(line)
        kept = _kept(agent, line)
        if kept:
            lines.append(kept)
    return read, lines if len(lines) > len(first) else []


def _kept(agent: str, line: bytes) -> dict[str, Any] | None:
    """A line without its words, when it tells anything about tokens or models."""
    if not any(mark in line for mark in MARKS):
        return None
    try:
        told = json.loads(line)
    except ValueError:
        return None
    if not isinstance(told, dict):
        return None
    return {"claude-code": _claude, "codex": _codex}.get(agent, _gemini)(told)


def _claude(told: dict[str, Any]) -> dict[str, Any] | None:
    message = told.get("message")
    if told.get("type") != "assistant" or not isinstance(message, dict) or not isinstance(message.get("usage"), dict):
        return None
    return {**_only(told, CLAUDE_LINE), "message": {**_only(message, CLAUDE_MESSAGE), "content": _said(message)}}


def _said(message: dict[str, Any]) -> list[dict[str, str]]:
    """What was said to the person, without thoughts and without what tools were given."""
    blocks = message.get("content")
    texts = [
        str(block.get("text") or "")
        for block in (blocks if isinstance(blocks, list) else [])
        if isinstance(block, dict) and block.get("type") == "text"
    ]
    # Masked before it is cut: the other order leaks half a secret.
    return [{"type": "text", "text": shortened(mask(text).text, ANSWER_BYTES)} for text in texts if text]


def _codex(told: dict[str, Any]) -> dict[str, Any] | None:
    payload = told.get("payload")
    if not isinstance(payload, dict):
        return None
    head = _only(told, ("timestamp", "type", "ordinal"))
    if told.get("type") == "session_meta":
        return {**head, "payload": _only(payload, CODEX_META)}
    if told.get("type") == "turn_context":
        return {**head, "payload": _only(payload, CODEX_CONTEXT)}
    if payload.get("type") == "token_count":
        return {**head, "payload": _only(payload, ("type", "info"))}
    # Of a patch that a shell ran, Codex tells its hooks nothing: only here stands which files it changed.
    if payload.get("type") == "patch_apply_end":
        return {**head, "payload": {**_only(payload, ("type", "success")), "changes": _paths(payload)}}
    item = payload.get("item")
    if payload.get("type") == "item_completed" and isinstance(item, dict) and item.get("type") == "FileChange":
        kept = {**_only(item, ("type", "status")), "changes": _paths(item)}
        return {**head, "payload": {"type": "item_completed", "item": kept}}
    return None


def _paths(change: dict[str, Any]) -> list[dict[str, str]]:
    """The paths of a change, without what was written there."""
    changes = change.get("changes")
    if isinstance(changes, dict):
        return [{"path": str(path)} for path in changes]
    listed = changes if isinstance(changes, list) else []
    return [{"path": str(one["path"])} for one in listed if isinstance(one, dict) and "path" in one]


def _gemini(told: dict[str, Any]) -> dict[str, Any] | None:
    return _only(told, GEMINI_MESSAGE) if isinstance(told.get("tokens"), dict) else None


def _only(held: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: held[name] for name in names if name in held}
