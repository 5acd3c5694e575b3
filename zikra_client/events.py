"""Agents' hook events in one form: whose, of which session, about what; without secrets, and cut to size."""

from __future__ import annotations

import os
import re
import time
from typing import Any, NamedTuple

# What the portal understands; any other event travels under its own name.
EVENTS = {
    "session-start": ("sessionstart", "sessioncreated"),
    "user-prompt": ("userpromptsubmit", "userprompt", "beforesubmitprompt", "beforeagent", "chatmessage"),
    "pre-tool-use": ("pretooluse", "beforetool"),
    "post-tool-use": ("posttooluse", "aftertool", "posttoolusefailure", "toolexecuteafter"),
    "pre-compact": ("precompact", "precompress"),
    "post-compaction": ("postcompaction", "postcompact", "sessioncompacted"),
    "notification": ("notification",),
    "stop": ("stop", "afteragent", "sessionidle"),
    "session-end": ("sessionend", "sessiondeleted"),
}
KNOWN = {word: event for event, words in EVENTS.items() for word in words}
# The agent's words about it that end a turn: the transcript has grown, and so have its costs.
ENDS_A_TURN = frozenset({"stop", "pre-compact", "session-end"})

SESSION_FIELDS = ("session_id", "sessionId", "sessionID", "session", "conversationId", "conversation_id")
DIRECTORY_FIELDS = ("cwd", "current_dir", "working_dir", "directory")
PROMPT_FIELDS = ("prompt", "message", "text")
RESULT_FIELDS = ("tool_response", "tool_output", "output", "result", "error")
PROMPT_BYTES, RESULT_BYTES = 16_384, 2_000
# No single text of an event is longer, whatever it is called: a written file travels as what was done, not as itself.
TEXT_BYTES = 16_384
HOOK_CONTEXT = re.compile(r"\A\s*<hook_context>.*?</hook_context>\s*", re.DOTALL)
CUT = "\n[… {} bytes left out …]\n"


class Event(NamedTuple):
    """One event as it travels. at: whole milliseconds since 1970. key: the same for the same event told twice."""

    name: str
    agent: str
    session_id: str
    directory: str
    body: dict[str, Any]
    at: int
    key: str


def event_name(word: str) -> str:
    """The canonical name of an event, whatever its case and dashes; an unknown one in kebab case."""
    known = KNOWN.get(re.sub(r"[^a-z0-9]", "", word.lower()))
    return (
        known or re.sub(r"[^a-z0-9]+", "-", re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", word).lower()).strip("-") or "other"
    )


def read_event(agent: str, word: str, payload: dict[str, Any], *, now_ms: int | None = None) -> Event:
    """An agent's own hook JSON as an event: secrets masked, then texts cut. word: the event as the agent calls it."""
    # Its patterns take a while to compile: only who masks waits for them.
    from zikra_client.masking import mask_all

    told = str(payload.get("hook_event_name") or "")
    name = event_name(word or told)
    whose = _who_runs_the_hook(agent, payload)
    body, masked = mask_all(_without_context(payload))
    cut = _cut_texts(body)
    if masked:
        cut["zikra_masked"] = masked
    at = int(time.time() * 1000) if now_ms is None else now_ms
    return Event(name, whose, session_of(payload), directory_of(payload), cut, at, _key(whose, name, payload))


def session_of(payload: dict[str, Any]) -> str:
    """The session's id, wherever agents put it; empty when they told none."""
    for field in SESSION_FIELDS:
        if isinstance(payload.get(field), str) and payload[field]:
            return str(payload[field])
    info, properties = payload.get("info"), payload.get("properties")
    if isinstance(info, dict) and isinstance(info.get("id"), str):
        return str(info["id"])
    if isinstance(properties, dict) and isinstance(properties.get("sessionID"), str):
        return str(properties["sessionID"])
    return ""


def directory_of(payload: dict[str, Any]) -> str:
    """The directory that the agent works in; where it told none, where the hook runs."""
    for field in DIRECTORY_FIELDS:
        if isinstance(payload.get(field), str) and payload[field]:
            return str(payload[field])
    roots = payload.get("workspace_roots")
    if isinstance(roots, list) and roots and isinstance(roots[0], str):
        return roots[0]
    return os.environ.get("PWD") or os.getcwd()


def shortened(text: str, limit: int) -> str:
    """Head and tail of a text that has more than `limit` bytes of UTF-8, with what was left out counted between."""
    raw = text.encode("utf-8", errors="replace")
    if len(raw) <= limit:
        return text
    left = CUT.format(len(raw) - limit)
    room = max(0, limit - len(left.encode()))
    head, tail = raw[: room - room // 3], raw[len(raw) - room // 3 :]
    return head.decode("utf-8", errors="ignore") + left + tail.decode("utf-8", errors="ignore")


def _without_context(payload: dict[str, Any]) -> dict[str, Any]:
    """Gemini CLI puts what hooks gave it at a session's start before the first prompt: nobody typed that."""
    prompt = payload.get("prompt")
    if not isinstance(prompt, str) or "<hook_context>" not in prompt[:100]:
        return payload
    return {**payload, "prompt": HOOK_CONTEXT.sub("", prompt)}


def _who_runs_the_hook(agent: str, payload: dict[str, Any]) -> str:
    """Cursor runs Claude Code's hooks too; what it tells then is its own."""
    return "cursor" if agent == "claude-code" and payload.get("cursor_version") else agent


def _key(agent: str, name: str, payload: dict[str, Any]) -> str:
    """An event's own id. What two hooks tell about one event of Cursor has one id; any other event tells itself once."""
    if agent != "cursor":
        return os.urandom(16).hex()
    import hashlib

    told = [agent, name, session_of(payload), str(payload.get("generation_id", ""))]
    told += [str(payload.get(field, "")) for field in ("tool_use_id", "tool_name", "tool_input", *PROMPT_FIELDS)]
    return hashlib.sha256("\x00".join(told).encode("utf-8", errors="replace")).hexdigest()[:32]


def _cut_texts(body: dict[str, Any]) -> dict[str, Any]:
    limits = {**dict.fromkeys(PROMPT_FIELDS, PROMPT_BYTES), **dict.fromkeys(RESULT_FIELDS, RESULT_BYTES)}
    return {field: _cut(value, limits.get(field, TEXT_BYTES)) for field, value in body.items()}


def _cut(value: Any, limit: int) -> Any:
    """The value with every text in it cut. All texts below one field share its room, so that a list hides no flood."""
    room = [limit]

    def cut(part: Any) -> Any:
        if isinstance(part, str):
            kept = shortened(part, max(room[0], 200))
            room[0] -= len(kept)
            return kept
        if isinstance(part, dict):
            return {key: cut(inner) for key, inner in part.items()}
        if isinstance(part, list):
            return [cut(inner) for inner in part[:500]]
        return part

    return cut(value)
